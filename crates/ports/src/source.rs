//! A source of accounts: our own store and every outside provider answer through this port.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    query::{AccessPath, CountMode, Total, UserQuery},
    tenant::Tenant,
};
use thiserror::Error;

/// What every call to a source carries.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// For whom; a source never answers with another tenant's accounts.
    pub tenant: Arc<Tenant>,
    /// When the answer is of no more use; a source gives up by then.
    pub deadline: Instant,
    /// Who waits.
    pub priority: Priority,
    /// Counts the calls that leave us on behalf of this request; clones count together.
    pub calls: CallCount,
    /// The read that the calls belong to.
    pub read: ReadHandle,
    /// For how long the caller waits where calls are scarce.
    pub wait: WaitPolicy,
    /// When the first call of the read must have left us: where its turn comes later, none is made.
    pub start_by: Option<Instant>,
}

impl CallContext {
    /// A context on whose behalf nothing has left us yet.
    #[must_use]
    pub fn new(tenant: Arc<Tenant>, deadline: Instant, priority: Priority) -> Self {
        Self {
            tenant,
            deadline,
            priority,
            calls: CallCount::default(),
            read: ReadHandle::default(),
            wait: WaitPolicy::default(),
            start_by: None,
        }
    }

    /// The same context for a read of its own.
    #[must_use]
    pub fn new_read(&self) -> Self {
        Self {
            read: ReadHandle::default(),
            ..self.clone()
        }
    }
}

/// For how long a caller waits for a provider whose calls are scarce or late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WaitPolicy {
    /// Until the deadline; where the provider's memory has an answer, only for a short time.
    #[default]
    UnlessCached,
    /// Until the deadline: a kept answer is of no use to the caller.
    ForLiveAnswer,
    /// Until the deadline once a call has left, and only for a short time until then: the caller may know an answer.
    UnlessRateLimited,
}

/// One read of a source: it may need several calls, also side by side, and a circuit breaker that lets one read try lets
/// all of them pass. Clones are the same read; every default is another.
#[derive(Debug, Clone, Default)]
pub struct ReadHandle(Arc<Progress>);

/// How far the calls of a read are.
#[derive(Debug, Default)]
struct Progress {
    left: AtomicU32,
    waiting: AtomicU32,
}

impl ReadHandle {
    /// A call of it leaves us.
    pub fn record_call(&self) {
        self.0.left.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a call of it has left us.
    #[must_use]
    pub fn has_calls(&self) -> bool {
        self.0.left.load(Ordering::Relaxed) > 0
    }

    /// A call of it waits for its turn until the guard is dropped.
    #[must_use]
    pub fn wait_for_turn(&self) -> TurnGuard<'_> {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        TurnGuard(self)
    }

    /// Whether a call of it waits for its turn.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }
}

impl PartialEq for ReadHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ReadHandle {}

/// A call waits for its turn.
#[derive(Debug)]
pub struct TurnGuard<'a>(&'a ReadHandle);

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        self.0.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many calls have left us, for the events that tell of them (contract `answers.md`, event 4601).
#[derive(Debug, Clone, Default)]
pub struct CallCount(Arc<AtomicU32>);

impl CallCount {
    /// One more call leaves us.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many have left so far.
    #[must_use]
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Who waits for a call, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// A request with a person behind it.
    Interactive,
    /// A bulk export.
    Bulk,
    /// Keeping the directory current.
    Sync,
}

/// The name of a source, as `meta.sources` and metrics say it.
pub type SourceName = &'static str;

/// The name of our own store.
pub const SUBSCRIBE: SourceName = "Subscribe";

/// One page of accounts, in the order that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPage {
    /// The accounts of the page.
    pub accounts: Vec<Account>,
    /// Whether more match after the last of them.
    pub more: bool,
    /// The source's own word for where the next page begins, given only where [`Self::more`] holds and the place of the
    /// last account does not say it; it comes back as [`Place::Mark`](masthead_domain::order::ListCursor).
    pub mark: Option<Box<str>>,
    /// How many match before paging; `None` when it was not asked.
    pub total: Option<Total>,
    /// The source has more matches than it can show (Auth0 stops at 1,000).
    pub truncated: bool,
    /// The source showed rows that cannot be read: they are left out, and the page is not the whole.
    pub unreadable: bool,
}

impl AccountPage {
    /// The first page of the accounts that a source has found, which no order of its own goes on. `unseen` is how many it
    /// says there are, when it has not shown them all.
    #[must_use]
    pub fn from_matches(mut accounts: Vec<Account>, query: &UserQuery, unseen: Option<u64>) -> Self {
        let size = usize::from(query.size);
        let more = accounts.len() > size;
        let found = accounts.len() as u64;
        accounts.truncate(size);
        let total = match (query.count, unseen) {
            (CountMode::None, _) => None,
            (CountMode::Exact | CountMode::Estimate, None) => Some(Total::Exact(found)),
            (CountMode::Exact | CountMode::Estimate, Some(total)) => Some(Total::Estimate(total.max(found))),
        };
        Self {
            accounts,
            more,
            total,
            mark: None,
            truncated: unseen.is_some() && !more,
            unreadable: false,
        }
    }
}

/// Answers who a user is, from one place.
#[async_trait]
pub trait UserSource: Send + Sync {
    /// The name by which answers and metrics call it.
    fn name(&self) -> SourceName;

    /// Finds the user with this id. `None` means the source said there is none; silence is an error, never `None`.
    async fn by_id(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Option<Account>, SourceError>;

    /// Finds every user with exactly this address, in the order of their ids; never "the first of many".
    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError>;

    /// Answers one page of the users that meet every condition of the query, in its order.
    ///
    /// The size is what the query says, or less at the end.
    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError>;
}

/// Answers a query that names its users, by id or by address, with what `source` finds of them and `meets` lets through;
/// `None` for one that asks for a list.
///
/// # Errors
/// Those of the source.
pub async fn search_by_key(
    source: &impl UserSource,
    cx: &CallContext,
    query: &UserQuery,
    meets: impl Fn(&Account) -> bool + Send,
) -> Result<Option<AccountPage>, SourceError> {
    let mut found = match query.filter.access_path() {
        AccessPath::Contradiction => Vec::new(),
        AccessPath::ById(id) => Vec::from_iter(source.by_id(cx, id).await?),
        AccessPath::ByEmail(email) => source.by_email(cx, email).await?,
        AccessPath::List => return Ok(None),
    };
    found.retain(meets);
    Ok(Some(AccountPage::from_matches(found, query, None)))
}

/// A source gave no usable answer. The cause rides in `source`, never in the text.
#[derive(Debug, Error)]
#[error("{operation}: {kind}")]
pub struct SourceError {
    /// What was being done, as a log would name it.
    pub operation: &'static str,
    /// What the caller can do about it.
    pub kind: SourceErrorKind,
    /// Why, for the log.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the caller of a source can do about its silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceErrorKind {
    /// Too many calls; come back after this long, when it is known.
    RateLimited {
        /// How long to wait.
        retry_after: Option<Duration>,
    },
    /// No usable answer in time.
    Unavailable,
    /// The search takes longer than it may: narrow it; the same search again will not be faster.
    TooBroad,
    /// The bytes of a write left us and no answer came: it may have happened.
    OutcomeUnknown,
    /// The source understood and will not.
    Refused,
    /// The source rejects *our* credentials or settings: an operator must act.
    Misconfigured,
    /// The source answered with something that cannot be true, such as another tenant's row.
    Corrupt,
}

impl SourceErrorKind {
    /// Whether the same call may succeed a little later.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unavailable => true,
            Self::TooBroad | Self::OutcomeUnknown | Self::Refused | Self::Misconfigured | Self::Corrupt => false,
        }
    }

    /// The word for logs, metrics and `meta.sources[].reason`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::TooBroad => "too_broad",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Refused => "refused",
            Self::Misconfigured => "misconfigured",
            Self::Corrupt => "corrupt",
        }
    }
}

impl fmt::Display for SourceErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl SourceError {
    /// An error without a cause worth logging.
    #[must_use]
    pub const fn new(operation: &'static str, kind: SourceErrorKind) -> Self {
        Self {
            operation,
            kind,
            source: None,
        }
    }

    /// An error with its cause.
    pub fn with_cause(
        operation: &'static str,
        kind: SourceErrorKind,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            operation,
            kind,
            source: Some(cause.into()),
        }
    }
}

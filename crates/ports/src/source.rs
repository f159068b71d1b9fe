//! A source of accounts. The store and every provider adapter implement this port.

use std::{
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    query::{AccessPath, CountMode, Total, UserQuery},
    tenant::Tenant,
    user_key::UserKey,
};
use thiserror::Error;

/// The context of every call to a source.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The tenant; a source never returns accounts of another tenant.
    pub tenant: Arc<Tenant>,
    /// When the caller stops waiting; a source gives up by then.
    pub deadline: Instant,
    /// How urgent the call is.
    pub priority: Priority,
    /// Who calls; callers of a tenant are served in turn where they wait.
    pub caller: CallerKey,
    /// Counts the outbound calls of this request; clones share the count.
    pub calls: CallCount,
    /// The read to which the calls belong.
    pub read: ReadHandle,
    /// How long the caller waits for a rate limited or slow source.
    pub wait: WaitPolicy,
    /// When the first call of the read must start; after that no call is made.
    pub start_by: Option<Instant>,
    /// The idempotency key of the write, for a source that takes one: each repetition of the write has the same.
    pub write_key: Option<Arc<str>>,
}

impl CallContext {
    /// A context of a new request.
    #[must_use]
    pub fn new(tenant: Arc<Tenant>, deadline: Instant, priority: Priority) -> Self {
        Self {
            tenant,
            deadline,
            priority,
            caller: CallerKey::default(),
            calls: CallCount::default(),
            read: ReadHandle::default(),
            wait: WaitPolicy::default(),
            start_by: None,
            write_key: None,
        }
    }

    /// The same context for another read.
    #[must_use]
    pub fn new_read(&self) -> Self {
        Self {
            read: ReadHandle::default(),
            ..self.clone()
        }
    }
}

/// Distinguishes the callers of a tenant, without their names; the default is this program itself. Different callers have
/// the same key by chance only, and then share their turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CallerKey(u32);

impl CallerKey {
    /// The key of the caller with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let bytes = hasher.finish().to_le_bytes();
        Self(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}

/// How long a caller waits for a rate limited or slow provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WaitPolicy {
    /// Until the deadline, but only for a short time where the cache has an answer.
    #[default]
    UnlessCached,
    /// Until the deadline: the caller cannot use a cached answer.
    ForLiveAnswer,
    /// Until the deadline once a call has started, but only for a short time before: the caller may know an answer.
    UnlessRateLimited,
}

/// Identifies one read of a source and tracks its calls. A read may need several calls, also concurrent ones; a circuit
/// breaker that admits a read admits all of them. Clones are the same read; each default is a new one.
#[derive(Debug, Clone, Default)]
pub struct ReadHandle(Arc<ReadCalls>);

/// The calls of a read.
#[derive(Debug, Default)]
struct ReadCalls {
    started: AtomicU32,
    waiting: AtomicU32,
}

impl ReadHandle {
    /// Records that a call starts.
    pub fn record_call(&self) {
        self.0.started.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a call has started.
    #[must_use]
    pub fn has_calls(&self) -> bool {
        self.0.started.load(Ordering::Relaxed) > 0
    }

    /// Records that a call waits for its turn, until the guard is dropped.
    #[must_use]
    pub fn wait_for_turn(&self) -> TurnGuard<'_> {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        TurnGuard(self)
    }

    /// Whether a call waits for its turn.
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

/// Marks a call as waiting for its turn until dropped.
#[derive(Debug)]
pub struct TurnGuard<'a>(&'a ReadHandle);

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        self.0.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The number of outbound calls, for the audit log (contract `answers.md`, event 4601).
#[derive(Debug, Clone, Default)]
pub struct CallCount(Arc<AtomicU32>);

impl CallCount {
    /// Counts one more call.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of calls so far.
    #[must_use]
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The urgency of a call, highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// A request that a user waits for.
    Interactive,
    /// A bulk export.
    Bulk,
    /// A sync of the mirror.
    Sync,
}

/// The name of a source in `meta.sources` and metrics.
pub type SourceName = &'static str;

/// The name of the store.
pub const SUBSCRIBE: SourceName = "Subscribe";

/// One page of accounts, in the order of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPage {
    /// The accounts of the page.
    pub accounts: Vec<Account>,
    /// Whether more match after the last of them.
    pub more: bool,
    /// A cursor of the source for the next page, only where [`Self::more`] holds and the sort key of the last account is not
    /// enough; it comes back as [`ListCursor::Opaque`](masthead_domain::order::ListCursor).
    pub cursor: Option<Box<str>>,
    /// The number of matches before paging; `None` when not requested.
    pub total: Option<Total>,
    /// The source has more matches than it can return (Auth0 stops at 1,000).
    pub truncated: bool,
    /// The source returned rows that cannot be read; they are left out, so the page is incomplete.
    pub unreadable: bool,
}

impl AccountPage {
    /// The first page of all accounts that a source found. `unseen` is the number that it reports, where it did not return
    /// all of them.
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
            cursor: None,
            truncated: unseen.is_some() && !more,
            unreadable: false,
        }
    }
}

/// Finds accounts of users in one source.
#[async_trait]
pub trait UserSource: Send + Sync {
    /// The name in answers and metrics.
    fn name(&self) -> SourceName;

    /// Finds every account with this key, in the order of their ids; an id has at most one. An empty answer means that the
    /// source confirmed the absence; an unavailable source is an error, never an empty answer.
    async fn find(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError>;

    /// Returns one page of the accounts that meet every condition of the query, in its order. The page has the size of the
    /// query, or fewer accounts at the end.
    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError>;

    /// Whether each of these accounts of another source belongs to a user that was deleted here, by its id or its address; in
    /// their order. The default is for a source that keeps no deleted users.
    async fn were_deleted(&self, _cx: &CallContext, accounts: &[Account]) -> Result<Vec<bool>, SourceError> {
        Ok(vec![false; accounts.len()])
    }
}

/// Answers a query by id or by address with the accounts of `source` for which `meets` is true; `None` for any other query.
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
        AccessPath::Key(key) => source.find(cx, &key).await?,
        AccessPath::List => return Ok(None),
    };
    found.retain(meets);
    Ok(Some(AccountPage::from_matches(found, query, None)))
}

/// A source gave no usable answer. The cause is in `source`, never in the text.
#[derive(Debug, Error)]
#[error("{operation}: {kind}")]
pub struct SourceError {
    /// The operation, for logs.
    pub operation: &'static str,
    /// The kind of the failure.
    pub kind: SourceErrorKind,
    /// The cause, for logs.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Why a source gave no usable answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceErrorKind {
    /// Too many calls.
    RateLimited {
        /// When to retry, if known.
        retry_after: Option<Duration>,
    },
    /// No usable answer in time.
    Unavailable,
    /// The search takes too long; it must be narrowed, since a retry is not faster.
    TooBroad,
    /// A write was sent and not answered; it may have happened.
    OutcomeUnknown,
    /// The source refused the request.
    Refused,
    /// The source rejects *our* credentials or settings; an operator must act.
    Misconfigured,
    /// The source returned contradictory data, such as a row of another tenant.
    Corrupt,
}

impl SourceErrorKind {
    /// Whether the same call may succeed soon.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unavailable => true,
            Self::TooBroad | Self::OutcomeUnknown | Self::Refused | Self::Misconfigured | Self::Corrupt => false,
        }
    }

    /// The name in logs, metrics and `meta.sources[].reason`.
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
    /// An error without a cause.
    #[must_use]
    pub const fn new(operation: &'static str, kind: SourceErrorKind) -> Self {
        Self {
            operation,
            kind,
            source: None,
        }
    }

    /// An error with a cause.
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

//! Asking a provider, with the directory beside it: what it says is kept there, and what it had said stands in for it when
//! it cannot be asked.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey};
use masthead_ports::{
    mirror::{Profile, UserMirror},
    provider::{Asked, Heard, Provider},
    source::{AccountPage, CallContext, Priority, SourceError, SourceErrorKind, WaitPolicy},
};
use time::OffsetDateTime;
use tokio::{sync::Semaphore, time::sleep};
use tokio_util::task::TaskTracker;

use crate::Users;

/// How many answers may wait to be kept; beyond it the next live answer or the next synchronisation tells it again.
const MAX_WAITING: usize = 1024;

/// How long keeping one is put off: answers that people wait for, and that come at the same time, leave first.
const PUT_OFF: Duration = Duration::from_millis(20);

/// How long keeping one may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Keeps live answers in the directory, one after the other, on tracked tasks.
#[derive(Clone)]
pub(crate) struct Keeper {
    directory: Arc<dyn UserMirror>,
    tasks: TaskTracker,
    waiting: Arc<Semaphore>,
    keeping: Arc<Semaphore>,
}

impl Keeper {
    pub(crate) fn new(directory: Arc<dyn UserMirror>) -> Self {
        Self {
            directory,
            tasks: TaskTracker::new(),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            keeping: Arc::new(Semaphore::new(1)),
        }
    }

    pub(crate) async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Keeps the accounts that a provider has just shown.
    fn keep(&self, cx: &CallContext, accounts: Vec<Account>, as_of: OffsetDateTime) {
        if accounts.is_empty() {
            return;
        }
        self.spawn(cx, async move |directory, cx| {
            directory.record_accounts(&cx, &accounts, as_of).await.map(|_| ())
        });
    }

    /// Keeps that a provider has just confirmed that there is no account of this id.
    fn miss(&self, cx: &CallContext, id: &CustomerRegistrationId, as_of: OffsetDateTime) {
        let id = id.clone();
        self.spawn(cx, async move |directory, cx| {
            directory.record_absence(&cx, &id, as_of).await
        });
    }

    fn spawn<F>(&self, cx: &CallContext, write: impl FnOnce(Arc<dyn UserMirror>, CallContext) -> F + Send + 'static)
    where
        F: Future<Output = Result<(), SourceError>> + Send + 'static,
    {
        let Ok(place) = Arc::clone(&self.waiting).try_acquire_owned() else {
            return;
        };
        if self.tasks.is_closed() {
            return;
        }
        let keeper = self.clone();
        let tenant = Arc::clone(&cx.tenant);
        self.tasks.spawn(async move {
            let _place = place;
            sleep(PUT_OFF).await;
            let Ok(_permit) = keeper.keeping.acquire().await else {
                return;
            };
            let cx = CallContext::new(tenant, Instant::now() + DEADLINE, Priority::Sync);
            let tenant = Arc::clone(&cx.tenant);
            if let Err(error) = write(Arc::clone(&keeper.directory), cx).await {
                tracing::warn!(error = &error as &dyn std::error::Error, tenant = %tenant.id, "not kept in the directory");
            }
        });
    }
}

impl Users {
    /// What the provider says of this id now, or had said when it last could.
    pub(crate) async fn ask_by_id(
        &self,
        cx: &CallContext,
        provider: &dyn Provider,
        id: &CustomerRegistrationId,
    ) -> Asked<Option<Account>> {
        let asked = self.by_id_now(&unless_scarce(cx), provider, id).await;
        let asked = instead_of_silence(asked, async {
            let Profile { account, as_of } = read(self.directory.profile(cx, id).await)?;
            Some((Some(account), as_of))
        })
        .await;
        if is_left_to_wait(cx, &asked) {
            return after(asked.called, self.by_id_now(cx, provider, id).await);
        }
        asked
    }

    async fn by_id_now(
        &self,
        cx: &CallContext,
        provider: &dyn Provider,
        id: &CustomerRegistrationId,
    ) -> Asked<Option<Account>> {
        let asked = provider.by_id(cx, id).await;
        match &asked.heard {
            Heard::Live { value, as_of } if asked.called => match value {
                Some(account) => self.keeper.keep(cx, vec![account.clone()], *as_of),
                None => self.keeper.miss(cx, id, *as_of),
            },
            _ => {}
        }
        asked
    }

    /// What the provider says of this address now, or had said when it last could.
    pub(crate) async fn ask_by_email(
        &self,
        cx: &CallContext,
        provider: &dyn Provider,
        email: &EmailKey,
    ) -> Asked<Vec<Account>> {
        let asked = self.by_email_now(&unless_scarce(cx), provider, email).await;
        let asked = instead_of_silence(asked, async {
            let known = read(self.directory.profiles_by_email(cx, email).await);
            let as_of = known.iter().map(|profile| profile.as_of).min()?;
            Some((known.into_iter().map(|profile| profile.account).collect(), as_of))
        })
        .await;
        if is_left_to_wait(cx, &asked) {
            return after(asked.called, self.by_email_now(cx, provider, email).await);
        }
        asked
    }

    async fn by_email_now(&self, cx: &CallContext, provider: &dyn Provider, email: &EmailKey) -> Asked<Vec<Account>> {
        let asked = provider.by_email(cx, email).await;
        if let (true, Heard::Live { value, as_of }) = (asked.called, &asked.heard) {
            self.keeper.keep(cx, value.clone(), *as_of);
        }
        asked
    }

    /// Keeps what a provider's own search has shown.
    pub(crate) fn keep_page(&self, cx: &CallContext, asked: &Asked<AccountPage>) {
        if let (true, Heard::Live { value, as_of }) = (asked.called, &asked.heard) {
            self.keeper.keep(cx, value.accounts.clone(), *as_of);
        }
    }
}

/// A person's context for the first try: where the provider's calls are scarce the directory may know the user, and then
/// nobody waits for a turn.
fn unless_scarce(cx: &CallContext) -> CallContext {
    let wait = match (cx.priority, cx.wait) {
        (Priority::Interactive, WaitPolicy::UnlessCached) => WaitPolicy::UnlessRateLimited,
        (_, wait) => wait,
    };
    CallContext { wait, ..cx.clone() }
}

/// Whether the first try had no answer for want of a turn, and nothing is known that could be shown: then the caller waits
/// for its turn after all.
fn is_left_to_wait<T>(cx: &CallContext, asked: &Asked<T>) -> bool {
    let reason = match asked.heard {
        Heard::Nothing { reason } => reason,
        Heard::Live { .. } | Heard::Remembered { .. } => return false,
    };
    let is_scarce = matches!(reason, SourceErrorKind::RateLimited { .. });
    is_scarce && unless_scarce(cx).wait != cx.wait
}

/// What was asked at the second try; `called` is whether a call left at the first.
fn after<T>(called: bool, asked: Asked<T>) -> Asked<T> {
    Asked {
        called: called || asked.called,
        ..asked
    }
}

/// What was asked; where there was no answer, what is known and since when.
async fn instead_of_silence<T>(asked: Asked<T>, known: impl Future<Output = Option<(T, OffsetDateTime)>>) -> Asked<T> {
    let Heard::Nothing { reason } = asked.heard else {
        return asked;
    };
    let heard = match known.await {
        Some((value, as_of)) => Heard::Remembered { value, as_of, reason },
        None => Heard::Nothing { reason },
    };
    Asked { heard, ..asked }
}

/// What the directory remembers; its own silence is told in the log, and the provider's stays what it is.
fn read<T: Default>(known: Result<T, SourceError>) -> T {
    known.unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "no answer of the directory");
        T::default()
    })
}

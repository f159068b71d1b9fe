//! A source whose answers are shared by those who ask at once, and remembered for a short time.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use masthead_domain::{account::Account, crid::Crid, email::EmailKey, query::UserQuery, tenant::Tenant};
use masthead_ports::{
    clock::Clock,
    source::{CallContext, Page, Priority, SourceError, SourceErrorKind, SourceName, UserSource},
};
use time::OffsetDateTime;
use tokio::time::{Duration, Instant, timeout_at};

pub use crate::answers::CacheOptions;
use crate::{
    answers::{AnswerCache, AnswerKey, CachedAnswer, UserLookupKey},
    failure::{HttpError, TransportError},
    single_flight::SingleFlight,
};

/// How much more time than the one who started a shared call somebody must have, to ask once more when it failed.
const RETRY_MARGIN: Duration = Duration::from_millis(50);

/// A [`UserSource`] around another.
///
/// Look-ups by id and by full e-mail that are the same, of one tenant and priority, and come at the same time make one
/// call, on a task of its own: a caller that hangs up takes nobody with it. Found and confirmed-absent answers stand in
/// for the source for [`CacheOptions::fresh`]; nothing else is ever remembered. Searches pass through.
pub struct CachedSource<S>(Arc<CachedSourceInner<S>>);

struct CachedSourceInner<S> {
    source: S,
    clock: Arc<dyn Clock>,
    answers: AnswerCache,
    flights: SingleFlight<LookupFlight, SharedResult>,
}

/// Which look-ups share a call: those that are the same, are as urgent, and wait alike for a turn that comes late.
type LookupFlight = (AnswerKey, Priority, bool);

/// Accounts that a source had when it could be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedAnswer {
    /// The accounts, at least one.
    pub accounts: Arc<[Account]>,
    /// When the source said so.
    pub as_of: OffsetDateTime,
}

/// How a shared call ended.
#[derive(Clone)]
struct SharedResult {
    answer: Result<CachedAnswer, Arc<SourceError>>,
    /// The deadline that it was held to.
    deadline: Instant,
}

impl<S: UserSource + 'static> CachedSource<S> {
    /// Wraps a source.
    #[must_use]
    pub fn new(source: S, options: CacheOptions, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(CachedSourceInner {
            answers: AnswerCache::new(source.name(), options),
            source,
            clock,
            flights: SingleFlight::new(),
        }))
    }

    /// The source inside.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.0.source
    }

    /// The time of day, as answers are dated by it.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// How long a look-up waits for the source before a kept answer is shown.
    pub(crate) fn stale_after(&self) -> Duration {
        self.0.answers.stale_after()
    }

    /// The user with this id as last seen within [`CacheOptions::stale`], for when the source cannot be asked.
    pub async fn remembered_by_id(&self, tenant: &Tenant, id: &Crid) -> Option<RememberedAnswer> {
        self.remembered(tenant, UserLookupKey::Id(id.clone())).await
    }

    /// The users with exactly this address as last seen, likewise.
    pub async fn remembered_by_email(&self, tenant: &Tenant, email: &EmailKey) -> Option<RememberedAnswer> {
        self.remembered(tenant, UserLookupKey::Email(email.clone())).await
    }

    /// Forgets what is known of an id and of addresses, and does not remember answers that are on their way: for after a
    /// write, with the old address and the new one.
    pub async fn forget(&self, tenant: &Tenant, id: Option<&Crid>, emails: &[&EmailKey]) {
        let ids = id.into_iter().map(|id| UserLookupKey::Id(id.clone()));
        let emails = emails.iter().map(|email| UserLookupKey::Email((*email).clone()));
        for about in ids.chain(emails) {
            self.0.answers.forget(self.0.answers.question(tenant, about)).await;
        }
    }

    /// What was last said of whom this is about, within [`CacheOptions::stale`].
    pub(crate) async fn remembered(&self, tenant: &Tenant, about: UserLookupKey) -> Option<RememberedAnswer> {
        let question = self.0.answers.question(tenant, about);
        let CachedAnswer { accounts, as_of, .. } = self.0.answers.stale(&question).await?;
        Some(RememberedAnswer { accounts, as_of })
    }

    /// What the source says, or said a moment ago. The calls are those of the context's read.
    pub(crate) async fn lookup(&self, cx: &CallContext, about: UserLookupKey) -> Result<CachedAnswer, SourceError> {
        let operation = about.operation();
        let question = self.0.answers.question(&cx.tenant, about.clone());
        if let Some(answer) = self.0.answers.fresh(&question).await {
            return Ok(answer);
        }
        let deadline = Instant::from_std(cx.deadline);
        if deadline <= Instant::now() {
            return Err(unavailable(operation, TransportError::Timeout));
        }
        let mut retried = false;
        loop {
            let inner = Arc::clone(&self.0);
            let make = {
                let (question, about, cx) = (question.clone(), about.clone(), cx.clone());
                move || async move { inner.fetch(question, about, cx).await }
            };
            let key = (question.clone(), cx.priority, cx.leave_by.is_some());
            let flight = self.0.flights.run(key, make);
            let landed = match timeout_at(deadline, flight).await {
                Ok(Ok(landed)) => landed,
                Ok(Err(_)) => return Err(unavailable(operation, TransportError::AbandonedError)),
                Err(_) => return Err(unavailable(operation, TransportError::Timeout)),
            };
            let error = match landed.answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // The one who started the call may have had less time than this one: then its failure is not the last word.
            let more_time = deadline > landed.deadline + RETRY_MARGIN;
            if more_time && error.kind.is_transient() && !retried {
                retried = true;
                continue;
            }
            return Err(SourceError::because(error.operation, error.kind, SharedError(error)));
        }
    }
}

impl<S: UserSource> CachedSourceInner<S> {
    async fn fetch(&self, question: AnswerKey, about: UserLookupKey, cx: CallContext) -> SharedResult {
        let deadline = Instant::from_std(cx.deadline);
        // Who looked just before another call's answer was remembered, and came here just after that call had landed.
        if let Some(answer) = self.answers.fresh(&question).await {
            return SharedResult {
                answer: Ok(answer),
                deadline,
            };
        }
        let (sent_at, as_of) = (Instant::now(), self.clock.now());
        let answer = match &about {
            UserLookupKey::Id(id) => self
                .source
                .by_id(&cx, id)
                .await
                .map(|found| found.into_iter().collect()),
            UserLookupKey::Email(email) => self.source.by_email(&cx, email).await.map(Arc::<[Account]>::from),
        };
        let answer = answer.map(|accounts| CachedAnswer {
            accounts,
            as_of,
            at: sent_at,
        });
        if let Ok(answer) = &answer {
            self.answers.remember(question, answer.clone(), sent_at).await;
        }
        SharedResult {
            answer: answer.map_err(Arc::new),
            deadline,
        }
    }
}

impl UserLookupKey {
    pub(crate) const fn operation(&self) -> &'static str {
        match self {
            Self::Id(_) => "by_id",
            Self::Email(_) => "by_email",
        }
    }
}

/// A cause that several callers were told.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct SharedError(Arc<SourceError>);

pub(crate) fn unavailable(operation: &'static str, class: TransportError) -> SourceError {
    let failure = HttpError::unsent(class);
    SourceError::because(operation, SourceErrorKind::Unavailable, failure)
}

#[async_trait]
impl<S: UserSource + 'static> UserSource for CachedSource<S> {
    fn name(&self) -> SourceName {
        self.0.source.name()
    }

    async fn by_id(&self, cx: &CallContext, id: &Crid) -> Result<Option<Account>, SourceError> {
        let answer = self.lookup(&cx.new_read(), UserLookupKey::Id(id.clone())).await?;
        Ok(answer.accounts.first().cloned())
    }

    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError> {
        let answer = self.lookup(&cx.new_read(), UserLookupKey::Email(email.clone())).await?;
        Ok(answer.accounts.to_vec())
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<Page, SourceError> {
        self.0.source.search(&cx.new_read(), query).await
    }
}

impl<S> Clone for CachedSource<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: UserSource> fmt::Debug for CachedSource<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedSource")
            .field("source", &self.0.source.name())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

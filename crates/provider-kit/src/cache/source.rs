//! A caching decorator of a source: concurrent lookups share a call, and answers are remembered.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use masthead_domain::{account::Account, query::UserQuery, tenant::Tenant, user_key::UserKey};
use masthead_http_client::{HttpError, TransportError};
use masthead_ports::{
    clock::Clock,
    source::{AccountPage, CallContext, Priority, SourceError, SourceName, UserSource},
};
use masthead_single_flight::SingleFlight;
use time::OffsetDateTime;
use tokio::time::{Duration, Instant, timeout_at};

use super::answers::{AnswerCache, AnswerKey, CacheOptions, CachedAnswer};
use crate::error_kind::{Effect, source_error};
/// A caller with this much more time than the one that started a failed shared call repeats the call.
const RETRY_MARGIN: Duration = Duration::from_millis(50);

/// A [`UserSource`] around another.
///
/// Concurrent lookups by the same id or e-mail address, of one tenant and priority, share one call on its own task; a
/// cancelled caller does not stop it. Positive answers and confirmed absences are fresh for [`CacheOptions::fresh`]; errors
/// are never remembered. Searches are not cached.
pub struct CachedSource<S>(Arc<CachedSourceInner<S>>);

struct CachedSourceInner<S> {
    source: S,
    clock: Arc<dyn Clock>,
    answers: AnswerCache,
    flights: SingleFlight<LookupFlight, SharedResult>,
}

/// Lookups share a call when the key, the priority, and the patience for a late turn are equal.
type LookupFlight = (AnswerKey, Priority, bool);

/// The accounts of the last positive answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedAnswer {
    /// The accounts, at least one.
    pub accounts: Arc<[Account]>,
    /// The time of the answer.
    pub as_of: OffsetDateTime,
}

/// The result of a shared call.
#[derive(Clone)]
struct SharedResult {
    answer: Result<CachedAnswer, Arc<SourceError>>,
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

    /// The wrapped source.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.0.source
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// How long a lookup waits for the source before a remembered answer is returned.
    pub(crate) fn stale_after(&self) -> Duration {
        self.0.answers.stale_after()
    }

    /// Forgets the answers for these keys, also those in flight, and each answer that shows an account with one of these ids.
    /// Call it after a write, with the id and the new address.
    pub async fn forget(&self, tenant: &Tenant, keys: impl IntoIterator<Item = UserKey>) {
        for key in keys {
            self.0.answers.forget(self.0.answers.key(tenant, key)).await;
        }
    }

    /// Forgets every answer to a look-up by such an id or key of an address, or that shows an account with one, of any tenant.
    pub async fn forget_users(&self, is_of_user: &(dyn Fn(&str) -> bool + Send + Sync)) {
        self.0.answers.forget_users(is_of_user).await;
    }

    /// The last answer for this key within [`CacheOptions::stale`], for when the source is unavailable.
    pub(crate) async fn remembered(&self, tenant: &Tenant, user: UserKey) -> Option<RememberedAnswer> {
        let key = self.0.answers.key(tenant, user);
        let CachedAnswer { accounts, as_of, .. } = self.0.answers.stale(&key).await?;
        Some(RememberedAnswer { accounts, as_of })
    }

    /// A fresh or live answer. The calls belong to the context's read.
    pub(crate) async fn lookup(&self, cx: &CallContext, user: UserKey) -> Result<CachedAnswer, SourceError> {
        let operation = user.operation();
        let key = self.0.answers.key(&cx.tenant, user.clone());
        if let Some(answer) = self.0.answers.fresh(&key).await {
            return Ok(answer);
        }
        let deadline = Instant::from_std(cx.deadline);
        let began_at = Instant::now();
        if deadline <= began_at {
            return Err(unavailable(operation, TransportError::Timeout));
        }
        let mut retried = false;
        let mut renewed = false;
        loop {
            let inner = Arc::clone(&self.0);
            let make = {
                let (key, user, cx) = (key.clone(), user.clone(), cx.clone());
                move || async move { inner.fetch(key, user, cx).await }
            };
            let flight_key = (key.clone(), cx.priority, cx.start_by.is_some());
            let flight = self.0.flights.run(flight_key, make);
            let shared = match timeout_at(deadline, flight).await {
                Ok(Ok(shared)) => shared,
                Ok(Err(_)) => return Err(unavailable(operation, TransportError::Abandoned)),
                Err(_) => return Err(unavailable(operation, TransportError::Timeout)),
            };
            let error = match shared.answer {
                Ok(answer) => {
                    // The shared call began before a write, and this caller came after it.
                    let written_at = self.0.answers.forgotten_at(&key, &answer).await;
                    if !renewed && written_at.is_some_and(|at| (answer.at..=began_at).contains(&at)) {
                        renewed = true;
                        continue;
                    }
                    return Ok(answer);
                }
                Err(error) => error,
            };
            // The caller that started the call may have had less time than this one: then try again.
            let more_time = deadline > shared.deadline + RETRY_MARGIN;
            if more_time && error.kind.is_transient() && !retried {
                retried = true;
                continue;
            }
            return Err(SourceError::with_cause(error.operation, error.kind, SharedError(error)));
        }
    }
}

impl<S: UserSource> CachedSourceInner<S> {
    async fn fetch(&self, key: AnswerKey, user: UserKey, cx: CallContext) -> SharedResult {
        let deadline = Instant::from_std(cx.deadline);
        // Another call may have finished between the look into the cache and the start of this one.
        if let Some(answer) = self.answers.fresh(&key).await {
            return SharedResult {
                answer: Ok(answer),
                deadline,
            };
        }
        let (sent_at, as_of) = (Instant::now(), self.clock.now());
        let answer = self.source.find(&cx, &user).await;
        let answer = answer.map(|accounts| CachedAnswer {
            accounts: accounts.into(),
            as_of,
            at: sent_at,
        });
        if let Ok(answer) = &answer {
            self.answers.remember(key, answer.clone()).await;
        }
        SharedResult {
            answer: answer.map_err(Arc::new),
            deadline,
        }
    }
}

/// A cause that several callers share.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct SharedError(Arc<SourceError>);

pub(crate) fn unavailable(operation: &'static str, cause: TransportError) -> SourceError {
    source_error(HttpError::unsent(cause), operation, Effect::Read)
}

#[async_trait]
impl<S: UserSource + 'static> UserSource for CachedSource<S> {
    fn name(&self) -> SourceName {
        self.0.source.name()
    }

    async fn find(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        let answer = self.lookup(&cx.new_read(), key.clone()).await?;
        Ok(answer.accounts.to_vec())
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
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
        f.debug_struct("CachedSource")
            .field("source", &self.0.source.name())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

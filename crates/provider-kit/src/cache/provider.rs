//! A cached source as the use cases see it: live, remembered, or unavailable.

use std::fmt;

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey, query::UserQuery,
};
use masthead_http_client::TransportError;
use masthead_ports::{
    provider::{Asked, Heard, Provider, Searchable},
    source::{AccountPage, CallContext, Priority, SourceError, SourceErrorKind, SourceName, UserSource, WaitPolicy},
};
use tokio::time::{Instant, timeout_at};

use super::{
    answers::{CachedAnswer, UserLookupKey},
    source::{CachedSource, RememberedAnswer, unavailable},
};

/// One tenant's provider: its cached source, and the conditions that it can search by.
pub struct CachedProvider<S> {
    source: CachedSource<S>,
    searchable: Searchable,
}

impl<S> CachedProvider<S> {
    /// Creates the provider; the source is shared.
    #[must_use]
    pub const fn new(source: CachedSource<S>, searchable: Searchable) -> Self {
        Self { source, searchable }
    }
}

impl<S: UserSource + 'static> CachedProvider<S> {
    /// Logs the error and returns its kind.
    fn reason(&self, cx: &CallContext, error: &SourceError) -> SourceErrorKind {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            source.name = self.source.name(),
            tenant = %cx.tenant.id,
            "no answer"
        );
        error.kind
    }

    async fn look_up<T: Send>(
        &self,
        cx: &CallContext,
        user: UserLookupKey,
        unfold: impl Fn(&[Account]) -> T + Send,
    ) -> Asked<T> {
        let before = cx.calls.get();
        let heard = match self.live_answer(cx, user.clone()).await {
            Ok(live_answer) => Heard::Live {
                value: unfold(&live_answer.accounts),
                as_of: live_answer.as_of,
            },
            Err(error) => {
                let remembered = self.source.remembered(&cx.tenant, user);
                recalled(self.reason(cx, &error), remembered, unfold).await
            }
        };
        Asked {
            heard,
            called: cx.calls.get() > before,
        }
    }

    /// The live answer. When a remembered answer is available for an interactive caller, the wait is short, and the call is
    /// not queued when the budget has no turn in that time. A call that was sent continues and refreshes the cache.
    async fn live_answer(&self, cx: &CallContext, user: UserLookupKey) -> Result<CachedAnswer, SourceError> {
        let is_person = cx.priority == Priority::Interactive;
        let has_kept = is_person
            && cx.wait != WaitPolicy::ForLiveAnswer
            && self.source.remembered(&cx.tenant, user.clone()).await.is_some();
        let hurries = has_kept || (is_person && cx.wait == WaitPolicy::UnlessRateLimited);
        let until = Instant::now() + self.source.stale_after();
        let cx = CallContext {
            start_by: hurries.then(|| until.into_std()),
            ..cx.new_read()
        };
        let operation = user.operation();
        let live_answer = self.source.lookup(&cx, user);
        if !has_kept {
            return live_answer.await;
        }
        timeout_at(until, live_answer).await.unwrap_or_else(|_| {
            if cx.read.is_waiting() {
                let kind = SourceErrorKind::RateLimited { retry_after: None };
                return Err(SourceError::new(operation, kind));
            }
            Err(unavailable(operation, TransportError::Timeout))
        })
    }
}

/// The last positive answer of a source that did not answer, where it may be used.
async fn recalled<T>(
    reason: SourceErrorKind,
    remembered: impl Future<Output = Option<RememberedAnswer>>,
    unfold: impl FnOnce(&[Account]) -> T,
) -> Heard<T> {
    if !may_be_remembered(reason) {
        return Heard::Nothing { reason };
    }
    match remembered.await {
        Some(RememberedAnswer { accounts, as_of }) => Heard::Remembered {
            value: unfold(&accounts),
            as_of,
            reason,
        },
        None => Heard::Nothing { reason },
    }
}

/// Whether a remembered answer may be used: not when the source answered with something unusable.
const fn may_be_remembered(reason: SourceErrorKind) -> bool {
    match reason {
        SourceErrorKind::RateLimited { .. } | SourceErrorKind::Unavailable | SourceErrorKind::Misconfigured => true,
        SourceErrorKind::TooBroad
        | SourceErrorKind::OutcomeUnknown
        | SourceErrorKind::Refused
        | SourceErrorKind::Corrupt => false,
    }
}

#[async_trait]
impl<S: UserSource + 'static> Provider for CachedProvider<S> {
    fn name(&self) -> SourceName {
        self.source.name()
    }

    fn searchable(&self) -> Searchable {
        self.searchable
    }

    async fn by_id(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Asked<Option<Account>> {
        self.look_up(cx, UserLookupKey::Id(id.clone()), |accounts| accounts.first().cloned())
            .await
    }

    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Asked<Vec<Account>> {
        self.look_up(cx, UserLookupKey::Email(email.clone()), <[Account]>::to_vec)
            .await
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Asked<AccountPage> {
        let before = cx.calls.get();
        let as_of = self.source.clock().now();
        let heard = match self.source.search(cx, query).await {
            Ok(value) => Heard::Live { value, as_of },
            // Searches are not remembered.
            Err(error) => Heard::Nothing {
                reason: self.reason(cx, &error),
            },
        };
        Asked {
            heard,
            called: cx.calls.get() > before,
        }
    }
}

impl<S: UserSource> fmt::Debug for CachedProvider<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeardSource")
            .field("searchable", &self.searchable)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use super::*;
    use crate::{
        CacheOptions,
        test_support::{clock, cx, tenant},
    };

    /// A source that answers with one account, or fails with this kind, after this time.
    struct FailingSource(Mutex<Option<SourceErrorKind>>, Mutex<Duration>);

    #[async_trait]
    impl UserSource for FailingSource {
        fn name(&self) -> SourceName {
            "Fake"
        }

        async fn by_id(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Option<Account>, SourceError> {
            cx.calls.add();
            let late = *self.1.lock().unwrap();
            if !late.is_zero() {
                tokio::time::sleep(late).await;
            }
            match *self.0.lock().unwrap() {
                Some(kind) => Err(SourceError::new("fake", kind)),
                None => Ok(Some(Account::new(id.clone()))),
            }
        }

        async fn by_email(&self, _: &CallContext, _: &EmailKey) -> Result<Vec<Account>, SourceError> {
            Err(SourceError::new("fake", SourceErrorKind::Refused))
        }

        async fn search(&self, _: &CallContext, _: &UserQuery) -> Result<AccountPage, SourceError> {
            Err(SourceError::new("fake", SourceErrorKind::Refused))
        }
    }

    fn cached_provider(fresh: Duration) -> (CachedSource<FailingSource>, CachedProvider<FailingSource>) {
        let options = CacheOptions {
            fresh,
            ..CacheOptions::default()
        };
        let source = CachedSource::new(FailingSource(Mutex::default(), Mutex::default()), options, clock());
        (source.clone(), CachedProvider::new(source, Searchable::default()))
    }

    fn id() -> CustomerRegistrationId {
        CustomerRegistrationId::parse("auth0|1").unwrap()
    }

    #[tokio::test]
    async fn remembered_answer_replaces_only_unreachable_source() {
        let (source, provider) = cached_provider(Duration::ZERO);
        let cx = cx(Duration::from_secs(5));
        let kinds = [
            (SourceErrorKind::Unavailable, true),
            (SourceErrorKind::RateLimited { retry_after: None }, true),
            (SourceErrorKind::Misconfigured, true),
            (SourceErrorKind::Corrupt, false),
            (SourceErrorKind::Refused, false),
        ];
        *source.inner().0.lock().unwrap() = Some(SourceErrorKind::Unavailable);
        let Heard::Nothing { .. } = provider.by_id(&cx, &id()).await.heard else {
            panic!("nothing is known yet")
        };
        *source.inner().0.lock().unwrap() = None;
        assert!(matches!(
            provider.by_id(&cx, &id()).await.heard,
            Heard::Live { value: Some(_), .. }
        ));
        for (kind, remembered) in kinds {
            *source.inner().0.lock().unwrap() = Some(kind);
            let heard = provider.by_id(&cx, &id()).await.heard;
            assert_eq!(
                matches!(heard, Heard::Remembered { reason, .. } if reason == kind),
                remembered,
                "{kind}"
            );
            assert_eq!(
                matches!(heard, Heard::Nothing { reason } if reason == kind),
                !remembered,
                "{kind}"
            );
        }
    }

    #[tokio::test]
    async fn called_is_set_only_without_fresh_answer() {
        let (_, provider) = cached_provider(Duration::from_mins(1));
        assert!(provider.by_id(&cx(Duration::from_secs(5)), &id()).await.called);
        assert!(!provider.by_id(&cx(Duration::from_secs(5)), &id()).await.called);
    }

    /// A source with a remembered answer that is no longer fresh; its next calls take a second.
    async fn late_with_a_kept_answer() -> (CachedSource<FailingSource>, CachedProvider<FailingSource>) {
        let (source, provider) = cached_provider(Duration::from_secs(5));
        provider.by_id(&cx(Duration::from_secs(10)), &id()).await;
        *source.inner().1.lock().unwrap() = Duration::from_secs(1);
        tokio::time::advance(Duration::from_secs(6)).await;
        (source, provider)
    }

    #[tokio::test(start_paused = true)]
    async fn slow_call_returns_remembered_answer_and_refreshes() {
        let (_, provider) = late_with_a_kept_answer().await;
        let began = Instant::now();
        let answer = provider.by_id(&cx(Duration::from_secs(10)), &id()).await;
        assert_eq!(began.elapsed(), CacheOptions::default().stale_after);
        let reason = SourceErrorKind::Unavailable;
        assert!(matches!(answer.heard, Heard::Remembered { reason: why, .. } if why == reason));
        // The call continued without its caller.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let answer = provider.by_id(&cx(Duration::from_secs(10)), &id()).await;
        assert!(
            matches!(answer.heard, Heard::Live { .. }) && !answer.called,
            "{answer:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn live_callers_wait_for_the_source() {
        for (wait, priority) in [
            (WaitPolicy::ForLiveAnswer, Priority::Interactive),
            (WaitPolicy::UnlessCached, Priority::Bulk),
            (WaitPolicy::UnlessCached, Priority::Sync),
        ] {
            let (_, provider) = late_with_a_kept_answer().await;
            let patient = CallContext {
                wait,
                priority,
                ..cx(Duration::from_secs(10))
            };
            let answer = provider.by_id(&patient, &id()).await;
            assert!(
                matches!(answer.heard, Heard::Live { .. }),
                "{wait:?} {priority:?}: {answer:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_account_settings_invalidate_answers() {
        let settings = |pairs: &[(&str, &str)]| {
            let mut tenant = (*tenant()).clone();
            let pairs = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            tenant.settings.provider = pairs.collect();
            CallContext {
                tenant: Arc::new(tenant),
                ..cx(Duration::from_secs(10))
            }
        };
        let before = [
            ("Fake.Domain", "a.example"),
            ("Fake.BudgetPerSecond", "2"),
            ("Fake.SecretFile", "one"),
        ];
        for (name, value, keeps) in [
            ("Fake.BudgetPerSecond", "1", true),
            ("Fake.BudgetBurst", "9", true),
            ("Fake.SecretFile", "two", true),
            ("Other.Domain", "b.example", true),
            ("Fake.Domain", "b.example", false),
            ("Fake.MetadataMap", "*", false),
            ("Fake.ClientId", "another", false),
        ] {
            let (source, provider) = cached_provider(Duration::ZERO);
            provider.by_id(&settings(&before), &id()).await;
            *source.inner().0.lock().unwrap() = Some(SourceErrorKind::Unavailable);
            let changed = before
                .into_iter()
                .filter(|(known, _)| *known != name)
                .chain([(name, value)]);
            let answer = provider.by_id(&settings(&changed.collect::<Vec<_>>()), &id()).await;
            assert_eq!(matches!(answer.heard, Heard::Remembered { .. }), keeps, "{name}");
        }
    }
}

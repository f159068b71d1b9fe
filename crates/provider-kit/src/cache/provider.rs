//! A cached source as the use cases see it: live, remembered, or unavailable.

use std::fmt;

use async_trait::async_trait;
use masthead_domain::{query::UserQuery, user_key::UserKey};
use masthead_http_client::TransportError;
use masthead_ports::{
    provider::{IdentityProvider, Lookup, Searchable},
    source::{CallContext, Priority, SourceError, SourceErrorKind, SourceName, UserSource, WaitPolicy},
};
use tokio::time::{Instant, timeout_at};

use super::{
    answers::CachedAnswer,
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

    /// The live answer. When a remembered answer is available for an interactive caller, the wait is short, and the call is
    /// not queued when the budget has no turn in that time. A call that was sent continues and refreshes the cache.
    async fn live_answer(&self, cx: &CallContext, user: UserKey) -> Result<CachedAnswer, SourceError> {
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
impl<S: UserSource + 'static> IdentityProvider for CachedProvider<S> {
    fn name(&self) -> SourceName {
        self.source.name()
    }

    fn searchable(&self) -> Searchable {
        self.searchable
    }

    async fn find(&self, cx: &CallContext, key: &UserKey) -> Lookup {
        let before = cx.calls.get();
        let lookup = match self.live_answer(cx, key.clone()).await {
            Ok(live) => Lookup::live(live.accounts.to_vec(), live.as_of),
            Err(error) => {
                let reason = self.reason(cx, &error);
                let remembered = if may_be_remembered(reason) {
                    self.source.remembered(&cx.tenant, key.clone()).await
                } else {
                    None
                };
                match remembered {
                    Some(RememberedAnswer { accounts, as_of }) => Lookup::remembered(accounts.to_vec(), as_of, reason),
                    None => Lookup::failed(reason),
                }
            }
        };
        Lookup {
            called: cx.calls.get() > before,
            ..lookup
        }
    }

    async fn find_live(&self, cx: &CallContext, key: &UserKey) -> Lookup {
        self.source.forget(&cx.tenant, [key.clone()]).await;
        self.find(cx, key).await
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Lookup {
        let before = cx.calls.get();
        let as_of = self.source.clock().now();
        let lookup = match self.source.search(cx, query).await {
            Ok(page) => Lookup {
                truncated: page.more || page.truncated,
                unreadable: page.unreadable,
                ..Lookup::live(page.accounts, as_of)
            },
            // Searches are not cached.
            Err(error) => Lookup::failed(self.reason(cx, &error)),
        };
        Lookup {
            called: cx.calls.get() > before,
            ..lookup
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

    use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId};
    use masthead_ports::{provider::Freshness, source::AccountPage};

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

        async fn find(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
            cx.calls.add();
            let late = *self.1.lock().unwrap();
            if !late.is_zero() {
                tokio::time::sleep(late).await;
            }
            let UserKey::Id(id) = key else {
                return Err(SourceError::new("fake", SourceErrorKind::Refused));
            };
            match *self.0.lock().unwrap() {
                Some(kind) => Err(SourceError::new("fake", kind)),
                None => Ok(vec![Account::new(id.clone())]),
            }
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

    fn id() -> UserKey {
        CustomerRegistrationId::parse("auth0|1").unwrap().into()
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
        let first = provider.find(&cx, &id()).await;
        assert_eq!(first.freshness, Freshness::Failed(SourceErrorKind::Unavailable));
        *source.inner().0.lock().unwrap() = None;
        let live = provider.find(&cx, &id()).await;
        assert_eq!((live.freshness, live.accounts.len()), (Freshness::Live, 1));
        for (kind, remembered) in kinds {
            *source.inner().0.lock().unwrap() = Some(kind);
            let wanted = if remembered {
                Freshness::Remembered(kind)
            } else {
                Freshness::Failed(kind)
            };
            assert_eq!(provider.find(&cx, &id()).await.freshness, wanted, "{kind}");
        }
    }

    #[tokio::test]
    async fn called_is_set_only_without_fresh_answer() {
        let (_, provider) = cached_provider(Duration::from_mins(1));
        assert!(provider.find(&cx(Duration::from_secs(5)), &id()).await.called);
        assert!(!provider.find(&cx(Duration::from_secs(5)), &id()).await.called);
    }

    /// A source with a remembered answer that is no longer fresh; its next calls take a second.
    async fn late_with_a_kept_answer() -> (CachedSource<FailingSource>, CachedProvider<FailingSource>) {
        let (source, provider) = cached_provider(Duration::from_secs(5));
        provider.find(&cx(Duration::from_secs(10)), &id()).await;
        *source.inner().1.lock().unwrap() = Duration::from_secs(1);
        tokio::time::advance(Duration::from_secs(6)).await;
        (source, provider)
    }

    #[tokio::test(start_paused = true)]
    async fn slow_call_returns_remembered_answer_and_refreshes() {
        let (_, provider) = late_with_a_kept_answer().await;
        let began = Instant::now();
        let answer = provider.find(&cx(Duration::from_secs(10)), &id()).await;
        assert_eq!(began.elapsed(), CacheOptions::default().stale_after);
        let reason = SourceErrorKind::Unavailable;
        assert!(answer.freshness == Freshness::Remembered(reason));
        // The call continued without its caller.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let answer = provider.find(&cx(Duration::from_secs(10)), &id()).await;
        assert!(answer.is_live() && !answer.called, "{answer:?}");
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
            let answer = provider.find(&patient, &id()).await;
            assert!(answer.is_live(), "{wait:?} {priority:?}: {answer:?}");
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
            provider.find(&settings(&before), &id()).await;
            *source.inner().0.lock().unwrap() = Some(SourceErrorKind::Unavailable);
            let changed = before
                .into_iter()
                .filter(|(known, _)| *known != name)
                .chain([(name, value)]);
            let answer = provider.find(&settings(&changed.collect::<Vec<_>>()), &id()).await;
            assert_eq!(matches!(answer.freshness, Freshness::Remembered(_)), keeps, "{name}");
        }
    }
}

//! A guarded source as the use cases hear it: live, remembered, or silent.

use std::fmt;

use async_trait::async_trait;
use masthead_domain::{account::Account, crid::Crid, email::EmailKey, query::UserQuery};
use masthead_ports::{
    provider::{Asked, Heard, Provider, Searchable},
    source::{CallContext, Page, SourceError, SourceErrorKind, SourceName, UserSource},
};

use crate::guarded::{GuardedSource, Remembered};

/// One tenant's provider: its guarded source, and what that can search by for this tenant.
pub struct HeardSource<S> {
    source: GuardedSource<S>,
    searchable: Searchable,
}

impl<S> HeardSource<S> {
    /// The provider over this source. Cheap: the source is shared.
    #[must_use]
    pub const fn new(source: GuardedSource<S>, searchable: Searchable) -> Self {
        Self { source, searchable }
    }
}

impl<S: UserSource + 'static> HeardSource<S> {
    /// Logs silence, in the one place where it becomes a fact of the answer, and gives its reason.
    fn reason(&self, cx: &CallContext, error: &SourceError) -> SourceErrorKind {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            source.name = self.source.name(),
            tenant = %cx.tenant.id,
            "no answer"
        );
        error.kind
    }
}

/// What is heard of a source that did not answer: its last positive word, where that may stand in.
async fn recalled<T>(
    reason: SourceErrorKind,
    remembered: impl Future<Output = Option<Remembered>>,
    unfold: impl FnOnce(&[Account]) -> T,
) -> Heard<T> {
    if !may_be_remembered(reason) {
        return Heard::Nothing { reason };
    }
    match remembered.await {
        Some(Remembered { accounts, as_of }) => Heard::Remembered {
            value: unfold(&accounts),
            as_of,
            reason,
        },
        None => Heard::Nothing { reason },
    }
}

/// Whether memory may stand in: not for a source that did answer, with something that cannot be taken.
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
impl<S: UserSource + 'static> Provider for HeardSource<S> {
    fn name(&self) -> SourceName {
        self.source.name()
    }

    fn searchable(&self) -> Searchable {
        self.searchable
    }

    async fn by_id(&self, cx: &CallContext, id: &Crid) -> Asked<Option<Account>> {
        let before = cx.calls.get();
        let first = |accounts: &[Account]| accounts.first().cloned();
        let heard = match self.source.said_by_id(cx, id).await {
            Ok(said) => Heard::Live {
                value: first(&said.accounts),
                as_of: said.as_of,
            },
            Err(error) => {
                let remembered = self.source.remembered_by_id(&cx.tenant, id);
                recalled(self.reason(cx, &error), remembered, first).await
            }
        };
        Asked {
            heard,
            called: cx.calls.get() > before,
        }
    }

    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Asked<Vec<Account>> {
        let before = cx.calls.get();
        let heard = match self.source.said_by_email(cx, email).await {
            Ok(said) => Heard::Live {
                value: said.accounts.to_vec(),
                as_of: said.as_of,
            },
            Err(error) => {
                let remembered = self.source.remembered_by_email(&cx.tenant, email);
                recalled(self.reason(cx, &error), remembered, <[Account]>::to_vec).await
            }
        };
        Asked {
            heard,
            called: cx.calls.get() > before,
        }
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Asked<Page> {
        let before = cx.calls.get();
        let as_of = self.source.clock().now();
        let heard = match self.source.search(cx, query).await {
            Ok(value) => Heard::Live { value, as_of },
            // Nobody remembers a search.
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

impl<S: UserSource> fmt::Debug for HeardSource<S> {
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
        GuardOptions,
        testing::{StoppedClock, cx},
    };

    /// A source that answers with one account, or fails so.
    struct Fake(Mutex<Option<SourceErrorKind>>);

    #[async_trait]
    impl UserSource for Fake {
        fn name(&self) -> SourceName {
            "Fake"
        }

        async fn by_id(&self, cx: &CallContext, id: &Crid) -> Result<Option<Account>, SourceError> {
            cx.calls.add();
            match *self.0.lock().unwrap() {
                Some(kind) => Err(SourceError::new("fake", kind)),
                None => Ok(Some(Account::new(id.clone()))),
            }
        }

        async fn by_email(&self, _: &CallContext, _: &EmailKey) -> Result<Vec<Account>, SourceError> {
            Err(SourceError::new("fake", SourceErrorKind::Refused))
        }

        async fn search(&self, _: &CallContext, _: &UserQuery) -> Result<Page, SourceError> {
            Err(SourceError::new("fake", SourceErrorKind::Refused))
        }
    }

    fn heard(fresh: Duration) -> (GuardedSource<Fake>, HeardSource<Fake>) {
        let options = GuardOptions {
            fresh,
            ..GuardOptions::default()
        };
        let source = GuardedSource::new(Fake(Mutex::default()), options, Arc::new(StoppedClock));
        (source.clone(), HeardSource::new(source, Searchable::default()))
    }

    fn id() -> Crid {
        Crid::parse("auth0|1").unwrap()
    }

    #[tokio::test]
    async fn memory_stands_in_for_silence_and_never_for_an_answer_that_cannot_be_taken() {
        let (source, provider) = heard(Duration::ZERO);
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
    async fn a_call_is_told_of_by_the_request_that_made_it_and_not_by_one_that_a_fresh_answer_served() {
        let (_, provider) = heard(Duration::from_mins(1));
        assert!(provider.by_id(&cx(Duration::from_secs(5)), &id()).await.called);
        assert!(!provider.by_id(&cx(Duration::from_secs(5)), &id()).await.called);
    }
}

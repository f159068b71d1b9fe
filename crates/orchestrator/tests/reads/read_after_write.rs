//! Reads after a write by another server, whose cache still has the answer of before.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    query::{OnProviderFailure, UserQuery},
    tenant::Tenant,
    user_key::UserKey,
};
use masthead_ports::{
    provider::{IdentityProvider, Lookup, Providers, Searchable},
    source::{CallContext, SourceErrorKind, SourceName},
};
use masthead_testkit::accounts::account;
use time::{OffsetDateTime, macros::datetime};

use crate::fixture::{FEDERATED, ReadFixture};

const CACHED_AT: OffsetDateTime = datetime!(2026-03-01 11:59:58 UTC);

/// A provider whose cache has an older answer than the provider.
struct CachingProvider {
    live_calls: AtomicU32,
    is_down: bool,
}

fn ann(first_name: &str) -> Account {
    account("auth0|1", "ann@example.com", first_name, "Lee")
}

#[async_trait]
impl IdentityProvider for CachingProvider {
    fn name(&self) -> SourceName {
        "Auth0"
    }

    fn searchable(&self) -> Searchable {
        Searchable::default()
    }

    async fn find(&self, _cx: &CallContext, _key: &UserKey) -> Lookup {
        Lookup {
            called: false,
            ..Lookup::live(vec![ann("Ann")], CACHED_AT)
        }
    }

    async fn find_live(&self, _cx: &CallContext, _key: &UserKey) -> Lookup {
        self.live_calls.fetch_add(1, Ordering::Relaxed);
        if self.is_down {
            return Lookup::failed(SourceErrorKind::Unavailable);
        }
        Lookup::live(vec![ann("Anna")], CACHED_AT + Duration::from_secs(2))
    }

    async fn search(&self, _cx: &CallContext, _query: &UserQuery) -> Lookup {
        Lookup::failed(SourceErrorKind::Unavailable)
    }
}

struct OneProvider(Arc<CachingProvider>);

impl Providers for OneProvider {
    fn for_tenant(&self, _tenant: &Arc<Tenant>) -> Option<Arc<dyn IdentityProvider>> {
        Some(Arc::clone(&self.0) as _)
    }
}

/// The first name in the answer, whether it is complete, and how often the provider itself was called, where the registration
/// changed at this time.
async fn read(changed_at: OffsetDateTime, is_down: bool) -> (String, bool, u32) {
    let provider = Arc::new(CachingProvider {
        live_calls: AtomicU32::new(0),
        is_down,
    });
    let fixture = ReadFixture::with_providers(Arc::new(OneProvider(Arc::clone(&provider))), FEDERATED);
    let stored = Account {
        changed_at: Some(changed_at),
        registration_id: Some(1),
        ..ann("Anna")
    };
    fixture.store.put(fixture.tenant.pool, [stored]);
    let answer = fixture.find("auth0|1", OnProviderFailure::Degrade).await.unwrap();
    let complete = answer.completeness.unwrap().complete;
    let live_calls = provider.live_calls.load(Ordering::Relaxed);
    (answer.user.account.first_name.to_string(), complete, live_calls)
}

#[tokio::test]
async fn older_answer_is_requested_again() {
    let written = CACHED_AT + Duration::from_secs(1);
    assert_eq!(read(written, false).await, ("Anna".to_owned(), true, 1));
    assert_eq!(read(CACHED_AT, false).await, ("Ann".to_owned(), true, 0));
}

#[tokio::test]
async fn older_answer_of_a_silent_provider_is_marked() {
    let written = CACHED_AT + Duration::from_secs(1);
    assert_eq!(read(written, true).await, ("Ann".to_owned(), false, 1));
}

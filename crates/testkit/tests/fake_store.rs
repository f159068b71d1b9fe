//! The fake store keeps the promises of a source of registrations.
#![expect(clippy::unwrap_used, reason = "a test's factory may panic as tests do")]

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    settings::TenantSettings,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_testkit::{
    contract::{self, SourceFactory, SourceSubject, TenantAccounts},
    for_each_source_case,
    store::FakeStore,
};

struct Fakes;

#[async_trait]
impl SourceFactory for Fakes {
    async fn source(&self, loaded: Vec<TenantAccounts>) -> SourceSubject {
        let store = FakeStore::default();
        let mut tenants = Vec::new();
        for (pool, loaded) in (1..).zip(loaded) {
            let provider = loaded.federated.then_some(("Flow.UserProvider", "Auth0"));
            // Numbers are the store's to give.
            let numbered = (1..).zip(loaded.accounts).map(|(number, account)| Account {
                registration_id: Some(pool * 1_000 + number),
                ..account
            });
            store.put(PoolId(pool), numbered);
            tenants.push(Arc::new(Tenant {
                id: TenantId::new("north", "daily", &format!("paper{pool}")).unwrap(),
                pool: PoolId(pool),
                settings: TenantSettings::parse(provider).0,
            }));
        }
        let store = Arc::new(store);
        SourceSubject {
            source: Arc::clone(&store) as _,
            bulk: store,
            tenants,
            keep: Box::new(()),
        }
    }
}

macro_rules! on_the_fake {
    ($($case:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $case() {
            contract::$case(&Fakes).await;
        }
    )*};
}
for_each_source_case!(on_the_fake);

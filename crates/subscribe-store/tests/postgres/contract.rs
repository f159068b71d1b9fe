//! Runs the contract of sources on Postgres, directly and with a short index scan through PgBouncer.

use async_trait::async_trait;
use masthead_testkit::{
    contract::{self, SourceFactory, SourceSubject, TenantAccounts},
    for_each_source_case,
};

use crate::support::{FEDERATED, StoreFixture, import_accounts, store_behind_pgbouncer, store_with, tenant};

/// Creates a fresh database for each case.
#[derive(Default)]
pub(crate) struct PostgresFactory {
    /// The limit of index scans, if not the measured one.
    pub(crate) scan: Option<u32>,
    /// Whether a PgBouncer in transaction mode is in between.
    pub(crate) pooler: bool,
}

impl PostgresFactory {
    pub(crate) async fn fixture(&self) -> StoreFixture {
        if self.pooler {
            let settings = [("pool_mode", "transaction")];
            store_behind_pgbouncer(&settings, |options| options.search_scan = self.scan).await
        } else {
            store_with(|options| options.search_scan = self.scan).await
        }
    }
}

#[async_trait]
impl SourceFactory for PostgresFactory {
    async fn source(&self, loaded: Vec<TenantAccounts>) -> SourceSubject {
        let fixture = self.fixture().await;
        let store = &fixture.store;
        let mut tenants = Vec::new();
        for (n, loaded) in loaded.into_iter().enumerate() {
            let settings = if loaded.federated { FEDERATED } else { &[] };
            let tenant = tenant(store, &format!("north/daily/{n}"), settings).await;
            import_accounts(store, &tenant, &loaded.accounts).await;
            tenants.push(tenant);
        }
        SourceSubject {
            source: store.registrations(),
            bulk: store.bulk_lookups(),
            tenants,
            keep: Box::new(fixture),
        }
    }
}

macro_rules! on_postgres {
    ($($case:ident),* $(,)?) => {
        mod direct {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                contract::$case(&PostgresFactory::default()).await;
            })*
        }

        mod short_scan_through_pgbouncer {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                contract::$case(&PostgresFactory { scan: Some(2), pooler: true }).await;
            })*
        }
    };
}
for_each_source_case!(on_postgres);

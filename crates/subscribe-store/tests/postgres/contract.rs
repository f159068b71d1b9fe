//! The store keeps the promises of a source of registrations, and so do its ways in that few rows would not take.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::tenant::TenantId;
use masthead_testkit::{
    contract::{self, Factory, Loaded, Subject},
    for_each_source_case,
};

use crate::support::{StoreFixture, origin, registration, store_behind_pgbouncer, store_with, tenant};

/// Makes a fresh database for each case.
pub(crate) struct PostgresSources {
    /// How far a list walks along its order, when not as far as in production.
    pub(crate) walk: Option<u32>,
    /// Whether a PgBouncer in transaction mode is between.
    pub(crate) pooler: bool,
}

#[async_trait]
impl Factory for PostgresSources {
    async fn source(&self, loaded: Vec<Loaded>) -> Subject {
        let StoreFixture {
            store,
            bouncer,
            database,
        } = if self.pooler {
            store_behind_pgbouncer(&[("pool_mode", "transaction")], |options| {
                options.search_scan = self.walk;
            })
            .await
        } else {
            store_with(|options| options.search_scan = self.walk).await
        };
        let mut tenants = Vec::new();
        for (n, loaded) in loaded.into_iter().enumerate() {
            let provider: &[_] = if loaded.federated {
                &[("Flow.UserProvider", "Auth0")]
            } else {
                &[]
            };
            let tenant = tenant(
                &store,
                &TenantId::new("north", "daily", &n.to_string()).unwrap().to_string(),
                provider,
            )
            .await;
            let registrations = loaded.accounts.iter().map(registration);
            store
                .importer()
                .registrations(&tenant, &origin(), registrations)
                .await
                .unwrap();
            tenants.push(tenant);
        }
        Subject {
            source: store.registrations(),
            bulk: store.bulk_lookups(),
            tenants,
            keep: Box::new((Arc::new(store), bouncer, database)),
        }
    }
}

macro_rules! on_postgres {
    ($($case:ident),* $(,)?) => {
        mod direct {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                contract::$case(&PostgresSources { walk: None, pooler: false }).await;
            })*
        }

        mod short_scan_through_pgbouncer {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                contract::$case(&PostgresSources { walk: Some(2), pooler: true }).await;
            })*
        }
    };
}
for_each_source_case!(on_postgres);

//! The store keeps the promises of a source of registrations, and so do its ways in that few rows would not take.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::tenant::TenantId;
use masthead_testkit::{
    contract::{self, SourceFactory, SourceSubject, TenantAccounts},
    for_each_source_case,
};

use crate::support::{World, origin, registration, tenant, world_behind, world_with};

/// Makes a fresh database for each case.
pub(crate) struct OnPostgres {
    /// How far a list walks along its order, when not as far as in production.
    pub(crate) walk: Option<u32>,
    /// Whether a PgBouncer in transaction mode is between.
    pub(crate) pooler: bool,
}

#[async_trait]
impl SourceFactory for OnPostgres {
    async fn source(&self, loaded: Vec<TenantAccounts>) -> SourceSubject {
        let World {
            store,
            bouncer,
            database,
        } = if self.pooler {
            world_behind(&[("pool_mode", "transaction")], |options| {
                options.search_walk = self.walk;
            })
            .await
        } else {
            world_with(|options| options.search_walk = self.walk).await
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
        SourceSubject {
            source: store.registrations(),
            bulk: store.bulk_lookups(),
            tenants,
            keep: Box::new((Arc::new(store), bouncer, database)),
        }
    }
}

macro_rules! on_postgres {
    ($($case:ident),* $(,)?) => {
        mod as_in_production {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                contract::$case(&OnPostgres { walk: None, pooler: false }).await;
            })*
        }

        mod where_the_walk_is_too_short_and_a_pooler_is_between {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                contract::$case(&OnPostgres { walk: Some(2), pooler: true }).await;
            })*
        }
    };
}
for_each_source_case!(on_postgres);

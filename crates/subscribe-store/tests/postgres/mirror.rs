//! The store keeps the promises of a directory.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{account::Account, tenant::TenantId};
use masthead_ports::{
    registrations::{Registrations as _, WrittenFor},
    source::CallContext,
};
use masthead_subscribe_store::PgRegistrations;
use masthead_testkit::{
    contract::directory::{self, DirectoryFactory, DirectorySubject, NOON, Registrar},
    for_each_directory_case,
    registrations::write_back,
};

use crate::support::{StoreFixture, store_behind_pgbouncer, store_with, tenant};

/// Makes a fresh database for each case.
#[derive(Default)]
pub(crate) struct PostgresMirrors {
    /// How far a list walks along its order, when not as far as in production.
    pub(crate) walk: Option<u32>,
    /// Whether a PgBouncer in transaction mode is between.
    pub(crate) pooler: bool,
}

/// Writes registrations by synchronising them, as a live answer does.
pub(crate) struct WriteBackRegistrar(pub(crate) Arc<PgRegistrations>);

#[async_trait]
impl Registrar for WriteBackRegistrar {
    async fn register(&self, cx: &CallContext, account: &Account) {
        let write_back = write_back(&*self.0, cx, account).await.unwrap();
        let written_for = WrittenFor {
            request_id: "r-1".into(),
            source_system: "CRM".into(),
            at: NOON,
        };
        self.0.synchronise(cx, &write_back, &written_for).await.unwrap();
    }
}

#[async_trait]
impl DirectoryFactory for PostgresMirrors {
    async fn directory(&self, tenants: usize, settings: &[(&str, &str)]) -> DirectorySubject {
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
        let settings: Vec<_> = settings
            .iter()
            .copied()
            .chain([("Flow.UserProvider", "Auth0")])
            .collect();
        let mut made = Vec::new();
        for number in 0..tenants {
            let id = TenantId::new("north", "daily", &number.to_string()).unwrap();
            made.push(tenant(&store, &id.to_string(), &settings).await);
        }
        DirectorySubject {
            directory: store.mirror(),
            bulk: store.bulk_lookups(),
            registrations: store.registrations(),
            registrar: Arc::new(WriteBackRegistrar(store.registrations())),
            tenants: made,
            keep: Box::new((Arc::new(store), bouncer, database)),
        }
    }
}

macro_rules! on_postgres {
    ($($case:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $case() {
            directory::$case(&PostgresMirrors { walk: None, pooler: false }).await;
        })*

        mod through_pgbouncer {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                directory::$case(&PostgresMirrors { walk: None, pooler: true }).await;
            })*
        }
    };
}
for_each_directory_case!(on_postgres);

#[tokio::test]
async fn lists_equal_the_model_after_short_scan() {
    directory::lists_are_the_models_while_both_sides_change(&PostgresMirrors {
        walk: Some(2),
        pooler: false,
    })
    .await;
}

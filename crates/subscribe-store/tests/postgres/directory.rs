//! The store keeps the promises of a directory.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{account::Account, tenant::TenantId};
use masthead_ports::{
    registrations::{RegistrationWriter as _, WriteOrigin},
    source::CallContext,
};
use masthead_subscribe_store::PgRegistrations;
use masthead_testkit::{
    contract::mirror::{self, MirrorFactory, MirrorSubject, NOON, Registrar},
    for_each_mirror_case,
    registrations::write_back,
};

use crate::support::{World, tenant, world_behind, world_with};

/// Makes a fresh database for each case.
#[derive(Default)]
pub(crate) struct OnPostgres {
    /// How far a list walks along its order, when not as far as in production.
    pub(crate) walk: Option<u32>,
    /// Whether a PgBouncer in transaction mode is between.
    pub(crate) pooler: bool,
}

/// Writes registrations by synchronising them, as a live answer does.
pub(crate) struct Synchronising(pub(crate) Arc<PgRegistrations>);

#[async_trait]
impl Registrar for Synchronising {
    async fn register(&self, cx: &CallContext, account: &Account) {
        let write_back = write_back(&*self.0, cx, account).await.unwrap();
        let written_for = WriteOrigin {
            request_id: "r-1".into(),
            source_system: "CRM".into(),
            at: NOON,
        };
        self.0.write_back(cx, &write_back, &written_for).await.unwrap();
    }
}

#[async_trait]
impl MirrorFactory for OnPostgres {
    async fn directory(&self, tenants: usize, settings: &[(&str, &str)]) -> MirrorSubject {
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
        MirrorSubject {
            directory: store.directory(),
            bulk: store.bulk_lookups(),
            registrations: store.registrations(),
            registrar: Arc::new(Synchronising(store.registrations())),
            tenants: made,
            keep: Box::new((Arc::new(store), bouncer, database)),
        }
    }
}

macro_rules! on_postgres {
    ($($case:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $case() {
            mirror::$case(&OnPostgres { walk: None, pooler: false }).await;
        })*

        mod through_pgbouncer {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                mirror::$case(&OnPostgres { walk: None, pooler: true }).await;
            })*
        }
    };
}
for_each_mirror_case!(on_postgres);

#[tokio::test]
async fn lists_are_the_models_where_the_walk_is_too_short() {
    mirror::lists_are_the_models_while_both_sides_change(&OnPostgres {
        walk: Some(2),
        pooler: false,
    })
    .await;
}

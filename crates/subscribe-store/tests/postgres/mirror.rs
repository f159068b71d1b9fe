//! Runs the contract of mirrors on Postgres, directly and through PgBouncer.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{account::Account, tenant::Tenant};
use masthead_ports::{
    registrations::{RegistrationWriter as _, WriteOrigin},
    source::CallContext,
};
use masthead_subscribe_store::{PgRegistrations, Store};
use masthead_testkit::{
    contract::mirror::{self, MirrorFactory, MirrorSubject, NOON, Registrar},
    for_each_mirror_case,
    registrations::write_back,
};

use crate::{
    contract::PostgresFactory,
    support::{FEDERATED, tenant},
};

/// Writes registrations by write-backs, as a live answer does.
struct WriteBackRegistrar(Arc<PgRegistrations>);

#[async_trait]
impl Registrar for WriteBackRegistrar {
    async fn register(&self, cx: &CallContext, account: &Account) {
        let write_back = write_back(&*self.0, cx, account).await.unwrap();
        let written_for = WriteOrigin::new("r-1".into(), "CRM".into(), NOON);
        self.0.write_back(cx, &write_back, &written_for).await.unwrap();
    }
}

/// The mirror of these tenants as the subject of a contract.
pub(crate) fn mirror_subject(
    store: &Store,
    tenants: Vec<Arc<Tenant>>,
    keep: impl Send + Sync + 'static,
) -> MirrorSubject {
    MirrorSubject {
        mirror: store.mirror(),
        bulk: store.bulk_lookups(),
        registrations: store.registrations(),
        registrar: Arc::new(WriteBackRegistrar(store.registrations())),
        tenants,
        keep: Box::new(keep),
    }
}

#[async_trait]
impl MirrorFactory for PostgresFactory {
    async fn subject(&self, tenants: usize, settings: &[(&str, &str)]) -> MirrorSubject {
        let fixture = self.fixture().await;
        let store = Arc::clone(&fixture.store);
        let mut made = Vec::new();
        for number in 0..tenants {
            made.push(
                tenant(
                    &store,
                    &format!("north/daily/{number}"),
                    &[settings, FEDERATED].concat(),
                )
                .await,
            );
        }
        mirror_subject(&store, made, fixture)
    }
}

macro_rules! on_postgres {
    ($($case:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $case() {
            mirror::$case(&PostgresFactory::default()).await;
        })*

        mod through_pgbouncer {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                mirror::$case(&PostgresFactory { scan: None, pooler: true }).await;
            })*
        }
    };
}
for_each_mirror_case!(on_postgres);

#[tokio::test]
async fn lists_equal_the_model_after_short_scan() {
    let factory = PostgresFactory {
        scan: Some(2),
        pooler: false,
    };
    mirror::lists_equal_the_model_during_changes(&factory).await;
}

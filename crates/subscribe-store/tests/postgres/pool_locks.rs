//! A pool whose directory is being written holds up its own writers, and nobody else: neither those who ask who a tenant is,
//! nor look-ups, nor events.

use std::{sync::Arc, time::Duration};

use masthead_domain::{crid::Crid, tenant::TenantId};
use masthead_ports::{
    directory::{Brake, Directory as _},
    source::UserSource as _,
    tenants::Tenants as _,
};
use masthead_testkit::{
    accounts::{account, readers},
    contract::directory::{DirectorySubject, NOON, minute},
};
use sqlx::Connection as _;

use crate::{
    mirror::WriteBackRegistrar,
    support::{StoreFixture, context, map, store_with, tenant},
};

/// How many of this program's connections wait for somebody's lock.
const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_writers_leave_other_connections_free() {
    let StoreFixture { store, database, .. } = store_with(|options| {
        // Whoever had to wait for one of the writers' connections would give up, and say so.
        options.acquire_timeout = Duration::from_mins(1);
        options.statement_timeout = Duration::from_mins(5);
    })
    .await;
    let store = Arc::new(store);
    let federated = tenant(&store, "a/b/c", &[("Flow.UserProvider", "Auth0")]).await;
    let subject = Arc::new(DirectorySubject {
        directory: store.mirror(),
        bulk: store.bulk_lookups(),
        registrations: store.registrations(),
        registrar: Arc::new(WriteBackRegistrar(store.registrations())),
        tenants: vec![Arc::clone(&federated)],
        keep: Box::new(()),
    });
    subject.run(&readers(3), NOON, Brake::On).await;

    // As a run's transaction of many rows does.
    let mut holder = sqlx::PgConnection::connect(&database.url().unwrap()).await.unwrap();
    let hold = "BEGIN; SELECT 1 FROM mirrors FOR NO KEY UPDATE";
    sqlx::raw_sql(hold).execute(&mut holder).await.unwrap();
    // As many as the orchestrator has: it keeps one live answer at a time, and synchronises two registrations.
    let mut writers = Vec::new();
    for number in 0..3 {
        let subject = Arc::clone(&subject);
        writers.push(tokio::spawn(async move {
            let somebody = account(&format!("r-0000{number}"), "somebody@example.org", "New", "");
            if number == 0 {
                subject.feed(&[somebody], minute(1)).await;
            } else {
                subject.register(&somebody).await;
            }
        }));
    }
    while database.run(WAITING).unwrap().trim() != "3" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let id = TenantId::parse("x/y/z").unwrap();
    store.admin().add_tenant(&id, None, &map(&[])).await.unwrap();
    assert!(store.tenants().by_id(&id).await.unwrap().is_some());
    let cx = context(&federated);
    let known = Crid::parse("r-00001").unwrap();
    assert!(store.mirror().profile(&cx, &known).await.unwrap().is_some());
    assert!(store.mirror().standing(&cx).await.unwrap().is_some());
    assert!(store.registrations().by_id(&cx, &known).await.unwrap().is_none());
    assert_eq!(database.run(WAITING).unwrap().trim(), "3", "they still wait");

    sqlx::raw_sql("COMMIT").execute(&mut holder).await.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(store.registrations().by_id(&cx, &known).await.unwrap().is_some());
    store.close().await;
}

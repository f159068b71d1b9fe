//! A pool whose directory is being written holds up its own writers, and nobody else: neither those who ask who a tenant is,
//! nor look-ups, nor events.

use std::{sync::Arc, time::Duration};

use masthead_domain::{customer_registration_id::CustomerRegistrationId, tenant::TenantId};
use masthead_ports::{
    mirror::{RemovalBrake, UserMirror as _},
    source::UserSource as _,
    tenants::Tenants as _,
};
use masthead_testkit::{
    accounts::{account, readers},
    contract::mirror::{MirrorSubject, NOON, minute},
};
use sqlx::Connection as _;

use crate::{
    directory::Synchronising,
    support::{World, context, map, tenant, world_with},
};

/// How many of this program's connections wait for somebody's lock.
const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_who_wait_for_a_pool_leave_the_connections_of_all_else_alone() {
    let World { store, database, .. } = world_with(|options| {
        // Whoever had to wait for one of the writers' connections would give up, and say so.
        options.acquire_timeout = Duration::from_mins(1);
        options.statement_timeout = Duration::from_mins(5);
    })
    .await;
    let store = Arc::new(store);
    let federated = tenant(&store, "a/b/c", &[("Flow.UserProvider", "Auth0")]).await;
    let subject = Arc::new(MirrorSubject {
        directory: store.directory(),
        bulk: store.bulk_lookups(),
        registrations: store.registrations(),
        registrar: Arc::new(Synchronising(store.registrations())),
        tenants: vec![Arc::clone(&federated)],
        keep: Box::new(()),
    });
    subject.run(&readers(3), NOON, RemovalBrake::On).await;

    // As a run's transaction of many rows does.
    let mut holder = sqlx::PgConnection::connect(&database.url().unwrap()).await.unwrap();
    let hold = "BEGIN; SELECT 1 FROM directories FOR NO KEY UPDATE";
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
    let known = CustomerRegistrationId::parse("r-00001").unwrap();
    assert!(store.directory().profile(&cx, &known).await.unwrap().is_some());
    assert!(store.directory().status(&cx).await.unwrap().is_some());
    assert!(store.registrations().by_id(&cx, &known).await.unwrap().is_none());
    assert_eq!(database.run(WAITING).unwrap().trim(), "3", "they still wait");

    sqlx::raw_sql("COMMIT").execute(&mut holder).await.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(store.registrations().by_id(&cx, &known).await.unwrap().is_some());
    store.close().await;
}

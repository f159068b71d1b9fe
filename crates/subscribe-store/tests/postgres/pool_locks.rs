//! Writers that wait for a pool's mirror delay no other operation.

use std::{sync::Arc, time::Duration};

use masthead_domain::{customer_registration_id::CustomerRegistrationId, tenant::TenantId, user_key::UserKey};
use masthead_ports::{
    mirror::{RemovalBrake, UserMirror as _},
    tenants::Tenants as _,
};
use masthead_testkit::source_client::FindByKey as _;
use masthead_testkit::{
    accounts::{account, readers},
    contract::mirror::{NOON, minute},
};
use sqlx::Connection as _;

use crate::{
    mirror::mirror_subject,
    support::{FEDERATED, context, map, store_with, tenant},
};

/// The connections that wait for a lock.
const WAITING: &str = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_writers_leave_other_connections_free() {
    let fixture = store_with(|options| {
        // A caller that waits for one of the writers' connections would time out.
        options.acquire_timeout = Duration::from_mins(1);
        options.statement_timeout = Duration::from_mins(5);
    })
    .await;
    let store = &fixture.store;
    let federated = tenant(store, "a/b/c", FEDERATED).await;
    let subject = Arc::new(mirror_subject(store, vec![Arc::clone(&federated)], ()));
    subject.run(&readers(3), NOON, RemovalBrake::On).await;

    // As a run's transaction of many rows does.
    let url = fixture.database.url().unwrap();
    let mut holder = sqlx::PgConnection::connect(&url).await.unwrap();
    let hold = "BEGIN; SELECT 1 FROM mirrors FOR NO KEY UPDATE";
    sqlx::raw_sql(hold).execute(&mut holder).await.unwrap();
    // As many as the orchestrator has: one updates the mirror from a live answer, two write registrations back.
    let mut writers = Vec::new();
    for number in 0..3 {
        let subject = Arc::clone(&subject);
        writers.push(tokio::spawn(async move {
            let user = account(&format!("r-0000{number}"), "user@example.org", "New", "");
            if number == 0 {
                subject.feed(&[user], minute(1)).await;
            } else {
                subject.register(&user).await;
            }
        }));
    }
    while fixture.count(WAITING) != 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let id = TenantId::parse("x/y/z").unwrap();
    store.admin().add_tenant(&id, None, &map(&[])).await.unwrap();
    assert!(store.tenants().by_id(&id).await.unwrap().is_some());
    let cx = context(&federated);
    let known = CustomerRegistrationId::parse("r-00001").unwrap();
    assert!(
        !store
            .mirror()
            .profiles(&cx, &UserKey::Id(known.clone()))
            .await
            .unwrap()
            .is_empty()
    );
    assert!(store.mirror().status(&cx).await.unwrap().is_some());
    assert!(store.registrations().by_id(&cx, &known).await.unwrap().is_none());
    assert_eq!(fixture.count(WAITING), 3, "the writers still wait");

    sqlx::raw_sql("COMMIT").execute(&mut holder).await.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(store.registrations().by_id(&cx, &known).await.unwrap().is_some());
    store.close().await;
}

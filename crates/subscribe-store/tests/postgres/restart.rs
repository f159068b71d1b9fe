//! Postgres stops and starts: reads are unavailable in between, never absent, and recover within seconds.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_dev_postgres::PrivateServer;
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    query::UserFilter,
    tenant::{Tenant, TenantId},
};
use masthead_ports::{
    events::ReadEvents as _,
    readiness::Readiness as _,
    source::{SourceErrorKind, UserSource as _},
    tenants::Tenants as _,
};
use masthead_subscribe_store::{Store, StoreOptions};
use masthead_testkit::source_client::FindByKey as _;

use crate::{
    events::event,
    sample_users::sample_user,
    support::{blocking, context, context_within, first_page, fixture, import_users, private_server, tenant},
};

const DATABASE: &str = "masthead_test_restart";

/// Runs a blocking operation of the server.
async fn on(server: PrivateServer, work: impl FnOnce(&PrivateServer) + Send + 'static) -> PrivateServer {
    blocking(move || {
        work(&server);
        server
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_recover_after_restart() {
    let server = private_server(DATABASE).await;
    let store = Store::open(&StoreOptions::new(server.server().url(DATABASE).unwrap())).unwrap();
    store.migrate().await.unwrap();
    let tenant = tenant(&store, "north/daily/herald", &[]).await;
    import_users(&store, &tenant, 0..20).await;
    let source = store.registrations();
    let id = sample_user(3).crid;
    let everyone = first_page(UserFilter::default());
    let events = store.read_events();
    events.record(event(tenant.pool, "before")).unwrap();
    events.flush().await;
    assert!(source.by_id(&context(&tenant), &id).await.unwrap().is_some());
    let page = source.search(&context(&tenant), &everyone).await.unwrap();
    assert_eq!(page.accounts.len(), 10);

    let server = on(server, |server| server.stop().unwrap()).await;
    let hurried = || context_within(&tenant, Duration::from_secs(2));
    let found = source.by_id(&hurried(), &id).await;
    assert_eq!(found.unwrap_err().kind, SourceErrorKind::Unavailable);
    let listed = source.search(&hurried(), &everyone).await;
    assert_eq!(listed.unwrap_err().kind, SourceErrorKind::Unavailable);
    assert_eq!(store.readiness().check().await, Err("unavailable"));
    let cached = store.tenants().by_id(&tenant.id).await.unwrap();
    assert!(cached.is_some(), "known tenants stay known");
    events.record(event(tenant.pool, "while it is away")).unwrap();

    let server = on(server, |server| server.start().unwrap()).await;
    wait_for_recovery(&store, &tenant, &id).await;
    events.flush().await;
    let server = on(server, |server| expect_events(server, "kind = 4001", "2")).await;
    // The open connections break without notice.
    let server = on(server, |server| server.restart_immediate().unwrap()).await;
    wait_for_recovery(&store, &tenant, &id).await;
    events.record(event(tenant.pool, "after")).unwrap();
    events.flush().await;
    let server = on(server, |server| expect_events(server, "request_id = 'after'", "1")).await;
    store.close().await;
    blocking(move || drop(server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search_is_repeated_on_another_connection() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    import_users(&fixture.store, &tenant, 0..20).await;
    let (source, everyone) = (fixture.store.registrations(), first_page(UserFilter::default()));
    for _ in 0..3 {
        let page = source.search(&context(&tenant), &everyone).await.unwrap();
        assert_eq!(page.accounts.len(), 10);
        let terminated = fixture.sql(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
              WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
        );
        assert_ne!(terminated.trim(), "0");
    }
    fixture.store.close().await;
}

fn expect_events(server: &PrivateServer, condition: &str, expected: &str) {
    let count = format!("SELECT count(*) FROM events WHERE {condition}");
    let counted = server.server().run(DATABASE, &count).unwrap();
    assert_eq!(counted.trim(), expected, "{condition}");
}

/// Each read finds the user or is unavailable, and soon all find.
async fn wait_for_recovery(store: &Store, tenant: &Arc<Tenant>, id: &CustomerRegistrationId) {
    let source = store.registrations();
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < Duration::from_secs(30), "no recovery");
        let found = source.by_id(&context(tenant), id).await;
        let listed = source
            .search(&context(tenant), &first_page(UserFilter::default()))
            .await;
        let ready = store.readiness().check().await;
        assert!(!matches!(found, Ok(None)), "unavailable is never absent");
        assert!(listed.as_ref().is_ok_and(|page| page.accounts.len() == 10) || listed.is_err());
        if found.is_ok() && listed.is_ok() && ready.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn store_opens_while_database_is_down() {
    // A port that was bound for a moment: nothing listens on it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let store = Store::open(&StoreOptions::new(format!("postgres://nouser@127.0.0.1:{port}/none"))).unwrap();
    assert_eq!(store.readiness().check().await, Err("unavailable"));
    let tenant = store.tenants().by_id(&TenantId::parse("a/b/c").unwrap()).await;
    assert_eq!(tenant.unwrap_err().kind, SourceErrorKind::Unavailable);
    store.close().await;
}

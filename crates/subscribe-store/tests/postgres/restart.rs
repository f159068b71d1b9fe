//! Postgres goes away and comes back: silence in between, never absence, and recovery in seconds.

use std::time::{Duration, Instant};

use masthead_dev_postgres::PrivateServer;
use masthead_domain::query::UserFilter;
use masthead_ports::{
    events::ReadEvents as _,
    readiness::Readiness as _,
    source::{CallContext, Priority, SourceErrorKind, UserSource as _},
    tenants::Tenants as _,
};
use masthead_subscribe_store::{Store, StoreOptions};

use crate::{
    events::event,
    readers::reader,
    support::{context, first_page, origin, tenant},
};

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_reads_recover_and_until_then_they_are_silent_and_their_events_wait() {
    let server = blocking(|| PrivateServer::start_new().unwrap()).await;
    let server = blocking(move || {
        server.server().create_database("masthead_test_restart").unwrap();
        server
    })
    .await;
    let url = server.server().url("masthead_test_restart").unwrap();
    let store = Store::open(&StoreOptions::new(url)).unwrap();
    store.migrate().await.unwrap();
    let tenant = tenant(&store, "north/daily/herald", &[]).await;
    store
        .importer()
        .registrations(&tenant, &origin(), (0..20).map(reader))
        .await
        .unwrap();
    let source = store.registrations();
    let id = reader(3).crid;
    let events = store.read_events();
    events.record(event(tenant.pool, "before"));
    events.flush().await;
    assert!(source.by_id(&context(&tenant), &id).await.unwrap().is_some());
    assert_eq!(
        source
            .search(&context(&tenant), &first_page(UserFilter::default()))
            .await
            .unwrap()
            .accounts
            .len(),
        10
    );

    let server = blocking(move || {
        server.stop().unwrap();
        server
    })
    .await;
    let hurried = || {
        let deadline = Instant::now() + Duration::from_secs(2);
        CallContext::new(std::sync::Arc::clone(&tenant), deadline, Priority::Interactive)
    };
    assert_eq!(
        source.by_id(&hurried(), &id).await.unwrap_err().kind,
        SourceErrorKind::Unavailable
    );
    let listed = source.search(&hurried(), &first_page(UserFilter::default())).await;
    assert_eq!(listed.unwrap_err().kind, SourceErrorKind::Unavailable);
    assert_eq!(store.readiness().check().await, Err("unavailable"));
    assert!(
        store.tenants().by_id(&tenant.id).await.unwrap().is_some(),
        "known tenants stay known"
    );
    events.record(event(tenant.pool, "while it is away"));

    let server = blocking(move || {
        server.start().unwrap();
        server
    })
    .await;
    recovers(&store, &tenant, &id).await;
    events.flush().await;
    let server = count_events(server, "kind = 4001", 2).await;
    // Connections are open again: now they die without a word.
    let server = blocking(move || {
        server.restart_immediate().unwrap();
        server
    })
    .await;
    recovers(&store, &tenant, &id).await;
    events.record(event(tenant.pool, "after"));
    events.flush().await;
    let server = count_events(server, "request_id = 'after'", 1).await;
    store.close().await;
    blocking(move || drop(server)).await;
}

async fn count_events(server: PrivateServer, which: &'static str, expected: u32) -> PrivateServer {
    blocking(move || {
        let count = format!("SELECT count(*) FROM events WHERE {which}");
        let counted = server.server().run("masthead_test_restart", &count).unwrap();
        assert_eq!(counted.trim(), expected.to_string(), "{which}");
        server
    })
    .await
}

/// Each read either finds the user or is silent, and soon all find.
async fn recovers(
    store: &Store,
    tenant: &std::sync::Arc<masthead_domain::tenant::Tenant>,
    id: &masthead_domain::customer_registration_id::CustomerRegistrationId,
) {
    let source = store.registrations();
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < Duration::from_secs(30), "no recovery");
        let looked_up = source.by_id(&context(tenant), id).await;
        let listed = source
            .search(&context(tenant), &first_page(UserFilter::default()))
            .await;
        let ready = store.readiness().check().await;
        match (looked_up, listed, ready) {
            (Ok(found), Ok(page), Ok(())) => {
                assert!(found.is_some() && page.accounts.len() == 10);
                return;
            }
            (found, page, _) => {
                assert!(!matches!(found, Ok(None)), "silence is never absence");
                assert!(page.is_err() || page.unwrap().accounts.len() == 10);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

#[tokio::test]
async fn a_store_opens_while_its_database_is_down_and_says_so() {
    // A port on which nobody listens: bound for a moment, then let go of.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let store = Store::open(&StoreOptions::new(format!("postgres://nobody@127.0.0.1:{port}/none"))).unwrap();
    assert_eq!(store.readiness().check().await, Err("unavailable"));
    let id = masthead_domain::tenant::TenantId::parse("a/b/c").unwrap();
    assert_eq!(
        store.tenants().by_id(&id).await.unwrap_err().kind,
        SourceErrorKind::Unavailable
    );
    store.close().await;
}

//! Statements that cannot finish: a search says *too broad*, a full pool and a look-up say *unavailable*, all in time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{query::UserFilter, tenant::Tenant};
use masthead_ports::source::{CallContext, Priority, SourceErrorKind, UserSource as _};
use masthead_testkit::source_client::FindByKey as _;

use crate::{
    readers::reader,
    support::{World, first_page, origin, tenant, world_with},
};

/// A store of one search connection whose table nobody can read for ten seconds, and its only tenant.
async fn locked(pooler: bool) -> (World, Arc<Tenant>) {
    let world = world_with(|options| {
        options.pooler = pooler;
        options.search_connections = 1;
        options.statement_timeout = Duration::from_secs(2);
        options.acquire_timeout = Duration::from_secs(1);
    })
    .await;
    let tenant = tenant(&world.store, "a/b/c", &[]).await;
    let readers = (0..3).map(reader);
    world
        .store
        .importer()
        .registrations(&tenant, &origin(), readers)
        .await
        .unwrap();
    let database = Arc::clone(&world.database);
    std::thread::spawn(move || {
        // Cut short by the end of the test, which drops the database.
        let _ = database.run("BEGIN; LOCK TABLE registrations; SELECT pg_sleep(10); COMMIT");
    });
    let held = "SELECT count(*) FROM pg_locks WHERE relation = 'registrations'::regclass AND mode = 'AccessExclusiveLock' AND granted";
    while world.database.run(held).unwrap().trim() == "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (world, tenant)
}

fn within(tenant: &Arc<Tenant>, budget: Duration) -> CallContext {
    CallContext::new(Arc::clone(tenant), Instant::now() + budget, Priority::Interactive)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_finish_says_so_and_why() {
    for pooler in [false, true] {
        let (world, tenant) = locked(pooler).await;
        let source = world.store.registrations();
        // The request's own deadline is the shorter limit here, and the server must keep it too.
        let cx = within(&tenant, Duration::from_millis(1500));
        let query = first_page(UserFilter::default());
        let (first, second) = tokio::join!(source.search(&cx, &query), source.search(&cx, &query));
        let kinds = [first, second].map(|answer| answer.unwrap_err().kind);
        assert!(kinds.contains(&SourceErrorKind::TooBroad), "{kinds:?}");
        assert!(
            kinds.contains(&SourceErrorKind::Unavailable),
            "a pool without a connection to spare: {kinds:?}"
        );

        let cx = within(&tenant, Duration::from_millis(300));
        let looked_up = source.by_id(&cx, &reader(0).crid).await;
        assert_eq!(looked_up.unwrap_err().kind, SourceErrorKind::Unavailable);
        world.store.close().await;
    }
}

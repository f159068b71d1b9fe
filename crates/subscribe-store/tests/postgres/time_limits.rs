//! Blocked statements end in time: a search as *too broad*, an exhausted pool and a look-up as *unavailable*.

use std::time::Duration;

use masthead_domain::query::UserFilter;
use masthead_ports::source::{SourceErrorKind, UserSource as _};
use masthead_testkit::source_client::FindByKey as _;

use crate::{
    sample_users::sample_user,
    support::{context_within, first_page, import_users, store_with, tenant},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocked_statements_fail_in_time() {
    for pooler in [false, true] {
        let fixture = store_with(|options| {
            options.pooler = pooler;
            options.search_connections = 1;
            options.statement_timeout = Duration::from_secs(2);
            options.acquire_timeout = Duration::from_secs(1);
        })
        .await;
        let tenant = tenant(&fixture.store, "a/b/c", &[]).await;
        import_users(&fixture.store, &tenant, 0..3).await;
        fixture.lock_registrations(10).await;
        let source = fixture.store.registrations();
        // The call's deadline is shorter than the statement timeout, and the server must keep it too.
        let cx = context_within(&tenant, Duration::from_millis(1500));
        let query = first_page(UserFilter::default());
        let (first, second) = tokio::join!(source.search(&cx, &query), source.search(&cx, &query));
        let kinds = [first, second].map(|answer| answer.unwrap_err().kind);
        assert!(kinds.contains(&SourceErrorKind::TooBroad), "{kinds:?}");
        assert!(
            kinds.contains(&SourceErrorKind::Unavailable),
            "the pool has no second connection: {kinds:?}"
        );

        let cx = context_within(&tenant, Duration::from_millis(300));
        let looked_up = source.by_id(&cx, &sample_user(0).crid).await;
        assert_eq!(looked_up.unwrap_err().kind, SourceErrorKind::Unavailable);
        fixture.store.close().await;
    }
}

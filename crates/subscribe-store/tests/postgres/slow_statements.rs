//! Slow statements are logged with their name, and without their text.

use masthead_domain::query::UserFilter;
use masthead_ports::source::UserSource as _;
use masthead_testkit::{logs::LogCapture, source_client::FindByKey as _};
use tracing::Level;

use crate::{
    sample_users::sample_user,
    support::{context, first_page, fixture, import_users, tenant},
};

#[tokio::test]
async fn slow_statement_is_named_without_its_text() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "a/b/c", &[]).await;
    import_users(&fixture.store, &tenant, 0..3).await;
    let logs = LogCapture::start(Level::DEBUG);
    let cx = context(&tenant);
    let (source, admin) = (fixture.store.registrations(), fixture.store.admin());
    let locking = fixture.lock_registrations(2).await;
    let (id, filter) = (sample_user(0).crid, first_page(UserFilter::default()));
    let (found, listed, removed) = tokio::join!(source.by_id(&cx, &id), source.search(&cx, &filter), async {
        let id = masthead_domain::tenant::TenantId::parse("a/b/c").unwrap();
        admin.remove_tenant(&id, false).await
    });
    locking.join().unwrap();
    assert!(found.unwrap().is_some() && listed.unwrap().accounts.len() == 3 && removed.is_err());
    let text = logs.text();
    for name in ["look-up by key", "search", "select tenants"] {
        let line = text
            .lines()
            .find(|line| line.contains("slow statement") && line.contains(name));
        assert!(line.is_some_and(|line| line.contains("duration_ms")), "{name}: {text}");
    }
    for part in ["SELECT", "unnest", "WHERE", id.as_str()] {
        assert!(!text.contains(part), "{part}: {text}");
    }
}

//! Tenants, their settings and pools, and the schema version.

use masthead_dev_postgres::TestDatabase;
use masthead_domain::{email::Email, tenant::TenantId};
use masthead_ports::{readiness::Readiness as _, tenants::Tenants as _};
use masthead_subscribe_store::{AdminError, NewRegistration, SchemaError, Store, StoreOptions, schema};

use crate::{
    sample_users::sample_user,
    support::{FEDERATED, blocking, fixture, import, import_users, map, tenant},
};

fn id(text: &str) -> TenantId {
    TenantId::parse(text).unwrap()
}

#[tokio::test]
async fn tenants_share_a_pool_by_name() {
    let fixture = fixture().await;
    let admin = fixture.store.admin();
    for (tenant, pool) in [("a/b/1", None), ("a/b/2", Some("shared")), ("a/b/3", Some("shared"))] {
        admin.add_tenant(&id(tenant), pool, &map(&[])).await.unwrap();
    }
    let rows = admin.tenants().await.unwrap();
    let pools: Vec<&str> = rows.iter().map(|row| row.pool_name.as_str()).collect();
    assert_eq!(pools, ["a/b/1", "shared", "shared"]);
    assert!(rows[1].pool == rows[2].pool && rows[0].pool != rows[1].pool);
    let tenants = fixture.store.tenants();
    let known = tenants.by_id(&id("a/b/2")).await.unwrap().unwrap();
    assert_eq!(known.pool, rows[1].pool);
    assert!(tenants.by_id(&id("a/b/4")).await.unwrap().is_none());
}

#[tokio::test]
async fn tenants_are_found_in_any_group() {
    let fixture = fixture().await;
    let admin = fixture.store.admin();
    for tenant in ["b/x/1", "a/x/1", "a/x/2", "a/y/1"] {
        admin.add_tenant(&id(tenant), None, &map(&[])).await.unwrap();
    }
    let tenants = fixture.store.tenants();
    for (client, paper, expected) in [
        ("x", "1", vec!["a/x/1", "b/x/1"]),
        ("y", "1", vec!["a/y/1"]),
        ("y", "2", vec![]),
        ("X", "1", vec![]),
    ] {
        let found = tenants.find_in_any_group(client, paper).await.unwrap();
        let expected: Vec<_> = expected.into_iter().map(id).collect();
        assert_eq!(found, expected, "{client}/{paper}");
    }
}

#[tokio::test]
async fn settings_are_merged_or_rejected_as_a_whole() {
    let fixture = fixture().await;
    let admin = fixture.store.admin();
    let (one, none) = (id("a/b/1"), map(&[]));
    let initial = map(&[("Api.DataAsArray", "true")]);
    admin.add_tenant(&one, None, &initial).await.unwrap();
    let again = admin.add_tenant(&one, None, &none).await;
    assert!(matches!(again, Err(AdminError::TenantExists)));
    let changes = map(&[("Api.DataAsArray", ""), ("Flow.UserProvider", "Myspace")]);
    let (now, warnings) = admin.set_tenant(&one, &changes).await.unwrap();
    assert_eq!(now, map(&[("Flow.UserProvider", "Myspace")]));
    assert_eq!(warnings.len(), 1);
    let invalid = map(&[("Colour", "red"), ("Api.MissAs400", "maybe")]);
    let rejected = admin.set_tenant(&one, &invalid).await;
    assert!(matches!(rejected, Err(AdminError::BadSettings(errors)) if errors.len() == 2));
    assert_eq!(admin.tenants().await.unwrap()[0].settings, now);
    let unknown = admin.set_tenant(&id("x/y/z"), &now).await;
    assert!(matches!(unknown, Err(AdminError::NoSuchTenant)));
    let unnamed = admin.add_tenant(&id("a/b/2"), Some(""), &none).await;
    assert!(matches!(unnamed, Err(AdminError::BadPoolName)));
}

#[tokio::test]
async fn last_tenant_of_used_pool_needs_orphan() {
    let fixture = fixture().await;
    let admin = fixture.store.admin();
    let one = tenant(&fixture.store, "a/b/1", &[]).await;
    admin.add_tenant(&id("a/b/2"), Some("a/b/1"), &map(&[])).await.unwrap();
    import_users(&fixture.store, &one, 0..2).await;
    admin.remove_tenant(&id("a/b/2"), false).await.unwrap();
    let rejected = admin.remove_tenant(&one.id, false).await;
    assert!(matches!(rejected, Err(AdminError::WouldOrphan(2))));
    assert_eq!(admin.tenants().await.unwrap().len(), 1);
    admin.remove_tenant(&one.id, true).await.unwrap();
    assert!(admin.tenants().await.unwrap().is_empty());
    let again = admin.remove_tenant(&one.id, true).await;
    assert!(matches!(again, Err(AdminError::NoSuchTenant)));
}

#[tokio::test]
async fn mastered_pool_needs_unique_addresses() {
    let fixture = fixture().await;
    let admin = fixture.store.admin();
    let one = tenant(&fixture.store, "a/b/1", FEDERATED).await;
    // Of no other test: the log is read.
    let address = format!("{}@example.org", fixture.database.name());
    let twins = [0, 1].map(|n| NewRegistration {
        email: Email::parse(&address).ok(),
        ..sample_user(n)
    });
    import(&fixture.store, &one, twins.into_iter()).await;
    let no_provider = map(&[("Flow.UserProvider", "")]);
    let rejected = admin.set_tenant(&one.id, &no_provider).await;
    let Err(AdminError::AmbiguousAddresses(ids)) = &rejected else {
        panic!("{rejected:?}");
    };
    assert_eq!(*ids, [[sample_user(0).crid.as_str(), sample_user(1).crid.as_str()]]);
    if let Some(log) = fixture.database.server().log_file() {
        let log = std::fs::read(log).unwrap();
        assert!(
            !String::from_utf8_lossy(&log).contains(&address),
            "an address is in the log"
        );
    }
    fixture.sql("DELETE FROM registrations WHERE id = 2");
    admin.set_tenant(&one.id, &no_provider).await.unwrap();
    let mastered = fixture.sql("SELECT bool_and(masters_accounts) FROM registrations");
    assert_eq!(mastered, "t", "the rows follow their pool");
}

#[tokio::test]
async fn other_schema_versions_are_not_ready() {
    let empty = blocking(TestDatabase::empty).await.unwrap();
    let options = StoreOptions::new(empty.url().unwrap());
    let store = Store::open(&options).unwrap();
    let unmigrated = store.check_schema().await;
    assert!(matches!(unmigrated, Err(SchemaError::Behind { found: 0, .. })));
    assert_eq!(store.readiness().check().await, Err("wrong schema version"));
    let (one, two) = tokio::join!(store.migrate(), store.migrate());
    one.and(two).unwrap();
    store.check_schema().await.unwrap();
    assert_eq!(store.readiness().check().await, Ok(()));
    empty
        .run("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 2")
        .unwrap();
    let later = Store::open(&options).unwrap();
    for unknown in [
        later.check_schema().await,
        schema::migrate(&options.url).await.map(|_| ()),
    ] {
        assert!(matches!(unknown, Err(SchemaError::Foreign { found: 9999, .. })));
    }
}

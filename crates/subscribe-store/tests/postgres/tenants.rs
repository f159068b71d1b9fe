//! Tenants, their settings, their pools, and the schema that they are in.

use masthead_domain::tenant::TenantId;
use masthead_ports::{readiness::Readiness as _, tenants::Tenants as _};
use masthead_subscribe_store::{AdminError, SchemaError, Store, StoreOptions, schema};

use crate::{
    readers::reader,
    support::{map, origin, tenant, world},
};

fn id(text: &str) -> TenantId {
    TenantId::parse(text).unwrap()
}

#[tokio::test]
async fn a_tenant_has_a_pool_of_its_own_unless_it_shares_one() {
    let world = world().await;
    let admin = world.store.admin();
    for (tenant, pool) in [("a/b/1", None), ("a/b/2", Some("shared")), ("a/b/3", Some("shared"))] {
        admin.add_tenant(&id(tenant), pool, &map(&[])).await.unwrap();
    }
    let rows = admin.tenants().await.unwrap();
    let pools: Vec<&str> = rows.iter().map(|row| row.pool_name.as_str()).collect();
    assert_eq!(pools, ["a/b/1", "shared", "shared"]);
    assert!(rows[1].pool == rows[2].pool && rows[0].pool != rows[1].pool);
    let known = world.store.tenants().by_id(&id("a/b/2")).await.unwrap().unwrap();
    assert_eq!(known.pool, rows[1].pool);
    assert!(world.store.tenants().by_id(&id("a/b/4")).await.unwrap().is_none());
}

#[tokio::test]
async fn the_tenants_of_a_client_and_paper_are_told_whatever_their_group() {
    let world = world().await;
    let admin = world.store.admin();
    for tenant in ["b/x/1", "a/x/1", "a/x/2", "a/y/1"] {
        admin.add_tenant(&id(tenant), None, &map(&[])).await.unwrap();
    }
    let tenants = world.store.tenants();
    for (client, paper, told) in [
        ("x", "1", vec!["a/x/1", "b/x/1"]),
        ("y", "1", vec!["a/y/1"]),
        ("y", "2", vec![]),
        ("X", "1", vec![]),
    ] {
        let known = tenants.find_in_any_group(client, paper).await.unwrap();
        assert_eq!(known, told.into_iter().map(id).collect::<Vec<_>>(), "{client}/{paper}");
    }
}

#[tokio::test]
async fn settings_are_merged_an_empty_value_removes_and_mistakes_change_nothing() {
    let world = world().await;
    let admin = world.store.admin();
    let one = id("a/b/1");
    admin
        .add_tenant(&one, None, &map(&[("Api.DataAsArray", "true")]))
        .await
        .unwrap();
    assert!(matches!(
        admin.add_tenant(&one, None, &map(&[])).await,
        Err(AdminError::TenantExists)
    ));
    let (now, warnings) = admin
        .set_tenant(&one, &map(&[("Api.DataAsArray", ""), ("Flow.UserProvider", "Myspace")]))
        .await
        .unwrap();
    assert_eq!(now, map(&[("Flow.UserProvider", "Myspace")]));
    assert_eq!(warnings.len(), 1);
    let wrong = admin
        .set_tenant(&one, &map(&[("Colour", "red"), ("Api.MissAs400", "maybe")]))
        .await;
    assert!(matches!(wrong, Err(AdminError::BadSettings(mistakes)) if mistakes.len() == 2));
    assert_eq!(admin.tenants().await.unwrap()[0].settings, now);
    assert!(matches!(
        admin.set_tenant(&id("x/y/z"), &now).await,
        Err(AdminError::NoSuchTenant)
    ));
    assert!(matches!(
        admin.add_tenant(&id("a/b/2"), Some(""), &map(&[])).await,
        Err(AdminError::BadPoolName)
    ));
}

#[tokio::test]
async fn the_last_tenant_of_a_pool_with_people_in_it_is_removed_only_by_force() {
    let world = world().await;
    let admin = world.store.admin();
    let one = tenant(&world.store, "a/b/1", &[]).await;
    admin.add_tenant(&id("a/b/2"), Some("a/b/1"), &map(&[])).await.unwrap();
    world
        .store
        .importer()
        .registrations(&one, &origin(), (0..2).map(reader))
        .await
        .unwrap();
    admin.remove_tenant(&id("a/b/2"), false).await.unwrap();
    let refused = admin.remove_tenant(&one.id, false).await;
    assert!(matches!(refused, Err(AdminError::WouldOrphan(2))));
    assert_eq!(admin.tenants().await.unwrap().len(), 1, "refused is not done");
    admin.remove_tenant(&one.id, true).await.unwrap();
    assert!(admin.tenants().await.unwrap().is_empty());
    assert!(matches!(
        admin.remove_tenant(&one.id, true).await,
        Err(AdminError::NoSuchTenant)
    ));
}

#[tokio::test]
async fn masthead_takes_over_a_pool_only_when_its_addresses_are_unique() {
    let world = world().await;
    let admin = world.store.admin();
    let one = tenant(&world.store, "a/b/1", &[("Flow.UserProvider", "Auth0")]).await;
    let mut twin = reader(1);
    twin.email = reader(0).email;
    world
        .store
        .importer()
        .registrations(&one, &origin(), [reader(0), twin].into_iter())
        .await
        .unwrap();
    let refused = admin.set_tenant(&one.id, &map(&[("Flow.UserProvider", "")])).await;
    assert!(matches!(refused, Err(AdminError::AmbiguousAddresses)), "{refused:?}");
    world.database.run("DELETE FROM registrations WHERE id = 2").unwrap();
    admin
        .set_tenant(&one.id, &map(&[("Flow.UserProvider", "")]))
        .await
        .unwrap();
    let mastered = world
        .database
        .run("SELECT bool_and(masters_accounts) FROM registrations")
        .unwrap();
    assert_eq!(mastered.trim(), "t", "the rows follow their pool");
}

#[tokio::test]
async fn an_unmigrated_or_foreign_database_is_refused_and_not_ready() {
    let empty = tokio::task::spawn_blocking(masthead_dev_postgres::TestDatabase::empty)
        .await
        .unwrap()
        .unwrap();
    let store = Store::open(&StoreOptions::new(empty.url().unwrap())).unwrap();
    assert!(matches!(
        store.check_schema().await,
        Err(SchemaError::Behind { found: 0, .. })
    ));
    assert_eq!(store.readiness().check().await, Err("wrong schema version"));
    let (one, two) = tokio::join!(store.migrate(), store.migrate());
    one.and(two).unwrap();
    store.check_schema().await.unwrap();
    assert_eq!(store.readiness().check().await, Ok(()));
    empty
        .run("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 2")
        .unwrap();
    let later = Store::open(&StoreOptions::new(empty.url().unwrap())).unwrap();
    assert!(matches!(
        later.check_schema().await,
        Err(SchemaError::Foreign { found: 9999, .. })
    ));
    assert!(matches!(
        schema::migrate(&empty.url().unwrap()).await,
        Err(SchemaError::Foreign { found: 9999, .. })
    ));
}

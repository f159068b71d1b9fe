//! Workspaces, their limits and their keys.

use std::sync::Arc;

use masthead_domain::{
    tenant::TenantId,
    workspace::{Credential, ExportLimits, KeyHash, MAX_KEYS, Workspace, WorkspaceId},
};
use masthead_ports::{source::SourceError, workspaces::Workspaces as _};
use masthead_subscribe_store::{AdminError, WorkspaceChange};

use crate::support::{World, tenant, world};

const TENANT: &str = "north/daily/herald";

fn id(text: &str) -> WorkspaceId {
    WorkspaceId::parse(text).unwrap()
}

/// The workspace of this name as this key opens it.
async fn opened(world: &World, name: &str, key: &str) -> Result<Option<Arc<Workspace>>, SourceError> {
    let credential = Credential::new(&id(name), &KeyHash::for_key(key));
    world.store.workspaces().authenticate(&credential).await
}

async fn with_workspace(set: WorkspaceChange) -> World {
    let world = world().await;
    tenant(&world.store, TENANT, &[]).await;
    let (admin, tenant) = (world.store.admin(), TenantId::parse(TENANT).unwrap());
    admin.add_workspace(&id("herald"), &tenant, set).await.unwrap();
    world
}

#[tokio::test]
async fn a_workspace_is_known_with_its_tenant_its_limits_and_its_keys() {
    let set = WorkspaceChange {
        strict: Some(true),
        identifiers_per_payload: Some(100),
        ..WorkspaceChange::default()
    };
    let world = with_workspace(set).await;
    let admin = world.store.admin();
    for (number, key) in [(1, "one"), (2, "two")] {
        let given = admin
            .add_workspace_key(&id("herald"), &KeyHash::for_key(key))
            .await
            .unwrap();
        assert_eq!(given, number);
    }
    let limits = ExportLimits {
        identifiers_per_payload: 100,
        ..ExportLimits::default()
    };
    for key in ["one", "two"] {
        let known = opened(&world, "herald", key).await.unwrap().unwrap();
        assert_eq!(
            (&known.id, &known.tenant),
            (&id("herald"), &TenantId::parse(TENANT).unwrap())
        );
        assert!(known.strict && !known.suspended);
        assert_eq!(known.limits, limits);
    }
    for (name, key) in [("herald", "three"), ("herald", ""), ("times", "one"), ("HERALD", "one")] {
        assert!(opened(&world, name, key).await.unwrap().is_none(), "{name} {key}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_read_is_an_error_for_every_workspace_alike() {
    let world = with_workspace(WorkspaceChange::default()).await;
    world.database.run("DROP TABLE workspace_keys, workspaces").unwrap();
    for name in ["herald", "nobody"] {
        let told = opened(&world, name, "one").await;
        assert!(told.is_err(), "{name}: silence is never absence");
    }
}

#[tokio::test]
async fn keys_are_bounded_numbered_upwards_and_taken_back_by_number() {
    let world = with_workspace(WorkspaceChange::default()).await;
    let (admin, herald) = (world.store.admin(), id("herald"));
    for n in 0..MAX_KEYS {
        let hash = KeyHash::for_key(&n.to_string());
        admin.add_workspace_key(&herald, &hash).await.unwrap();
    }
    let one_more = admin.add_workspace_key(&herald, &KeyHash::for_key("more")).await;
    assert!(matches!(one_more, Err(AdminError::TooManyKeys)));
    admin.remove_workspace_key(&herald, 3).await.unwrap();
    let again = admin.remove_workspace_key(&herald, 3).await;
    assert!(matches!(again, Err(AdminError::NoSuchKey)));
    let number = admin
        .add_workspace_key(&herald, &KeyHash::for_key("more"))
        .await
        .unwrap();
    assert_eq!(number, 9, "a number is not given again");
    let rows = admin.workspaces().await.unwrap();
    let numbers: Vec<i32> = rows[0].keys.iter().map(|key| key.number).collect();
    assert_eq!(numbers, [1, 2, 4, 5, 6, 7, 8, 9]);
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let world = with_workspace(WorkspaceChange::default()).await;
    let (admin, herald) = (world.store.admin(), TenantId::parse(TENANT).unwrap());
    let nowhere = TenantId::parse("north/daily/nowhere").unwrap();
    let add = async |name: &str, tenant, set| admin.add_workspace(&id(name), tenant, set).await.unwrap_err();
    let none = WorkspaceChange::default();
    assert!(matches!(
        add("herald", &herald, none).await,
        AdminError::WorkspaceExists
    ));
    assert!(matches!(add("times", &nowhere, none).await, AdminError::NoSuchTenant));
    let odd = WorkspaceChange {
        users_per_minute: Some(1),
        ..none
    };
    assert!(matches!(add("times", &herald, odd).await, AdminError::BadLimits(_)));
    let set = admin.set_workspace(&id("herald"), odd).await;
    assert!(matches!(set, Err(AdminError::BadLimits(_))));
    for done in [
        admin.set_workspace(&id("times"), none).await,
        admin.remove_workspace(&id("times")).await,
        admin.remove_workspace_key(&id("times"), 1).await,
        admin
            .add_workspace_key(&id("times"), &KeyHash::for_key("x"))
            .await
            .map(|_| ()),
    ] {
        assert!(matches!(done, Err(AdminError::NoSuchWorkspace)));
    }
    let rows = admin.workspaces().await.unwrap();
    assert!(rows.len() == 1 && rows[0].limits == ExportLimits::default());
}

#[tokio::test]
async fn a_workspace_is_changed_and_goes_with_its_tenant() {
    let world = with_workspace(WorkspaceChange::default()).await;
    let admin = world.store.admin();
    let change = WorkspaceChange {
        suspended: Some(true),
        users_per_minute: Some(50),
        ..WorkspaceChange::default()
    };
    admin.set_workspace(&id("herald"), change).await.unwrap();
    admin
        .add_workspace_key(&id("herald"), &KeyHash::for_key("one"))
        .await
        .unwrap();
    let rows = admin.workspaces().await.unwrap();
    assert!(rows[0].suspended && !rows[0].strict);
    assert_eq!(rows[0].limits.users_per_minute, 50);
    admin
        .remove_tenant(&TenantId::parse(TENANT).unwrap(), false)
        .await
        .unwrap();
    assert!(admin.workspaces().await.unwrap().is_empty());
    assert!(opened(&world, "herald", "one").await.unwrap().is_none());
}

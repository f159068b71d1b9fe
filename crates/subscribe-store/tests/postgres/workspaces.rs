//! Workspaces, their limits and their keys.

use std::sync::Arc;

use masthead_domain::{
    tenant::TenantId,
    workspace::{Credential, ExportLimits, KeyHash, MAX_KEYS, Workspace, WorkspaceId},
};
use masthead_ports::{source::SourceError, workspaces::Workspaces as _};
use masthead_subscribe_store::{Admin, AdminError, WorkspaceChange};

use crate::support::{StoreFixture, fixture, tenant};

const TENANT: &str = "north/daily/herald";

const NO_CHANGE: WorkspaceChange = WorkspaceChange {
    suspended: None,
    strict: None,
    identifiers_per_payload: None,
    users_per_minute: None,
    body_kilobytes: None,
};

fn id(text: &str) -> WorkspaceId {
    WorkspaceId::parse(text).unwrap()
}

fn tenant_id(text: &str) -> TenantId {
    TenantId::parse(text).unwrap()
}

/// The workspace with this name and key.
async fn open(fixture: &StoreFixture, name: &str, key: &str) -> Result<Option<Arc<Workspace>>, SourceError> {
    let credential = Credential::new(&id(name), &KeyHash::for_key(key));
    fixture.store.workspaces().authenticate(&credential).await
}

async fn with_workspace(set: WorkspaceChange) -> (StoreFixture, Admin) {
    let fixture = fixture().await;
    tenant(&fixture.store, TENANT, &[]).await;
    let admin = fixture.store.admin();
    admin
        .add_workspace(&id("herald"), &tenant_id(TENANT), set)
        .await
        .unwrap();
    (fixture, admin)
}

#[tokio::test]
async fn workspace_is_found_by_each_key() {
    let (fixture, admin) = with_workspace(WorkspaceChange {
        strict: Some(true),
        identifiers_per_payload: Some(100),
        ..NO_CHANGE
    })
    .await;
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
        let known = open(&fixture, "herald", key).await.unwrap().unwrap();
        assert_eq!((&known.id, &known.tenant), (&id("herald"), &tenant_id(TENANT)));
        assert!(known.strict && !known.suspended);
        assert_eq!(known.limits, limits);
    }
    for (name, key) in [("herald", "three"), ("herald", ""), ("times", "one"), ("HERALD", "one")] {
        assert!(open(&fixture, name, key).await.unwrap().is_none(), "{name} {key}");
    }
}

#[tokio::test]
async fn unreadable_database_is_an_error() {
    let (fixture, _) = with_workspace(NO_CHANGE).await;
    fixture.sql("DROP TABLE workspace_keys, workspaces");
    for name in ["herald", "unknown"] {
        assert!(
            open(&fixture, name, "one").await.is_err(),
            "{name}: unavailable is never absent"
        );
    }
}

#[tokio::test]
async fn keys_are_numbered_and_limited() {
    let (_fixture, admin) = with_workspace(NO_CHANGE).await;
    let herald = id("herald");
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
    assert_eq!(number, 9, "a number is not used again");
    let rows = admin.workspaces().await.unwrap();
    let numbers: Vec<i32> = rows[0].keys.iter().map(|key| key.number).collect();
    assert_eq!(numbers, [1, 2, 4, 5, 6, 7, 8, 9]);
}

#[tokio::test]
async fn invalid_commands_change_nothing() {
    let (_fixture, admin) = with_workspace(NO_CHANGE).await;
    let too_few = WorkspaceChange {
        users_per_minute: Some(1),
        ..NO_CHANGE
    };
    let add = async |name: &str, tenant: &str, set| {
        let added = admin.add_workspace(&id(name), &tenant_id(tenant), set).await;
        added.unwrap_err()
    };
    let exists = add("herald", TENANT, NO_CHANGE).await;
    assert!(matches!(exists, AdminError::WorkspaceExists));
    let nowhere = add("times", "north/daily/nowhere", NO_CHANGE).await;
    assert!(matches!(nowhere, AdminError::NoSuchTenant));
    assert!(matches!(add("times", TENANT, too_few).await, AdminError::BadLimits(_)));
    let set = admin.set_workspace(&id("herald"), too_few).await;
    assert!(matches!(set, Err(AdminError::BadLimits(_))));
    let unknown = id("times");
    for rejected in [
        admin.set_workspace(&unknown, NO_CHANGE).await,
        admin.remove_workspace(&unknown).await,
        admin.remove_workspace_key(&unknown, 1).await,
        admin
            .add_workspace_key(&unknown, &KeyHash::for_key("x"))
            .await
            .map(|_| ()),
    ] {
        assert!(matches!(rejected, Err(AdminError::NoSuchWorkspace)));
    }
    let rows = admin.workspaces().await.unwrap();
    assert!(rows.len() == 1 && rows[0].limits == ExportLimits::default());
}

#[tokio::test]
async fn workspace_is_changed_and_removed_with_tenant() {
    let (fixture, admin) = with_workspace(NO_CHANGE).await;
    let herald = id("herald");
    let change = WorkspaceChange {
        suspended: Some(true),
        users_per_minute: Some(50),
        ..NO_CHANGE
    };
    admin.set_workspace(&herald, change).await.unwrap();
    admin
        .add_workspace_key(&herald, &KeyHash::for_key("one"))
        .await
        .unwrap();
    let rows = admin.workspaces().await.unwrap();
    assert!(rows[0].suspended && !rows[0].strict);
    assert_eq!(rows[0].limits.users_per_minute, 50);
    admin.remove_tenant(&tenant_id(TENANT), false).await.unwrap();
    assert!(admin.workspaces().await.unwrap().is_empty());
    assert!(open(&fixture, "herald", "one").await.unwrap().is_none());
}

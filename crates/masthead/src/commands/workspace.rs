//! `masthead workspace …`: workspaces of the customers export, and the keys that open them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use masthead_domain::workspace::{KeyHash, WorkspaceId};
use masthead_subscribe_store::{Admin, AdminError, Store, WorkspaceChange, WorkspaceRow};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use super::say;
use crate::{
    cli::{Workspace, WorkspaceSettings},
    failure::Failure,
};

/// How many random bytes a key has: 256 bits cannot be guessed, so that a plain hash of it is all that is kept (ADR 0067).
const KEY_BYTES: usize = 32;

/// What every key begins with, so that whoever scans texts for secrets knows one.
const KEY_PREFIX: &str = "mhk_";

pub(super) async fn run(store: &Store, asked: &Workspace) -> Result<(), Failure> {
    let admin = store.admin();
    match asked {
        Workspace::Add {
            workspace,
            tenant,
            settings,
        } => {
            let set = change(settings);
            admin.add_workspace(workspace, tenant, set).await.map_err(unchanged)?;
            // The key alone, so that a script can take it. It is shown this once.
            say(add_key(&admin, workspace).await?)
        }
        Workspace::List { json } => {
            let workspaces = admin.workspaces().await.map_err(unchanged)?;
            if *json {
                return say(workspaces.iter().map(as_json).collect::<serde_json::Value>());
            }
            workspaces.iter().try_for_each(|workspace| say(as_text(workspace)))
        }
        Workspace::Set { workspace, settings } => {
            let set = change(settings);
            admin.set_workspace(workspace, set).await.map_err(unchanged)?;
            say(format_args!("changed {workspace}"))
        }
        Workspace::Key {
            workspace,
            remove: None,
        } => say(add_key(&admin, workspace).await?),
        Workspace::Key {
            workspace,
            remove: Some(number),
        } => {
            let removed = admin.remove_workspace_key(workspace, *number).await;
            removed.map_err(unchanged)?;
            say(format_args!("removed key {number} of {workspace}"))
        }
        Workspace::Suspend { workspace } => suspend(&admin, workspace, true).await,
        Workspace::Resume { workspace } => suspend(&admin, workspace, false).await,
        Workspace::Remove { workspace } => {
            admin.remove_workspace(workspace).await.map_err(unchanged)?;
            say(format_args!("removed {workspace}"))
        }
    }
}

async fn add_key(admin: &Admin, workspace: &WorkspaceId) -> Result<String, Failure> {
    let key = new_key()?;
    let added = admin.add_workspace_key(workspace, &KeyHash::for_key(&key)).await;
    added.map_err(unchanged)?;
    Ok(key)
}

async fn suspend(admin: &Admin, workspace: &WorkspaceId, suspended: bool) -> Result<(), Failure> {
    let change = WorkspaceChange {
        suspended: Some(suspended),
        ..WorkspaceChange::default()
    };
    admin.set_workspace(workspace, change).await.map_err(unchanged)?;
    let done = if suspended { "suspended" } else { "resumed" };
    say(format_args!("{done} {workspace}"))
}

/// A key that nobody has had before.
fn new_key() -> Result<String, Failure> {
    let mut bytes = [0; KEY_BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Failure::new("nothing was changed: the system gives no random bytes"))?;
    Ok(format!("{KEY_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

const fn change(settings: &WorkspaceSettings) -> WorkspaceChange {
    WorkspaceChange {
        suspended: None,
        strict: settings.strict,
        identifiers_per_payload: settings.identifiers_per_payload,
        users_per_minute: settings.users_per_minute,
        body_kilobytes: settings.body_kilobytes,
    }
}

fn unchanged(error: AdminError) -> Failure {
    Failure::when("nothing was changed")(error)
}

fn as_json(row: &WorkspaceRow) -> serde_json::Value {
    let keys = row.keys.iter().map(|key| {
        let created = key.created_at.format(&Rfc3339).unwrap_or_default();
        json!({"number": key.number, "createdAt": created})
    });
    json!({
        "workspace": row.id.as_str(),
        "tenant": row.tenant.to_string(),
        "suspended": row.suspended,
        "strict": row.strict,
        "identifiersPerPayload": row.limits.identifiers_per_payload,
        "usersPerMinute": row.limits.users_per_minute,
        "bodyKilobytes": row.limits.body_kilobytes,
        "keys": keys.collect::<Vec<_>>(),
    })
}

fn as_text(row: &WorkspaceRow) -> String {
    let keys: Vec<_> = row.keys.iter().map(|key| key.number.to_string()).collect();
    let mut text = format!(
        "{} of {}: {} identifiers a payload, {} users a minute, {} KB",
        row.id, row.tenant, row.limits.identifiers_per_payload, row.limits.users_per_minute, row.limits.body_kilobytes
    );
    for (is_so, word) in [(row.strict, ", strict"), (row.suspended, ", suspended")] {
        if is_so {
            text.push_str(word);
        }
    }
    text + "; keys "
        + if keys.is_empty() {
            "none".to_owned()
        } else {
            keys.join(", ")
        }
        .as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_recognisable_and_never_the_same() {
        let (one, other) = (new_key().unwrap(), new_key().unwrap());
        assert!(one.starts_with("mhk_") && one.len() == 4 + 43, "{one}");
        // As user and password of Basic it needs no escaping.
        assert!(
            one.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        );
        assert_ne!(one, other);
    }
}

//! `masthead workspace …`: workspaces of the customers export, and their keys.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use masthead_domain::workspace::{KeyHash, WorkspaceId};
use masthead_subscribe_store::{Admin, AdminError, KeyRow, Store, WorkspaceChange, WorkspaceRow};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{
    environment::{print_line, print_warning},
    operator_log::{CommandChange, record_operator_change},
};
use crate::{
    cli::{WorkspaceCommand, WorkspaceSettings},
    command_error::CommandError,
};

/// How many random bytes a key has: 256 bits cannot be guessed, so a plain hash is enough (ADR 0067).
const KEY_BYTES: usize = 32;

/// The prefix of every key, by which secret scanners recognise one.
const KEY_PREFIX: &str = "mhk_";

pub(super) async fn run(store: &Store, command: &WorkspaceCommand) -> Result<(), CommandError> {
    let Some((name, workspace)) = changed_workspace(command) else {
        return change_or_list(store, command).await;
    };
    let admin = store.admin();
    let before = find(&admin, workspace).await?;
    let done = change_or_list(store, command).await;
    let after = find(&admin, workspace).await?;
    if after.as_ref().is_some_and(|row| row.keys.is_empty()) {
        print_warning(format_args!(
            "{workspace} has no key: every call of it is refused until masthead workspace key makes one"
        ));
    }
    let tenant = after.as_ref().or(before.as_ref()).map(|row| row.tenant.clone());
    let [before, after] = [before, after].map(|row| row.as_ref().map_or(Value::Null, as_json));
    // A change is recorded also where its result cannot be printed, or its second part fails.
    if done.is_err() && before == after {
        return done;
    }
    let change = CommandChange {
        command: name,
        tenant: tenant.as_ref(),
        before,
        after,
    };
    record_operator_change(&admin, change).await?;
    done
}

/// The workspace that a command changes, and its name in the audit log.
const fn changed_workspace(command: &WorkspaceCommand) -> Option<(&'static str, &WorkspaceId)> {
    match command {
        WorkspaceCommand::Add { workspace, .. } => Some(("workspace add", workspace)),
        WorkspaceCommand::Set { workspace, .. } => Some(("workspace set", workspace)),
        WorkspaceCommand::Key { workspace, .. } => Some(("workspace key", workspace)),
        WorkspaceCommand::Suspend { workspace } => Some(("workspace suspend", workspace)),
        WorkspaceCommand::Resume { workspace } => Some(("workspace resume", workspace)),
        WorkspaceCommand::Remove { workspace } => Some(("workspace remove", workspace)),
        WorkspaceCommand::List { .. } => None,
    }
}

async fn find(admin: &Admin, workspace: &WorkspaceId) -> Result<Option<WorkspaceRow>, CommandError> {
    let all = admin.workspaces().await.map_err(unchanged)?;
    Ok(all.into_iter().find(|row| row.id == *workspace))
}

async fn change_or_list(store: &Store, command: &WorkspaceCommand) -> Result<(), CommandError> {
    let admin = store.admin();
    match command {
        WorkspaceCommand::Add {
            workspace,
            tenant,
            settings,
        } => {
            let set = change(settings);
            admin.add_workspace(workspace, tenant, set).await.map_err(unchanged)?;
            // Only the key, so that a script can read it. It is printed once.
            print_line(add_key(&admin, workspace).await?)
        }
        WorkspaceCommand::List { json } => {
            let workspaces = admin.workspaces().await.map_err(unchanged)?;
            if *json {
                return print_line(workspaces.iter().map(as_json).collect::<serde_json::Value>());
            }
            workspaces
                .iter()
                .try_for_each(|workspace| print_line(as_text(workspace)))
        }
        WorkspaceCommand::Set { workspace, settings } => {
            if settings.is_empty() {
                return Err(CommandError::new("nothing to change was given"));
            }
            let set = change(settings);
            admin.set_workspace(workspace, set).await.map_err(unchanged)?;
            print_line(format_args!("changed {workspace}"))
        }
        WorkspaceCommand::Key {
            workspace,
            remove: None,
        } => print_line(add_key(&admin, workspace).await?),
        WorkspaceCommand::Key {
            workspace,
            remove: Some(number),
        } => {
            let removed = admin.remove_workspace_key(workspace, *number).await;
            removed.map_err(unchanged)?;
            print_line(format_args!("removed key {number} of {workspace}"))
        }
        WorkspaceCommand::Suspend { workspace } => suspend(&admin, workspace, true).await,
        WorkspaceCommand::Resume { workspace } => suspend(&admin, workspace, false).await,
        WorkspaceCommand::Remove { workspace } => {
            admin.remove_workspace(workspace).await.map_err(unchanged)?;
            print_line(format_args!("removed {workspace}"))
        }
    }
}

async fn add_key(admin: &Admin, workspace: &WorkspaceId) -> Result<String, CommandError> {
    let key = new_key()?;
    let added = admin.add_workspace_key(workspace, &KeyHash::for_key(&key)).await;
    added.map_err(unchanged)?;
    Ok(key)
}

async fn suspend(admin: &Admin, workspace: &WorkspaceId, suspended: bool) -> Result<(), CommandError> {
    let change = WorkspaceChange {
        suspended: Some(suspended),
        ..WorkspaceChange::default()
    };
    admin.set_workspace(workspace, change).await.map_err(unchanged)?;
    let done = if suspended { "suspended" } else { "resumed" };
    print_line(format_args!("{done} {workspace}"))
}

/// A new random key.
fn new_key() -> Result<String, CommandError> {
    let mut bytes = [0; KEY_BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| CommandError::new("nothing was changed: the system provides no random bytes"))?;
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

fn unchanged(error: AdminError) -> CommandError {
    CommandError::context("nothing was changed")(error)
}

fn as_json(row: &WorkspaceRow) -> serde_json::Value {
    let keys = row.keys.iter().map(|key| {
        let created = key.created_at.format(&Rfc3339).unwrap_or_default();
        let used = key.last_used_at.and_then(|at| at.format(&Rfc3339).ok());
        json!({"number": key.number, "createdAt": created, "lastUsedAt": used})
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
    let key = |key: &KeyRow| {
        let used = match key.last_used_at {
            Some(at) => format!("last used {}", at.date()),
            None => "never used".to_owned(),
        };
        format!("{} ({}, {used})", key.number, key.created_at.date())
    };
    let keys: Vec<_> = row.keys.iter().map(key).collect();
    let mut text = format!(
        "{} of {}: {} identifiers a payload, {} users a minute, {} KB",
        row.id, row.tenant, row.limits.identifiers_per_payload, row.limits.users_per_minute, row.limits.body_kilobytes
    );
    for (is_set, word) in [(row.strict, ", strict"), (row.suspended, ", suspended")] {
        if is_set {
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
    fn keys_are_long_prefixed_and_unique() {
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

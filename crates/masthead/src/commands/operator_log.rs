//! Events of what operators' commands change.

use std::collections::BTreeMap;

use masthead_domain::tenant::TenantId;
use masthead_ports::clock::Clock as _;
use masthead_subscribe_store::{Admin, OperatorChange};
use serde_json::{Value, json};

use crate::{clock::SystemClock, command_error::CommandError, identifiers::process_name, settings::operator};

/// In place of a secret.
const REDACTED: &str = "<redacted>";

/// What a command has changed: the state before and after, without secrets ([`redacted`]) and personal data.
pub(super) struct CommandChange<'a> {
    /// The command, such as `tenant set`.
    pub(super) command: &'static str,
    /// The tenant, where it is about one.
    pub(super) tenant: Option<&'a TenantId>,
    /// Before; null where there was nothing.
    pub(super) before: Value,
    /// After; null where there is nothing.
    pub(super) after: Value,
}

/// Writes the event of a change that was made: who, when, what.
///
/// # Errors
/// The event cannot be written; the change stays.
pub(super) async fn record_operator_change(admin: &Admin, change: CommandChange<'_>) -> Result<(), CommandError> {
    record(admin, change, "it was done, but its event cannot be written").await
}

/// Writes the event of what a command is about to do: ending its process cannot keep the event from being written.
///
/// # Errors
/// The event cannot be written; nothing was done.
pub(super) async fn record_operator_start(admin: &Admin, change: CommandChange<'_>) -> Result<(), CommandError> {
    record(admin, change, "nothing was done: its event cannot be written").await
}

/// Does what takes many steps, between two events: that it began, which remains where this process is ended meanwhile, and what
/// was done. `change` makes them of the state after; that of the first is `{"state": "started"}`, and after an error
/// `{"state": "failed"}`.
///
/// # Errors
/// An event cannot be written; those of `work`.
pub(super) async fn record_around<'c, T>(
    admin: &Admin,
    change: impl Fn(Value) -> CommandChange<'c>,
    work: impl Future<Output = Result<T, CommandError>>,
    after: impl FnOnce(&T) -> Value,
) -> Result<T, CommandError> {
    record_operator_start(admin, change(json!({"state": "started"}))).await?;
    let done = work.await;
    let state = done.as_ref().map_or_else(|_| json!({"state": "failed"}), after);
    let recorded = record_operator_change(admin, change(state)).await;
    let done = done?;
    recorded.map(|()| done)
}

async fn record(admin: &Admin, change: CommandChange<'_>, failure: &'static str) -> Result<(), CommandError> {
    let detail = json!({"command": change.command, "before": change.before, "after": change.after}).to_string();
    let operator = operator();
    let run = process_name();
    let change = OperatorChange {
        operator: &operator,
        request_id: &run,
        at: SystemClock.now(),
        tenant: change.tenant,
        detail: &detail,
    };
    let recorded = admin.record_operator_change(&change).await;
    recorded.map_err(CommandError::context(failure))
}

/// Settings by name, without the values of secrets and without the user of an address.
pub(super) fn redacted(settings: &BTreeMap<String, String>) -> Value {
    let shown = settings.iter().map(|(name, value)| {
        let value = if is_secret(name) || has_user(value) {
            REDACTED
        } else {
            value
        };
        (name.clone(), Value::from(value))
    });
    Value::Object(shown.collect())
}

/// Whether a setting of this name holds a secret. Providers' settings name where a secret is (`…File`, `…Env`) in place of it.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["secret", "key", "password", "token", "pepper"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Whether it is an address with a user or a password before its host.
fn has_user(value: &str) -> bool {
    let after = value.split_once("://").map(|(_, rest)| rest);
    after.is_some_and(|rest| {
        rest.split(['/', '?', '#'])
            .next()
            .is_some_and(|host| host.contains('@'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted() {
        let settings = [
            ("Auth0.ClientSecret", "s3cret"),
            ("Gigya.UserKey", "k3y"),
            ("Smtp.Password", "p4ss"),
            ("Subscribe.Url", "https://ann:s3cret@users.example/x"),
            ("Auth0.ClientSecretFile", "auth0-secret"),
            ("Auth0.Domain", "https://herald.example/@ann"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let shown = redacted(&settings.into());
        for name in ["Auth0.ClientSecret", "Gigya.UserKey", "Smtp.Password", "Subscribe.Url"] {
            assert_eq!(shown[name], REDACTED, "{name}");
        }
        assert_eq!(shown["Auth0.ClientSecretFile"], "auth0-secret");
        assert_eq!(shown["Auth0.Domain"], "https://herald.example/@ann");
    }
}

//! `masthead caller …`: grants in place of what tokens claim, and denials.

use masthead_domain::caller_rules::{CallerGrant, CallerName, CallerNameError};
use masthead_subscribe_store::{AdminError, CallerDenialRow, CallerGrantRow, Store};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    environment::print_line,
    operator_log::{CommandChange, record_operator_change},
};
use crate::{cli::CallerCommand, command_error::CommandError};

pub(super) async fn run(store: &Store, command: &CallerCommand) -> Result<(), CommandError> {
    let admin = store.admin();
    match command {
        CallerCommand::Add { caller, tenants, scope } => {
            let name = caller.name().map_err(bad_name)?;
            let grant = CallerGrant {
                scopes: scope.as_ref().map(|scopes| scopes.0.clone()),
                tenants: tenants.clone(),
            };
            let before = admin.add_caller(&name, &grant).await.map_err(unchanged)?;
            let change = CommandChange {
                command: "caller add",
                tenant: None,
                before: before.as_ref().map_or(Value::Null, |before| grant_json(&name, before)),
                after: grant_json(&name, &grant),
            };
            record_operator_change(&admin, change).await?;
            let done = if before.is_some() { "changed" } else { "added" };
            print_line(format_args!("{done} {name}: {}", grant_text(&grant)))
        }
        CallerCommand::List { json } => {
            let grants = admin.callers().await.map_err(unchanged)?;
            let denials = admin.denials().await.map_err(unchanged)?;
            if *json {
                return print_line(as_json(&grants, &denials));
            }
            grants
                .iter()
                .try_for_each(|row| print_line(format_args!("{}: {}", row.name, grant_text(&row.grant))))?;
            denials
                .iter()
                .try_for_each(|row| print_line(format_args!("{}: denied until {}", row.name, moment(row.expires_at))))
        }
        CallerCommand::Remove { caller } => {
            let name = caller.name().map_err(bad_name)?;
            admin.remove_caller(&name).await.map_err(unchanged)?;
            let change = CommandChange {
                command: "caller remove",
                tenant: None,
                before: name_json(&name),
                after: Value::Null,
            };
            record_operator_change(&admin, change).await?;
            print_line(format_args!("removed {name}"))
        }
        CallerCommand::Deny { denied, lifetime } => {
            let name = denied.name().map_err(bad_name)?;
            let expires_at = admin.deny_caller(&name, *lifetime).await.map_err(unchanged)?;
            let change = CommandChange {
                command: "caller deny",
                tenant: None,
                before: Value::Null,
                after: json!({"denied": name_json(&name), "until": moment(expires_at)}),
            };
            record_operator_change(&admin, change).await?;
            print_line(format_args!("denied {name} until {}", moment(expires_at)))
        }
        CallerCommand::Allow { denied } => {
            let name = denied.name().map_err(bad_name)?;
            admin.allow_caller(&name).await.map_err(unchanged)?;
            let change = CommandChange {
                command: "caller allow",
                tenant: None,
                before: json!({"denied": name_json(&name)}),
                after: Value::Null,
            };
            record_operator_change(&admin, change).await?;
            print_line(format_args!("allowed {name}"))
        }
    }
}

fn unchanged(error: AdminError) -> CommandError {
    CommandError::context("nothing was changed")(error)
}

fn bad_name(error: CallerNameError) -> CommandError {
    CommandError::context("nothing was changed")(error)
}

fn moment(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

fn grant_text(grant: &CallerGrant) -> String {
    let tenants: Vec<_> = grant.tenants.iter().map(ToString::to_string).collect();
    let scopes = match &grant.scopes {
        Some(scopes) => scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" "),
        None => "the scopes of its tokens".to_owned(),
    };
    format!("{scopes} for {}", tenants.join(" "))
}

/// A grant for the audit log.
fn grant_json(name: &CallerName, grant: &CallerGrant) -> Value {
    json!({"caller": name_json(name), "grant": grant_text(grant)})
}

fn name_json(name: &CallerName) -> Value {
    json!({"issuer": name.issuer(), "kind": name.kind().name(), "value": name.value()})
}

fn as_json(grants: &[CallerGrantRow], denials: &[CallerDenialRow]) -> Value {
    let grants = grants.iter().map(|row| {
        let scopes = row.grant.scopes.as_ref();
        json!({
            "caller": name_json(&row.name),
            "scopes": scopes.map(|scopes| scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>()),
            "tenants": row.grant.tenants.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "createdAt": moment(row.created_at),
        })
    });
    let denials = denials.iter().map(|row| {
        json!({
            "caller": name_json(&row.name),
            "createdAt": moment(row.created_at),
            "expiresAt": moment(row.expires_at),
        })
    });
    json!({"grants": grants.collect::<Vec<_>>(), "denials": denials.collect::<Vec<_>>()})
}

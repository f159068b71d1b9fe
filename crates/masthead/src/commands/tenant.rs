//! `masthead tenant …`: tenants, their pools and their settings.

use std::{collections::BTreeMap, fmt::Display};

use masthead_domain::{settings::SettingError, tenant::TenantId};
use masthead_subscribe_store::{Admin, AdminError, PoolContent, Store, TenantRow};
use serde_json::json;

use super::{
    confirm::confirm,
    environment::{print_line, print_warning, with_store},
    operator_log::{CommandChange, record_operator_change, redacted},
};
use crate::{
    cli::TenantCommand,
    command_error::CommandError,
    providers,
    settings::{ProviderSettings, UncheckedSettings},
};

pub(super) fn run(settings_source: &UncheckedSettings, command: &TenantCommand) -> Result<(), CommandError> {
    let options = settings_source.providers()?;
    if sets_return_urls(command) && settings_source.mail()?.smtp.is_none() {
        print_warning(format_args!(
            "{RETURN_URLS}: smtp.host is not set, so no mail with a link is sent"
        ));
    }
    with_store(settings_source, async |store| {
        let Some((name, tenant)) = changed_tenant(command) else {
            return change(store, command, &options).await;
        };
        let admin = store.admin();
        let before = state(&admin, tenant).await?;
        let done = change(store, command, &options).await;
        let after = state(&admin, tenant).await?;
        // A change is recorded also where its result cannot be printed.
        if done.is_err() && before == after {
            return done;
        }
        let change = CommandChange {
            command: name,
            tenant: Some(tenant),
            before,
            after,
        };
        record_operator_change(&admin, change).await?;
        done
    })
}

/// The tenant that a command changes, and its name in the audit log.
const fn changed_tenant(command: &TenantCommand) -> Option<(&'static str, &TenantId)> {
    match command {
        TenantCommand::Add { tenant, .. } => Some(("tenant add", tenant)),
        TenantCommand::Set { tenant, .. } => Some(("tenant set", tenant)),
        TenantCommand::Remove { tenant, .. } => Some(("tenant remove", tenant)),
        TenantCommand::List { .. } => None,
    }
}

/// A tenant for the audit log; null where there is none.
async fn state(admin: &Admin, tenant: &TenantId) -> Result<serde_json::Value, CommandError> {
    let known = admin.tenants().await.map_err(refused)?;
    let row = known.into_iter().find(|row| row.id == *tenant);
    Ok(row.map_or(
        serde_json::Value::Null,
        |row| json!({"pool": row.pool_name, "settings": redacted(&row.settings)}),
    ))
}

/// All three or none.
const USER_TOKENS: [&str; 3] = ["Token.Issuer", "Token.Audience", "Token.JwksUrl"];

const RETURN_URLS: &str = "Users.ReturnUrls";

fn sets_return_urls(command: &TenantCommand) -> bool {
    match command {
        TenantCommand::Add { settings, .. } | TenantCommand::Set { settings, .. } => settings
            .iter()
            .any(|(name, value)| name == RETURN_URLS && !value.is_empty()),
        TenantCommand::List { .. } | TenantCommand::Remove { .. } => false,
    }
}

async fn change(store: &Store, command: &TenantCommand, options: &ProviderSettings) -> Result<(), CommandError> {
    let admin = store.admin();
    match command {
        TenantCommand::Add { tenant, pool, settings } => {
            let settings = unique(settings)?;
            refuse_errors(tenant, &settings, options)?;
            let warnings = admin
                .add_tenant(tenant, pool.as_deref(), &settings)
                .await
                .map_err(refused)?;
            warn(&warnings);
            print_line(format_args!("added {tenant}"))
        }
        TenantCommand::List { json } => {
            let tenants = admin.tenants().await;
            let tenants = tenants.map_err(CommandError::context("the tenants cannot be read"))?;
            if *json {
                return print_line(tenants.iter().map(as_json).collect::<serde_json::Value>());
            }
            tenants.iter().try_for_each(|tenant| print_line(as_text(tenant)))
        }
        TenantCommand::Set { tenant, settings } => {
            let changes = unique(settings)?;
            let known = admin.tenants().await.map_err(refused)?;
            let mut wanted = known
                .into_iter()
                .find(|row| row.id == *tenant)
                .map_or_else(BTreeMap::new, |row| row.settings);
            wanted.extend(changes.clone());
            wanted.retain(|_, value| !value.is_empty());
            refuse_errors(tenant, &wanted, options)?;
            let (settings, warnings) = admin.set_tenant(tenant, &changes).await.map_err(refused)?;
            warn(&warnings);
            let tokens = USER_TOKENS.map(|name| settings.contains_key(name));
            if tokens.contains(&true) && tokens.contains(&false) {
                print_warning(format_args!(
                    "tokens of users are refused until {} are all set",
                    USER_TOKENS.join(", ")
                ));
            }
            print_line(format_args!("{tenant}{}", pairs(&settings)))
        }
        TenantCommand::Remove { tenant, orphan, yes } => {
            let content = admin.tenant_content(tenant).await.map_err(refused)?;
            print_content(tenant, &content)?;
            if !orphan && content.other_tenants.is_empty() && content.registrations > 0 {
                return Err(refused(AdminError::WouldOrphan(content.registrations)));
            }
            confirm(&format!("Remove {tenant}?"), *yes)?;
            admin.remove_tenant(tenant, *orphan).await.map_err(refused)?;
            print_line(format_args!("removed {tenant}"))
        }
    }
}

/// What goes with a tenant, and what stays.
fn print_content(tenant: &TenantId, content: &PoolContent) -> Result<(), CommandError> {
    let PoolContent {
        pool,
        registrations,
        mirrored,
        events,
        waiting_mails,
        open_writes,
        ..
    } = content;
    let workspaces = match &*content.workspaces {
        [] => "no workspace".to_owned(),
        names => format!("the workspaces {} with their keys", names.join(", ")),
    };
    print_line(format_args!("{tenant} has its settings and {workspaces}: they go"))?;
    let bound = if content.has_more_events() { "at least " } else { "" };
    print_line(format_args!(
        "its pool {pool} has {registrations} registrations, {mirrored} mirrored users and {bound}{events} events: they stay"
    ))?;
    if waiting_mails + open_writes > 0 {
        print_line(format_args!(
            "{waiting_mails} of its mails wait to be sent, and {open_writes} of its writes are open: finish them first \
             (`masthead reconcile --list`)"
        ))?;
    }
    let others: Vec<_> = content.other_tenants.iter().map(ToString::to_string).collect();
    print_line(if others.is_empty() {
        "no other tenant has this pool: its users cannot be reached until one is added to it".to_owned()
    } else {
        format!("other tenants of the pool: {}", others.join(", "))
    })
}

/// Settings that the provider cannot be called with are refused before anything is changed.
fn refuse_errors(
    tenant: &TenantId,
    settings: &BTreeMap<String, String>,
    options: &ProviderSettings,
) -> Result<(), CommandError> {
    let errors = providers::setting_errors(tenant, settings, options);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(refused_for(&errors))
    }
}

fn refused_for<T: Display>(errors: &[T]) -> CommandError {
    let errors: Vec<_> = errors.iter().map(|error| format!("  {error}")).collect();
    CommandError::new(format!(
        "nothing was changed; the settings are invalid:\n{}",
        errors.join("\n")
    ))
}

fn refused(error: AdminError) -> CommandError {
    match error {
        AdminError::BadSettings(errors) => refused_for(&errors),
        AdminError::WouldOrphan(_) => {
            CommandError::new(format!("nothing was changed: {error}; --orphan removes it anyway"))
        }
        error => CommandError::context("nothing was changed")(error),
    }
}

/// The settings by name; a repeated one is an error.
fn unique(pairs: &[(String, String)]) -> Result<BTreeMap<String, String>, CommandError> {
    let mut settings = BTreeMap::new();
    for (key, value) in pairs {
        if settings.insert(key.clone(), value.clone()).is_some() {
            return Err(CommandError::new(format!("nothing was changed: {key} is repeated")));
        }
    }
    Ok(settings)
}

fn warn(warnings: &[SettingError]) {
    warnings.iter().for_each(print_warning);
}

fn as_json(tenant: &TenantRow) -> serde_json::Value {
    json!({
        "tenant": tenant.id.to_string(),
        "pool": tenant.pool_name,
        "settings": tenant.settings,
    })
}

fn as_text(tenant: &TenantRow) -> String {
    format!("{} (pool {}){}", tenant.id, tenant.pool_name, pairs(&tenant.settings))
}

fn pairs(settings: &BTreeMap<String, String>) -> String {
    let pairs: Vec<_> = settings
        .iter()
        .map(|(key, value)| [" ", key, "=", value].concat())
        .collect();
    pairs.concat()
}

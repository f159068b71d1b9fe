//! `masthead tenant …`: tenants, their pools and their settings.

use std::{
    collections::BTreeMap,
    fmt::Display,
    io::{self, Write},
};

use masthead_domain::settings::SettingError;
use masthead_subscribe_store::{AdminError, Store, TenantRow};
use serde_json::json;

use super::{say, with_store};
use crate::{cli::Tenant, failure::Failure, providers, settings::Gathered};

pub(super) fn run(gathered: &Gathered, asked: &Tenant) -> Result<(), Failure> {
    let allow_private_addresses = gathered.providers()?.allow_private_addresses;
    with_store(gathered, async |store| {
        change(store, asked, allow_private_addresses).await
    })
}

async fn change(store: &Store, asked: &Tenant, allow_private_addresses: bool) -> Result<(), Failure> {
    let admin = store.admin();
    match asked {
        Tenant::Add { tenant, pool, settings } => {
            let settings = unique(settings)?;
            refuse_mistakes(&settings, allow_private_addresses)?;
            let warnings = admin
                .add_tenant(tenant, pool.as_deref(), &settings)
                .await
                .map_err(refused)?;
            warn(&warnings);
            say(format_args!("added {tenant}"))
        }
        Tenant::List { json } => {
            let tenants = admin.tenants().await.map_err(refused)?;
            if *json {
                return say(tenants.iter().map(as_json).collect::<serde_json::Value>());
            }
            tenants.iter().try_for_each(|tenant| say(as_text(tenant)))
        }
        Tenant::Set { tenant, settings } => {
            let changes = unique(settings)?;
            let known = admin.tenants().await.map_err(refused)?;
            let mut wanted = known
                .into_iter()
                .find(|row| row.id == *tenant)
                .map_or_else(BTreeMap::new, |row| row.settings);
            wanted.extend(changes.clone());
            wanted.retain(|_, value| !value.is_empty());
            refuse_mistakes(&wanted, allow_private_addresses)?;
            let (settings, warnings) = admin.set_tenant(tenant, &changes).await.map_err(refused)?;
            warn(&warnings);
            say(format_args!("{tenant}{}", pairs(&settings)))
        }
        Tenant::Remove { tenant, orphan } => {
            admin.remove_tenant(tenant, *orphan).await.map_err(refused)?;
            say(format_args!("removed {tenant}"))
        }
    }
}

/// A known provider with settings that it cannot be called with is refused before anything is changed.
fn refuse_mistakes(settings: &BTreeMap<String, String>, allow_private_addresses: bool) -> Result<(), Failure> {
    let mistakes = providers::mistakes(settings, allow_private_addresses);
    if mistakes.is_empty() {
        Ok(())
    } else {
        Err(refused_for(&mistakes))
    }
}

fn refused_for<T: Display>(mistakes: &[T]) -> Failure {
    let mistakes: Vec<_> = mistakes.iter().map(|mistake| format!("  {mistake}")).collect();
    Failure::new(format!(
        "nothing was changed; the settings are refused:\n{}",
        mistakes.join("\n")
    ))
}

fn refused(error: AdminError) -> Failure {
    match error {
        AdminError::BadSettings(mistakes) => refused_for(&mistakes),
        AdminError::WouldOrphan(_) => Failure::new(format!(
            "nothing was changed: {error}; --orphan removes it all the same"
        )),
        error => Failure::when("nothing was changed")(error),
    }
}

/// The settings by name; one that is given twice is a slip.
fn unique(pairs: &[(String, String)]) -> Result<BTreeMap<String, String>, Failure> {
    let mut settings = BTreeMap::new();
    for (key, value) in pairs {
        if settings.insert(key.clone(), value.clone()).is_some() {
            return Err(Failure::new(format!("nothing was changed: {key} is given twice")));
        }
    }
    Ok(settings)
}

fn warn(warnings: &[SettingError]) {
    for warning in warnings {
        // The change is made: that the warning cannot be shown must not look like a failure of it.
        let _ = writeln!(io::stderr(), "masthead: warning: {warning}");
    }
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

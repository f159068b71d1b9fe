//! `masthead tenant …`: tenants, their pools and their settings.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use masthead_domain::settings::SettingMistake;
use masthead_subscribe_store::{AdminError, Store, TenantRow};
use serde_json::json;

use super::say;
use crate::{cli::Tenant, failure::Failure};

pub(super) async fn run(store: &Store, asked: &Tenant) -> Result<(), Failure> {
    let admin = store.admin();
    match asked {
        Tenant::Add { tenant, pool, settings } => {
            let settings = unique(settings)?;
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
            let (settings, warnings) = admin.set_tenant(tenant, &unique(settings)?).await.map_err(refused)?;
            warn(&warnings);
            say(format_args!("{tenant}{}", pairs(&settings)))
        }
        Tenant::Remove { tenant, orphan } => {
            admin.remove_tenant(tenant, *orphan).await.map_err(refused)?;
            say(format_args!("removed {tenant}"))
        }
    }
}

fn refused(error: AdminError) -> Failure {
    match error {
        AdminError::BadSettings(mistakes) => {
            let mistakes: Vec<_> = mistakes.iter().map(|mistake| format!("  {mistake}")).collect();
            Failure::new(format!(
                "nothing was changed; the settings are refused:\n{}",
                mistakes.join("\n")
            ))
        }
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

fn warn(warnings: &[SettingMistake]) {
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

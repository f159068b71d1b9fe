//! `masthead pool …`: the pools of registrations.

use masthead_subscribe_store::{AdminError, PoolRow, Store};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{
    confirm::confirm,
    environment::print_line,
    operator_log::{CommandChange, record_around},
};
use crate::{cli::PoolCommand, command_error::CommandError};

pub(super) async fn run(store: &Store, command: &PoolCommand) -> Result<(), CommandError> {
    let admin = store.admin();
    let pools = admin.pools().await;
    let pools = pools.map_err(CommandError::context("the pools cannot be read"))?;
    match command {
        PoolCommand::List { json: true } => print_line(pools.iter().map(as_json).collect::<Value>()),
        PoolCommand::List { json: false } => pools.iter().try_for_each(|pool| print_line(as_text(pool))),
        PoolCommand::Remove {
            pool,
            registrations,
            yes,
        } => {
            let known = pools.iter().find(|known| known.name == *pool);
            let known = known.ok_or_else(|| refused(&AdminError::NoSuchPool))?;
            // Refused before the question; the store checks again.
            match i64::try_from(known.tenants.len()).unwrap_or(i64::MAX) {
                0 => {}
                tenants => return Err(refused(&AdminError::PoolHasTenants(tenants))),
            }
            print_line(as_text(known))?;
            confirm("Remove this pool and everything in it?", *yes)?;
            let change = |after| CommandChange {
                command: "pool remove",
                tenant: None,
                before: as_json(known),
                after,
            };
            let removal = Box::pin(async {
                let removed = admin.remove_pool(pool, *registrations).await;
                removed.map_err(|error| refused(&error))
            });
            record_around(&admin, change, removal, |()| Value::Null).await?;
            print_line(format_args!("removed {pool}"))
        }
    }
}

fn refused(error: &AdminError) -> CommandError {
    match error {
        AdminError::PoolHasRegistrations(count) => CommandError::new(format!(
            "nothing was changed: {error}, which would go too; confirm them with --registrations {count}"
        )),
        AdminError::NoSuchPool | AdminError::PoolHasTenants(_) => {
            CommandError::new(format!("nothing was changed: {error}"))
        }
        // Some batches may be deleted.
        error => CommandError::new(format!(
            "the pool is not removed: {error}; run it again for the pool that `pool list` shows"
        )),
    }
}

fn as_json(pool: &PoolRow) -> Value {
    json!({
        "pool": pool.name,
        "number": pool.id.0,
        "mastersAccounts": pool.masters_accounts,
        "createdAt": pool.created_at.format(&Rfc3339).unwrap_or_default(),
        "tenants": pool.tenants.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "registrations": pool.registrations,
        "mirrored": pool.mirrored,
    })
}

fn as_text(pool: &PoolRow) -> String {
    let tenants: Vec<_> = pool.tenants.iter().map(ToString::to_string).collect();
    let tenants = if tenants.is_empty() {
        "no tenants".to_owned()
    } else {
        tenants.join(", ")
    };
    format!(
        "{} (pool {}): {} registrations, {} mirrored users; {tenants}",
        pool.name, pool.id.0, pool.registrations, pool.mirrored
    )
}

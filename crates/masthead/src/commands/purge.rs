//! `masthead purge`: deletes what has ended, or counts it.

use masthead_domain::settings::InactiveAction;
use masthead_ports::{clock::Clock as _, tenants::Tenants as _};
use masthead_subscribe_store::{PartitionsKept, PgUsers, Store};
use serde_json::{Value, json};

use super::{
    environment::print_line,
    operator_log::{CommandChange, record_around},
    user::UserOperations,
};
use crate::{
    cli::PurgeArguments,
    clock::SystemClock,
    command_error::CommandError,
    purge::{self, PurgeOutcome},
};

/// The most inactive users that are counted.
const COUNTED: u32 = 100_000;

const UNREADABLE: &str = "what would go cannot be counted";

/// Prints what would go.
pub(super) async fn preview(store: &Store, arguments: &PurgeArguments) -> Result<(), CommandError> {
    let (users, now) = (store.users(), SystemClock.now());
    let tenant = match &arguments.tenant {
        None => None,
        Some(id) => {
            let found = store.tenants().by_id(id).await;
            let found = found.map_err(CommandError::context("the tenant cannot be looked up"))?;
            Some(found.ok_or_else(|| CommandError::new(format!("there is no tenant {id}")))?)
        }
    };
    let counts = users.preview_purge(now, tenant.as_deref()).await;
    for (kind, count) in counts.map_err(CommandError::context(UNREADABLE))? {
        print_line(format_args!("{kind:<24}{count:>12}"))?;
    }
    let pool = tenant.as_ref().map(|tenant| tenant.pool);
    print_inactive(&users, pool).await
}

async fn print_inactive(users: &PgUsers, only: Option<masthead_domain::tenant::PoolId>) -> Result<(), CommandError> {
    let pools = users.inactive_pools(SystemClock.now()).await;
    let pools = pools.map_err(CommandError::context(UNREADABLE))?;
    for pool in pools
        .into_iter()
        .filter(|pool| only.is_none_or(|only| only == pool.pool))
    {
        let (tenant, since) = (&pool.tenant, pool.since.date());
        if !pool.is_known {
            print_line(format_args!(
                "inactive users of the pool of {tenant}: not known yet, since sign-ins are not recorded since {since}"
            ))?;
            continue;
        }
        let found = users.inactive_users(&pool, COUNTED).await;
        let count = found.map_err(CommandError::context(UNREADABLE))?.len();
        let action = match (pool.erases, count) {
            (true, _) => InactiveAction::Erase,
            (false, _) => InactiveAction::Report,
        };
        let more = if count == usize::try_from(COUNTED).unwrap_or(usize::MAX) {
            " or more"
        } else {
            ""
        };
        let becomes = match action {
            InactiveAction::Erase => "servers erase them",
            InactiveAction::Report => "reported only",
        };
        print_line(format_args!(
            "inactive users of the pool of {tenant} since {since}: {count}{more}, {becomes}"
        ))?;
    }
    Ok(())
}

/// Deletes what has ended, and erases inactive users, as servers do.
pub(super) async fn run(operations: &UserOperations) -> Result<(), CommandError> {
    let change = |after| CommandChange {
        command: "purge",
        tenant: None,
        before: Value::Null,
        after,
    };
    let after = |(purged, kept): &(PurgeOutcome, PartitionsKept)| {
        json!({
            "registrations": purged.deleted.registrations, "others": purged.deleted.others, "partitions": kept.dropped,
            "erased": purged.erased, "failed": purged.failed,
        })
    };
    let (purged, kept) = record_around(&operations.admin, change, purge_all(operations), after).await?;
    let PurgeOutcome {
        deleted,
        erased,
        failed,
    } = purged;
    print_line(format_args!("registrations           {:>12}", deleted.registrations))?;
    print_line(format_args!("other rows              {:>12}", deleted.others))?;
    print_line(format_args!("partitions of events    {:>12}", kept.dropped))?;
    print_line(format_args!("inactive users          {erased:>12}"))?;
    if failed > 0 {
        return Err(CommandError::new(format!(
            "{failed} inactive users could not be erased"
        )));
    }
    Ok(())
}

async fn purge_all(operations: &UserOperations) -> Result<(PurgeOutcome, PartitionsKept), CommandError> {
    let purged = purge::purge(&operations.purger).await;
    let purged = purged.map_err(CommandError::context("what has ended cannot be purged"))?;
    let kept = operations.partitions.keep(SystemClock.now().date()).await;
    let kept = kept.map_err(CommandError::context("the events that have ended cannot be dropped"))?;
    Ok((purged, kept))
}

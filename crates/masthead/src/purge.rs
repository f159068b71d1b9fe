//! Deletes what has ended: codes, links, keys, counters, deleted users after their time, and inactive users where a tenant has set it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::customer_registration_id::CustomerRegistrationId;
use masthead_orchestrator::{
    Caller,
    writes::{ErasePerson, EraseRequest, WriteCall},
};
use masthead_ports::{clock::Clock, source::SourceError, tenants::Tenants};
use masthead_subscribe_store::{InactivePool, PgUsers, Purged};
use tokio::time::{MissedTickBehavior, interval};

use crate::identifiers::process_name;

/// How often.
const EVERY: Duration = Duration::from_mins(10);

/// The maximum number of rows of each kind in one statement.
const ROWS: u32 = 1000;

/// The maximum number of rounds at a time: the rest waits for the next time.
const ROUNDS: usize = 1000;

/// How many inactive users of a pool are erased at a time, and how long each may take.
const ERASED: u32 = 100;
const PER_ERASURE: Duration = Duration::from_secs(30);

/// The calling application in the events of erased inactive users.
const SOURCE_SYSTEM: &str = "masthead-purge";

/// What purging needs.
#[derive(Clone)]
pub(crate) struct Purger {
    pub(crate) users: Arc<PgUsers>,
    pub(crate) erase: ErasePerson,
    pub(crate) tenants: Arc<dyn Tenants>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What a purge did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PurgeOutcome {
    /// The rows that were deleted.
    pub(crate) deleted: Purged,
    /// The inactive users that were erased.
    pub(crate) erased: u32,
    /// The inactive users that could not be erased.
    pub(crate) failed: u32,
}

/// Purges from time to time, and never ends. Several servers may do so at once.
pub(crate) async fn run(purger: Purger) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match purge(&purger).await {
            Ok(PurgeOutcome { erased, failed, .. }) if erased + failed > 0 => {
                tracing::info!(erased, failed, "inactive users are erased");
            }
            Ok(PurgeOutcome { deleted, .. }) => {
                tracing::debug!(deleted.registrations, deleted.others, "purged");
            }
            Err(error) => tracing::warn!(reason = error.kind.name(), "what has ended cannot be purged for now"),
        }
    }
}

/// Deletes what has ended, and erases inactive users.
///
/// # Errors
/// The database is unavailable. What was done before stays done.
pub(crate) async fn purge(purger: &Purger) -> Result<PurgeOutcome, SourceError> {
    let mut outcome = PurgeOutcome::default();
    let mut failed = None;
    for _ in 0..ROUNDS {
        match purger.users.purge_expired(purger.clock.now(), ROWS).await {
            Ok(round) if round == Purged::default() => break,
            Ok(round) => {
                outcome.deleted.registrations += round.registrations;
                outcome.deleted.others += round.others;
            }
            // Inactive users go all the same.
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    erase_inactive(purger, &mut outcome).await?;
    failed.map_or(Ok(outcome), Err)
}

async fn erase_inactive(purger: &Purger, outcome: &mut PurgeOutcome) -> Result<(), SourceError> {
    let mut pools = purger.users.inactive_pools(purger.clock.now()).await?;
    pools.retain(|pool| pool.erases && pool.is_known);
    if pools.is_empty() {
        return Ok(());
    }
    // One process at a time; the others purge the next time.
    let Some(_erasing) = purger.users.begin_erasing_inactive().await? else {
        return Ok(());
    };
    for pool in &pools {
        erase_of_pool(purger, pool, outcome).await?;
    }
    Ok(())
}

async fn is_inactive_still(
    purger: &Purger,
    pool: &InactivePool,
    crid: &CustomerRegistrationId,
) -> Result<bool, SourceError> {
    let rules = purger.users.inactive_pools(purger.clock.now()).await?;
    let rule = rules.iter().find(|now| now.pool == pool.pool && now.erases);
    match rule {
        Some(rule) => purger.users.is_inactive(rule, crid).await,
        None => Ok(false),
    }
}

async fn erase_of_pool(purger: &Purger, pool: &InactivePool, outcome: &mut PurgeOutcome) -> Result<(), SourceError> {
    let inactive = purger.users.inactive_users(pool, ERASED).await?;
    let Some(tenant) = purger.tenants.by_id(&pool.tenant).await? else {
        return Ok(());
    };
    for crid in inactive {
        // The user may have come back since the list was read, or the tenants have another rule.
        if !is_inactive_still(purger, pool, &crid).await? {
            continue;
        }
        let call = WriteCall {
            caller: Caller {
                tenant: Arc::clone(&tenant),
                identity: Arc::default(),
                address: None,
                source_system: SOURCE_SYSTEM.into(),
                request_id: process_name().into(),
                deadline: Instant::now() + PER_ERASURE,
            },
            idempotency: None,
        };
        let request = EraseRequest {
            key: crid.into(),
            ignore_provider: false,
        };
        match purger.erase.erase(call, request).await {
            Ok(_) => outcome.erased += 1,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an inactive user is not erased"
                );
                outcome.failed += 1;
            }
        }
    }
    Ok(())
}

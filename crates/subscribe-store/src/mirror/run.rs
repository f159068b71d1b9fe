//! Sync runs: one at a time per pool, resumed where they stopped.

use std::time::{Duration, Instant};

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    tenant::{PoolId, Tenant},
};
use masthead_ports::{
    mirror::{ChangeCounts, MAX_FULL_INTERVAL_UNTIL_WHOLE, MAX_PASSES, StartOutcome, StartRun, SyncRun},
    scan::{ScanCursor, ScanExtent, ScanPage},
};
use time::OffsetDateTime;

use super::{
    error::MirrorError,
    feed::{self, MirrorWrites, SeenBy},
    mirror_row::{self, MirrorRow, provider_of},
    rejoin::{Changes, rejoin},
    time_limit::transaction_in_time,
};
use crate::{
    database::{PgDatabase, Transaction},
    row::RowError,
    settings_json,
    tombstones::count_scanned,
};

/// How many registrations are entered in one transaction.
const BATCH: i64 = 2000;

/// A longer wait for the pool's row may also have kept the lease holder from renewing.
const PROMPT: Duration = Duration::from_secs(1);

/// As [`masthead_ports::mirror::UserMirror::start_run`].
pub(super) async fn begin(
    pool: &PgDatabase,
    tenant: &Tenant,
    beginning: StartRun<'_>,
) -> Result<StartOutcome, MirrorError> {
    let begun = transaction_in_time(claim(pool, tenant, beginning)).await?;
    if let StartOutcome::Run(run) = &begun {
        while !transaction_in_time(enter(pool, tenant, run)).await? {}
    }
    Ok(begun)
}

/// Takes the lease, unless another holder has it.
async fn claim(pool: &PgDatabase, tenant: &Tenant, beginning: StartRun<'_>) -> Result<StartOutcome, MirrorError> {
    let mut transaction = pool.begin().await?;
    let begun = claim_within(&mut transaction, tenant, beginning).await?;
    // Ended explicitly: a dropped transaction keeps the row locked a little longer, and the holder could not renew its
    // lease.
    match begun {
        StartOutcome::Run(_) => transaction.commit_write(tenant.pool).await?,
        StartOutcome::Busy { .. } | StartOutcome::Elsewhere => transaction.rollback().await?,
    }
    Ok(begun)
}

async fn claim_within(
    transaction: &mut Transaction,
    tenant: &Tenant,
    beginning: StartRun<'_>,
) -> Result<StartOutcome, MirrorError> {
    transaction.allow_long_statements().await?;
    sqlx::query!(
        "INSERT INTO mirrors (pool, provider, precedence, entered_to) VALUES ($1, $2, $3, 0) ON CONFLICT (pool) DO NOTHING",
        tenant.pool.0,
        provider_of(tenant),
        tenant.settings.precedence.canonical(),
    )
    .execute(&mut *transaction)
    .await?;
    let waiting = Instant::now();
    let mut state = mirror_row::lock(transaction, tenant.pool.0)
        .await?
        .ok_or(MirrorError::Lost)?;
    let was_prompt = waiting.elapsed() < PROMPT;
    if let (Some(_), Some(until), Some(holder)) = (state.run_started, state.lease_until, &state.lease_holder)
        && holder != beginning.holder
    {
        let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#)
            .fetch_one(&mut *transaction)
            .await?;
        match Duration::try_from(until - now) {
            Ok(left) if !left.is_zero() => return Ok(StartOutcome::Busy { left }),
            // The lease has expired, but its renewal may be waiting for the row, as this transaction was.
            _ if !was_prompt => return Ok(StartOutcome::Busy { left: beginning.lease }),
            _ => {}
        }
    }
    if !state.serves(tenant) {
        if serves_another(transaction, tenant, &state).await? {
            return Ok(StartOutcome::Elsewhere);
        }
        reset_for(transaction, tenant, &mut state).await?;
    }
    let wanted = scope(&state, beginning);
    let left = state.run_started.filter(|_| {
        // A run of changed users only does not replace a full run that is due.
        state.run_since.is_none() || wanted != ScanExtent::Everything
    });
    let run = match left {
        Some(started) => SyncRun {
            number: state.run + 1,
            lease: beginning.lease,
            extent: state.run_since.map_or(ScanExtent::Everything, ScanExtent::ChangedSince),
            started,
            cursor: state.run_cursor.as_deref().and_then(ScanCursor::parse),
            scanned: state.run_scanned,
            resumed: true,
        },
        None => SyncRun {
            number: state.run + 1,
            lease: beginning.lease,
            extent: wanted,
            started: beginning.at,
            cursor: None,
            scanned: false,
            resumed: false,
        },
    };
    let since = match run.extent {
        ScanExtent::Everything => None,
        ScanExtent::ChangedSince(since) => Some(since),
    };
    sqlx::query!(
        "UPDATE mirrors
            SET run = $2, run_started = $3, run_since = $4, run_cursor = $5, run_scanned = $6, run_incomplete = $7,
                run_expected = $8, run_passes = $9, lease_holder = $10,
                lease_until = clock_timestamp() + $11::float8 * interval '1 second'
          WHERE pool = $1",
        tenant.pool.0,
        run.number,
        run.started,
        since,
        run.cursor.as_ref().map(ScanCursor::as_str),
        run.scanned,
        run.resumed && state.run_incomplete,
        state.run_expected.filter(|_| run.resumed),
        if run.resumed { state.run_passes } else { 0 },
        beginning.holder,
        beginning.lease.as_secs_f64(),
    )
    .execute(&mut *transaction)
    .await?;
    Ok(StartOutcome::Run(run))
}

fn scope(state: &MirrorRow, beginning: StartRun<'_>) -> ScanExtent {
    let full_every = if state.whole {
        beginning.full_every
    } else {
        beginning.full_every.min(MAX_FULL_INTERVAL_UNTIL_WHOLE)
    };
    match (state.as_of, state.full_as_of) {
        (Some(as_of), Some(full)) if beginning.at - full < full_every => ScanExtent::ChangedSince(as_of),
        _ => ScanExtent::Everything,
    }
}

/// Whether the mirror answers lists of another tenant of the pool.
async fn serves_another(
    transaction: &mut Transaction,
    tenant: &Tenant,
    state: &MirrorRow,
) -> Result<bool, MirrorError> {
    let rows = sqlx::query_scalar!(
        r#"SELECT settings::text AS "settings!" FROM tenants
            WHERE pool = $1 AND (client_group, client, paper) <> ($2, $3, $4)"#,
        tenant.pool.0,
        tenant.id.group(),
        tenant.id.client(),
        tenant.id.paper(),
    )
    .fetch_all(transaction)
    .await?;
    for row in rows {
        let stored = settings_json::parse(&row).map_err(|_| RowError::Column { column: "settings" })?;
        let other = Tenant {
            settings: settings_json::evaluate(&stored).0,
            ..tenant.clone()
        };
        if state.serves(&other) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Resets the mirror for this tenant: all registrations are entered again, and profiles of another provider are removed.
async fn reset_for(transaction: &mut Transaction, tenant: &Tenant, state: &mut MirrorRow) -> Result<(), MirrorError> {
    if !state.has_provider_of(tenant) {
        sqlx::query!("DELETE FROM mirror_entries WHERE pool = $1", tenant.pool.0)
            .execute(&mut *transaction)
            .await?;
        (state.as_of, state.full_as_of, state.run_started) = (None, None, None);
    }
    sqlx::query!(
        "UPDATE mirrors SET provider = $2, precedence = $3, entered_to = 0, as_of = $4, full_as_of = $5, braked_at = NULL
          WHERE pool = $1",
        tenant.pool.0,
        provider_of(tenant),
        tenant.settings.precedence.canonical(),
        state.as_of,
        state.full_as_of,
    )
    .execute(transaction)
    .await
    .map(|_| ())?;
    Ok(())
}

/// Enters the next registrations; returns whether all are entered.
async fn enter(pool: &PgDatabase, tenant: &Tenant, run: &SyncRun) -> Result<bool, MirrorError> {
    let mut transaction = pool.begin().await?;
    transaction.allow_long_statements().await?;
    let state = lock_run(&mut transaction, tenant.pool, run).await?;
    let Some(from) = state.entered_to else {
        // As in `claim`: a dropped transaction would keep the row locked a little longer.
        transaction.rollback().await?;
        return Ok(true);
    };
    let rows = sqlx::query!(
        "SELECT id, crid, email_key FROM registrations WHERE pool = $1 AND id > $2 AND deleted_at IS NULL ORDER BY id LIMIT $3",
        tenant.pool.0,
        from,
        BATCH,
    )
    .fetch_all(&mut transaction)
    .await?;
    let mut changes = Changes::default();
    for row in &rows {
        let crid = CustomerRegistrationId::parse(&row.crid).map_err(|_| RowError::Column { column: "crid" })?;
        let email = Email::from_stored(None, &row.email_key);
        changes.registration(row.id, &crid, Some(&email));
    }
    rejoin(&mut transaction, tenant.pool, &state.merged_by()?, changes).await?;
    let entered_to = rows.last().map(|row| row.id);
    sqlx::query!(
        "UPDATE mirrors SET entered_to = $2, lease_until = clock_timestamp() + $3::float8 * interval '1 second'
          WHERE pool = $1",
        tenant.pool.0,
        entered_to,
        run.lease.as_secs_f64(),
    )
    .execute(&mut transaction)
    .await?;
    transaction.commit_write(tenant.pool).await?;
    Ok(entered_to.is_none())
}

/// The locked mirror row, while this run is the current one.
pub(super) async fn lock_run(
    transaction: &mut Transaction,
    pool: PoolId,
    run: &SyncRun,
) -> Result<MirrorRow, MirrorError> {
    mirror_row::lock(transaction, pool.0)
        .await?
        .filter(|state| state.run == run.number && state.run_started.is_some())
        .ok_or(MirrorError::Lost)
}

/// As [`masthead_ports::mirror::UserMirror::record_page`].
pub(super) async fn take(
    writes: MirrorWrites<'_>,
    run: &SyncRun,
    step: &ScanPage,
    as_of: OffsetDateTime,
) -> Result<ChangeCounts, MirrorError> {
    let tenant = writes.tenant;
    let mut transaction = writes.database.begin().await?;
    transaction.allow_long_statements().await?;
    let mut state = lock_run(&mut transaction, tenant.pool, run).await?;
    let mut taken = feed::keep(&mut transaction, writes, &state, &step.accounts, as_of, SeenBy::Scan).await?;
    let left_out: Vec<String> = step
        .left_out
        .iter()
        .flatten()
        .map(|id| id.as_str().to_owned())
        .collect();
    feed::unmark_missing(&mut transaction, tenant, &left_out, as_of).await?;
    state.run_incomplete |= step.truncated || step.gaps || taken.refused > 0 || !step.left_out.is_empty();
    let expected = step.expected.and_then(|expected| i64::try_from(expected).ok());
    state.run_expected = state.run_expected.max(expected);
    if step.next.is_none() && another_pass(&mut transaction, tenant, run, &state).await? {
        taken.again = true;
        (state.run_expected, state.run_passes) = (None, state.run_passes + 1);
    }
    sqlx::query!(
        "UPDATE mirrors
            SET run_cursor = $2, run_scanned = $3, run_incomplete = $4, run_expected = $5, run_passes = $6,
                lease_until = clock_timestamp() + $7::float8 * interval '1 second'
          WHERE pool = $1",
        tenant.pool.0,
        step.next.as_ref().map(ScanCursor::as_str),
        step.next.is_none() && !taken.again,
        state.run_incomplete,
        state.run_expected,
        state.run_passes,
        run.lease.as_secs_f64(),
    )
    .execute(&mut transaction)
    .await?;
    transaction.commit_write(tenant.pool).await?;
    Ok(taken)
}

/// Whether another pass may return missing users: this one returned fewer users than the provider reports. A pass that
/// skipped users would skip them again.
async fn another_pass(
    transaction: &mut Transaction,
    tenant: &Tenant,
    run: &SyncRun,
    state: &MirrorRow,
) -> Result<bool, MirrorError> {
    let may_help = !state.run_incomplete && state.run_passes.unsigned_abs() + 1 < MAX_PASSES;
    if !may_help || state.run_expected.is_none() {
        return Ok(false);
    }
    let shown = sqlx::query_scalar!(
        r#"SELECT count(*) AS "shown!" FROM mirror_entries
            WHERE pool = $1 AND profile IS NOT NULL AND scanned_at >= $2"#,
        tenant.pool.0,
        run.started,
    )
    .fetch_one(&mut *transaction)
    .await?;
    let deleted = count_scanned(transaction, tenant.pool, run.started).await?;
    Ok(!state.has_shown_all(shown + deleted))
}

/// As [`masthead_ports::mirror::UserMirror::renew_lease`].
pub(super) async fn renew(pool: &PgDatabase, tenant: &Tenant, run: &SyncRun) -> Result<bool, MirrorError> {
    // Does not wait for the row: the run's own steps hold it for long, and would be waited for on one more connection.
    let renewed = sqlx::query!(
        "UPDATE mirrors SET lease_until = clock_timestamp() + $3::float8 * interval '1 second'
          WHERE pool = (SELECT pool FROM mirrors WHERE pool = $1 FOR NO KEY UPDATE SKIP LOCKED)
            AND run = $2 AND run_started IS NOT NULL",
        tenant.pool.0,
        run.number,
        run.lease.as_secs_f64(),
    )
    .execute(pool)
    .await?;
    if renewed.rows_affected() > 0 {
        return Ok(true);
    }
    let is_held = sqlx::query_scalar!(
        r#"SELECT run = $2 AND run_started IS NOT NULL AS "held!" FROM mirrors WHERE pool = $1"#,
        tenant.pool.0,
        run.number,
    )
    .fetch_optional(pool)
    .await?;
    if is_held == Some(true) {
        Ok(false)
    } else {
        Err(MirrorError::Lost)
    }
}

/// As [`masthead_ports::mirror::UserMirror::release_run`].
pub(super) async fn pause(pool: &PgDatabase, tenant: &Tenant, run: &SyncRun) -> Result<(), MirrorError> {
    let paused = sqlx::query!(
        "UPDATE mirrors SET lease_until = NULL WHERE pool = $1 AND run = $2 AND run_started IS NOT NULL",
        tenant.pool.0,
        run.number,
    )
    .execute(pool)
    .await?;
    if paused.rows_affected() == 0 {
        return Err(MirrorError::Lost);
    }
    Ok(())
}

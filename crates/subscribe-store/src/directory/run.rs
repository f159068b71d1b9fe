//! Runs through a provider's users: one at a time in a pool, taken up where they were left.

use std::time::{Duration, Instant};

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    settings::TenantSettings,
    tenant::{PoolId, Tenant},
};
use masthead_ports::{
    mirror::{ChangeCounts, MAX_FULL_INTERVAL_UNTIL_WHOLE, MAX_PASSES, StartOutcome, StartRun, SyncRun},
    scan::{ScanCursor, ScanExtent, ScanPage},
};
use time::OffsetDateTime;

use super::{
    PATIENCE,
    feed::{self, By},
    patient,
    settle::{Changes, settle},
    state::{self, State, provider_of},
    trouble::Trouble,
};
use crate::{
    database::{Database, Transaction},
    row::BadRow,
};

/// How many registrations are entered in one transaction.
const BATCH: i64 = 2000;

/// Longer waits for the pool's row may have kept the holder of a run from renewing its lease as well.
const PROMPT: Duration = Duration::from_secs(1);

/// As [`masthead_ports::mirror::UserMirror::start_run`].
pub(super) async fn begin(pool: &Database, tenant: &Tenant, beginning: StartRun<'_>) -> Result<StartOutcome, Trouble> {
    let begun = tokio::time::timeout(PATIENCE, claim(pool, tenant, beginning))
        .await
        .map_err(|_late| Trouble::Late)??;
    let StartOutcome::Run(run) = begun else {
        return Ok(begun);
    };
    loop {
        let entered = tokio::time::timeout(PATIENCE, enter(pool, tenant, &run));
        if entered.await.map_err(|_late| Trouble::Late)?? {
            return Ok(StartOutcome::Run(run));
        }
    }
}

/// Takes the lease, if no other holder has it.
async fn claim(pool: &Database, tenant: &Tenant, beginning: StartRun<'_>) -> Result<StartOutcome, Trouble> {
    let mut transaction = pool.begin().await?;
    let begun = claim_within(&mut transaction, tenant, beginning).await?;
    // A transaction that is only dropped holds the pool's row for a moment longer, and the holder could not renew its lease.
    match begun {
        StartOutcome::Run(_) => transaction.commit().await?,
        StartOutcome::Busy { .. } | StartOutcome::Elsewhere => transaction.rollback().await?,
    }
    Ok(begun)
}

async fn claim_within(
    transaction: &mut Transaction,
    tenant: &Tenant,
    beginning: StartRun<'_>,
) -> Result<StartOutcome, Trouble> {
    patient(transaction).await?;
    sqlx::query!(
        "INSERT INTO directories (pool, provider, precedence, entered_to) VALUES ($1, $2, $3, 0) ON CONFLICT (pool) DO NOTHING",
        tenant.pool.0,
        provider_of(tenant),
        tenant.settings.precedence.canonical(),
    )
    .execute(&mut *transaction)
    .await?;
    let waiting = Instant::now();
    let mut state = state::lock(transaction, tenant.pool.0).await?.ok_or(Trouble::Lost)?;
    let was_prompt = waiting.elapsed() < PROMPT;
    if let (Some(_), Some(until), Some(holder)) = (state.run_started, state.lease_until, &state.lease_holder)
        && holder != beginning.holder
    {
        let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#)
            .fetch_one(&mut *transaction)
            .await?;
        match Duration::try_from(until - now) {
            Ok(left) if !left.is_zero() => return Ok(StartOutcome::Busy { left }),
            // It has run out, but its renewal may be waiting for the row as this transaction was.
            _ if !was_prompt => return Ok(StartOutcome::Busy { left: beginning.lease }),
            _ => {}
        }
    }
    if !state.serves(tenant) {
        if serves_another(transaction, tenant, &state).await? {
            return Ok(StartOutcome::Elsewhere);
        }
        make_over(transaction, tenant, &mut state).await?;
    }
    let wanted = scope(&state, beginning);
    let left = state.run_started.filter(|_| {
        // A run about changes is not enough where one about everything is due.
        state.run_since.is_none() || wanted != ScanExtent::Everything
    });
    let run = match left {
        Some(started) => SyncRun {
            number: state.run + 1,
            lease: beginning.lease,
            scope: state.run_since.map_or(ScanExtent::Everything, ScanExtent::ChangedSince),
            started,
            place: state.run_place.as_deref().and_then(ScanCursor::parse),
            walked: state.run_walked,
            resumed: true,
        },
        None => SyncRun {
            number: state.run + 1,
            lease: beginning.lease,
            scope: wanted,
            started: beginning.at,
            place: None,
            walked: false,
            resumed: false,
        },
    };
    let since = match run.scope {
        ScanExtent::Everything => None,
        ScanExtent::ChangedSince(since) => Some(since),
    };
    sqlx::query!(
        "UPDATE directories
            SET run = $2, run_started = $3, run_since = $4, run_place = $5, run_walked = $6, run_truncated = $7,
                run_gaps = $8, run_expected = $9, run_passes = $10, lease_holder = $11,
                lease_until = clock_timestamp() + $12::float8 * interval '1 second'
          WHERE pool = $1",
        tenant.pool.0,
        run.number,
        run.started,
        since,
        run.place.as_ref().map(ScanCursor::as_str),
        run.walked,
        run.resumed && state.run_truncated,
        run.resumed && state.run_gaps,
        state.run_expected.filter(|_| run.resumed),
        if run.resumed { state.run_passes } else { 0 },
        beginning.holder,
        beginning.lease.as_secs_f64(),
    )
    .execute(&mut *transaction)
    .await?;
    Ok(StartOutcome::Run(run))
}

/// What a new run is about.
fn scope(state: &State, beginning: StartRun<'_>) -> ScanExtent {
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

/// Whether lists of another tenant of the pool are answered from the directory.
async fn serves_another(transaction: &mut Transaction, tenant: &Tenant, state: &State) -> Result<bool, Trouble> {
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
        let settings: std::collections::BTreeMap<String, String> =
            serde_json::from_str(&row).map_err(|_| BadRow::Column { column: "settings" })?;
        let pairs = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let other = Tenant {
            settings: TenantSettings::parse(pairs).0,
            ..tenant.clone()
        };
        if state.serves(&other) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes the directory this tenant's: all registrations are to be entered again, and another provider's profiles go.
async fn make_over(transaction: &mut Transaction, tenant: &Tenant, state: &mut State) -> Result<(), Trouble> {
    if !state.is_of(tenant) {
        sqlx::query!("DELETE FROM directory_entries WHERE pool = $1", tenant.pool.0)
            .execute(&mut *transaction)
            .await?;
        (state.as_of, state.full_as_of, state.run_started) = (None, None, None);
    }
    sqlx::query!(
        "UPDATE directories SET provider = $2, precedence = $3, entered_to = 0, as_of = $4, full_as_of = $5, braked_at = NULL
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

/// Enters the next registrations that are not; answers whether all are.
async fn enter(pool: &Database, tenant: &Tenant, run: &SyncRun) -> Result<bool, Trouble> {
    let mut transaction = pool.begin().await?;
    patient(&mut transaction).await?;
    let state = held(&mut transaction, tenant.pool, run).await?;
    let Some(from) = state.entered_to else {
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
        let crid = CustomerRegistrationId::parse(&row.crid).map_err(|_| BadRow::Column { column: "crid" })?;
        let email = Email::from_stored(None, &row.email_key);
        changes.registration(row.id, &crid, Some(&email));
    }
    settle(&mut transaction, tenant.pool, &state.merged_by()?, changes).await?;
    let entered_to = rows.last().map(|row| row.id);
    sqlx::query!(
        "UPDATE directories SET entered_to = $2, lease_until = clock_timestamp() + $3::float8 * interval '1 second'
          WHERE pool = $1",
        tenant.pool.0,
        entered_to,
        run.lease.as_secs_f64(),
    )
    .execute(&mut transaction)
    .await?;
    transaction.commit().await?;
    Ok(entered_to.is_none())
}

/// The pool's row, held, while the run is this one.
pub(super) async fn held(transaction: &mut Transaction, pool: PoolId, run: &SyncRun) -> Result<State, Trouble> {
    state::lock(transaction, pool.0)
        .await?
        .filter(|state| state.run == run.number && state.run_started.is_some())
        .ok_or(Trouble::Lost)
}

/// As [`masthead_ports::mirror::UserMirror::record_page`].
pub(super) async fn take(
    pool: &Database,
    tenant: &Tenant,
    run: &SyncRun,
    step: &ScanPage,
    as_of: OffsetDateTime,
) -> Result<ChangeCounts, Trouble> {
    let mut transaction = pool.begin().await?;
    patient(&mut transaction).await?;
    let mut state = held(&mut transaction, tenant.pool, run).await?;
    let mut taken = feed::keep(&mut transaction, tenant, &state, &step.accounts, as_of, By::Walk).await?;
    let left_out: Vec<String> = step
        .left_out
        .iter()
        .flatten()
        .map(|id| id.as_str().to_owned())
        .collect();
    feed::not_missing(&mut transaction, tenant, &left_out, as_of).await?;
    state.run_truncated |= step.truncated || step.left_out.contains(&None);
    state.run_gaps |= step.gaps || taken.refused > 0 || !step.left_out.is_empty();
    let expected = step.expected.and_then(|expected| i64::try_from(expected).ok());
    state.run_expected = state.run_expected.max(expected);
    if step.next.is_none() && another_pass(&mut transaction, tenant, run, &state).await? {
        taken.again = true;
        (state.run_expected, state.run_passes) = (None, state.run_passes + 1);
    }
    sqlx::query!(
        "UPDATE directories
            SET run_place = $2, run_walked = $3, run_truncated = $4, run_gaps = $5, run_expected = $6, run_passes = $7,
                lease_until = clock_timestamp() + $8::float8 * interval '1 second'
          WHERE pool = $1",
        tenant.pool.0,
        step.next.as_ref().map(ScanCursor::as_str),
        step.next.is_none() && !taken.again,
        state.run_truncated,
        state.run_gaps,
        state.run_expected,
        state.run_passes,
        run.lease.as_secs_f64(),
    )
    .execute(&mut transaction)
    .await?;
    transaction.commit().await?;
    Ok(taken)
}

/// Whether the pass that ends showed fewer users than the provider says that it has, and another may show the others. One
/// that could not keep or show somebody would end the same way again.
async fn another_pass(
    transaction: &mut Transaction,
    tenant: &Tenant,
    run: &SyncRun,
    state: &State,
) -> Result<bool, Trouble> {
    let may_help = !state.run_truncated && !state.run_gaps && state.run_passes.unsigned_abs() + 1 < MAX_PASSES;
    if !may_help || state.run_expected.is_none() {
        return Ok(false);
    }
    let shown = sqlx::query_scalar!(
        r#"SELECT count(*) AS "shown!" FROM directory_entries
            WHERE pool = $1 AND profile IS NOT NULL AND walked_at >= $2"#,
        tenant.pool.0,
        run.started,
    )
    .fetch_one(transaction)
    .await?;
    Ok(!state.has_shown_all(shown))
}

/// As [`masthead_ports::mirror::UserMirror::renew_lease`].
pub(super) async fn renew(pool: &Database, tenant: &Tenant, run: &SyncRun) -> Result<bool, Trouble> {
    // It waits for nobody: the run's own steps hold the row for long, and would be waited for on one more connection.
    let renewed = sqlx::query!(
        "UPDATE directories SET lease_until = clock_timestamp() + $3::float8 * interval '1 second'
          WHERE pool = (SELECT pool FROM directories WHERE pool = $1 FOR NO KEY UPDATE SKIP LOCKED)
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
        r#"SELECT run = $2 AND run_started IS NOT NULL AS "held!" FROM directories WHERE pool = $1"#,
        tenant.pool.0,
        run.number,
    )
    .fetch_optional(pool)
    .await?;
    if is_held == Some(true) {
        Ok(false)
    } else {
        Err(Trouble::Lost)
    }
}

/// As [`masthead_ports::mirror::UserMirror::release_run`].
pub(super) async fn pause(pool: &Database, tenant: &Tenant, run: &SyncRun) -> Result<(), Trouble> {
    let paused = sqlx::query!(
        "UPDATE directories SET lease_until = NULL WHERE pool = $1 AND run = $2 AND run_started IS NOT NULL",
        tenant.pool.0,
        run.number,
    )
    .execute(pool)
    .await?;
    if paused.rows_affected() == 0 {
        return Err(Trouble::Lost);
    }
    Ok(())
}

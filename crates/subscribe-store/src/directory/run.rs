//! Runs through a provider's users: one at a time in a pool, taken up where they were left.

use std::time::Instant;

use masthead_domain::{
    crid::Crid,
    email::Email,
    settings::TenantSettings,
    tenant::{PoolId, Tenant},
};
use masthead_ports::{
    directory::{Beginning, Begun, Run, Taken},
    walk::{Place, Scope, Step},
};
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use super::{
    PATIENCE, feed, patient,
    settle::{Changes, settle},
    state::{self, State, provider_of},
    trouble::Trouble,
};
use crate::row::BadRow;

/// How many registrations are entered in one transaction.
const BATCH: i64 = 2000;

/// As [`masthead_ports::directory::Directory::begin`].
pub(super) async fn begin(pool: &PgPool, tenant: &Tenant, beginning: Beginning<'_>) -> Result<Begun, Trouble> {
    let clock = Instant::now();
    let begun = tokio::time::timeout(PATIENCE, claim(pool, tenant, beginning))
        .await
        .map_err(|_late| Trouble::Late)??;
    let Begun::Run(run) = begun else {
        return Ok(begun);
    };
    loop {
        let at = beginning.at + clock.elapsed();
        let entered = tokio::time::timeout(PATIENCE, enter(pool, tenant, &run, at));
        if entered.await.map_err(|_late| Trouble::Late)?? {
            return Ok(Begun::Run(run));
        }
    }
}

/// Takes the lease, if nobody has it.
async fn claim(pool: &PgPool, tenant: &Tenant, beginning: Beginning<'_>) -> Result<Begun, Trouble> {
    let mut transaction = pool.begin().await?;
    patient(&mut transaction).await?;
    sqlx::query!(
        "INSERT INTO directories (pool, provider, precedence, entered_to) VALUES ($1, $2, $3, 0) ON CONFLICT (pool) DO NOTHING",
        tenant.pool.0,
        provider_of(tenant),
        tenant.settings.precedence.canonical(),
    )
    .execute(&mut *transaction)
    .await?;
    let mut state = state::lock(&mut transaction, tenant.pool.0)
        .await?
        .ok_or(Trouble::Lost)?;
    if let (Some(_), Some(until), Some(holder)) = (state.run_started, state.lease_until, &state.lease_holder)
        && until > beginning.at
        && holder != beginning.holder
    {
        return Ok(Begun::Busy { until });
    }
    if !state.serves(tenant) {
        if serves_another(&mut transaction, tenant, &state).await? {
            return Ok(Begun::Elsewhere);
        }
        make_over(&mut transaction, tenant, &mut state).await?;
    }
    let wanted = scope(&state, beginning);
    let left = state.run_started.filter(|_| {
        // A run about changes is not enough where one about everything is due.
        state.run_since.is_none() || wanted != Scope::Everything
    });
    let run = match left {
        Some(started) => Run {
            number: state.run + 1,
            lease: beginning.lease,
            scope: state.run_since.map_or(Scope::Everything, Scope::ChangedSince),
            started,
            place: state.run_place.as_deref().and_then(Place::parse),
            walked: state.run_walked,
            resumed: true,
        },
        None => Run {
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
        Scope::Everything => None,
        Scope::ChangedSince(since) => Some(since),
    };
    sqlx::query!(
        "UPDATE directories
            SET run = $2, run_started = $3, run_since = $4, run_place = $5, run_walked = $6, run_truncated = $7,
                run_gaps = $8, lease_holder = $9, lease_until = $10
          WHERE pool = $1",
        tenant.pool.0,
        run.number,
        run.started,
        since,
        run.place.as_ref().map(Place::as_str),
        run.walked,
        run.resumed && state.run_truncated,
        run.resumed && state.run_gaps,
        beginning.holder,
        beginning.at + beginning.lease,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Begun::Run(run))
}

/// What a new run is about.
fn scope(state: &State, beginning: Beginning<'_>) -> Scope {
    match (state.as_of, state.full_as_of) {
        (Some(as_of), Some(full)) if beginning.at - full < beginning.full_every => Scope::ChangedSince(as_of),
        _ => Scope::Everything,
    }
}

/// Whether lists of another tenant of the pool are answered from the directory.
async fn serves_another(transaction: &mut PgConnection, tenant: &Tenant, state: &State) -> Result<bool, Trouble> {
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
async fn make_over(transaction: &mut PgConnection, tenant: &Tenant, state: &mut State) -> Result<(), Trouble> {
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
async fn enter(pool: &PgPool, tenant: &Tenant, run: &Run, at: OffsetDateTime) -> Result<bool, Trouble> {
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
    .fetch_all(&mut *transaction)
    .await?;
    let mut changes = Changes::default();
    for row in &rows {
        let crid = Crid::parse(&row.crid).map_err(|_| BadRow::Column { column: "crid" })?;
        let email = Email::from_stored(None, &row.email_key);
        changes.registration(row.id, &crid, Some(&email));
    }
    settle(&mut transaction, tenant.pool, &state.merged_by()?, changes).await?;
    let entered_to = rows.last().map(|row| row.id);
    sqlx::query!(
        "UPDATE directories SET entered_to = $2, lease_until = CASE WHEN $2::bigint IS NULL THEN lease_until ELSE $3 END
          WHERE pool = $1",
        tenant.pool.0,
        entered_to,
        at + run.lease,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(entered_to.is_none())
}

/// The pool's row, held, while the run is this one.
pub(super) async fn held(transaction: &mut PgConnection, pool: PoolId, run: &Run) -> Result<State, Trouble> {
    state::lock(transaction, pool.0)
        .await?
        .filter(|state| state.run == run.number && state.run_started.is_some())
        .ok_or(Trouble::Lost)
}

/// As [`masthead_ports::directory::Directory::take`].
pub(super) async fn take(
    pool: &PgPool,
    tenant: &Tenant,
    run: &Run,
    step: &Step,
    as_of: OffsetDateTime,
) -> Result<Taken, Trouble> {
    let mut transaction = pool.begin().await?;
    patient(&mut transaction).await?;
    let state = held(&mut transaction, tenant.pool, run).await?;
    let taken = feed::keep(&mut transaction, tenant, &state, &step.accounts, as_of).await?;
    let left_out: Vec<String> = step
        .left_out
        .iter()
        .flatten()
        .map(|id| id.as_str().to_owned())
        .collect();
    feed::not_missing(&mut transaction, tenant, &left_out, as_of).await?;
    sqlx::query!(
        "UPDATE directories
            SET run_place = $2, run_walked = $3, run_truncated = run_truncated OR $4, run_gaps = run_gaps OR $5,
                lease_until = $6
          WHERE pool = $1",
        tenant.pool.0,
        step.next.as_ref().map(Place::as_str),
        step.next.is_none(),
        step.truncated || step.left_out.contains(&None),
        step.gaps || taken.refused > 0 || !step.left_out.is_empty(),
        as_of + run.lease,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(taken)
}

/// As [`masthead_ports::directory::Directory::pause`].
pub(super) async fn pause(pool: &PgPool, tenant: &Tenant, run: &Run) -> Result<(), Trouble> {
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

//! The end of a run: finds users that were not seen, applies the brake, and removes those missing often enough.

use masthead_domain::tenant::Tenant;
use masthead_ports::{
    mirror::{RemovalBrake, RunSummary, SyncRun},
    scan::ScanExtent,
};
use time::OffsetDateTime;

use super::{error::MirrorError, feed, run::lock_run, time_limit::transaction_in_time};
use crate::{database::PgDatabase, tombstones::count_scanned};

/// How many profiles are marked in one transaction.
const BATCH: i64 = 1000;

/// The brake stops a removal if more than 1 in this many profiles are missing.
const BRAKE_SHARE: i64 = 100;

/// As [`masthead_ports::mirror::UserMirror::finish_run`].
pub(super) async fn finish(
    pool: &PgDatabase,
    tenant: &Tenant,
    run: &SyncRun,
    at: OffsetDateTime,
    brake: RemovalBrake,
) -> Result<RunSummary, MirrorError> {
    let mut finished = transaction_in_time(count(pool, tenant, run, at, brake)).await?;
    if finished.braked {
        return Ok(finished);
    }
    if finished.missing > 0 {
        let mut after = String::new();
        loop {
            let (removed, last) = transaction_in_time(mark(pool, tenant, run, at, &after)).await?;
            finished.removed += removed;
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
    }
    transaction_in_time(end(pool, tenant, run, finished.whole)).await?;
    Ok(finished)
}

/// Counts profiles that were not seen; ends the run if the brake applies.
async fn count(
    pool: &PgDatabase,
    tenant: &Tenant,
    run: &SyncRun,
    at: OffsetDateTime,
    brake: RemovalBrake,
) -> Result<RunSummary, MirrorError> {
    let mut transaction = pool.begin().await?;
    transaction.allow_long_statements().await?;
    let state = lock_run(&mut transaction, tenant.pool, run).await?;
    let counts = sqlx::query!(
        r#"SELECT count(*) AS "profiles!", count(*) FILTER (WHERE profile_as_of < $2) AS "missing!",
                  count(*) FILTER (WHERE scanned_at >= $2) AS "shown!"
             FROM mirror_entries WHERE pool = $1 AND profile IS NOT NULL"#,
        tenant.pool.0,
        run.started,
    )
    .fetch_one(&mut transaction)
    .await?;
    let deleted = count_scanned(&mut transaction, tenant.pool, run.started).await?;
    let whole = state.has_shown_all(counts.shown + deleted);
    // An incomplete run may have skipped the users that it has not seen.
    let marks_missing = run.extent == ScanExtent::Everything && whole;
    let missing = if marks_missing { counts.missing } else { 0 };
    let braked = brake == RemovalBrake::On && missing > (counts.profiles / BRAKE_SHARE).max(1);
    if braked {
        sqlx::query!(
            "UPDATE mirrors SET braked_at = $2, full_as_of = NULL, run_started = NULL, lease_until = NULL WHERE pool = $1",
            tenant.pool.0,
            at,
        )
        .execute(&mut transaction)
        .await?;
    }
    transaction.commit_write(tenant.pool).await?;
    Ok(RunSummary {
        profiles: counts.profiles.unsigned_abs(),
        whole,
        missing: missing.unsigned_abs(),
        removed: 0,
        braked,
    })
}

/// Marks the next batch of unseen profiles. Returns how many were removed, and the last id of the batch.
async fn mark(
    pool: &PgDatabase,
    tenant: &Tenant,
    run: &SyncRun,
    at: OffsetDateTime,
    after: &str,
) -> Result<(u64, Option<String>), MirrorError> {
    let mut transaction = pool.begin().await?;
    transaction.allow_long_statements().await?;
    let state = lock_run(&mut transaction, tenant.pool, run).await?;
    // Profiles that an interrupted attempt of this run has marked have `missing_at` after its start.
    let crids = sqlx::query_scalar!(
        "SELECT crid FROM mirror_entries
          WHERE pool = $1 AND crid > $2 AND profile_as_of < $3 AND (missing_at IS NULL OR missing_at < $3)
          ORDER BY crid LIMIT $4",
        tenant.pool.0,
        after,
        run.started,
        BATCH,
    )
    .fetch_all(&mut transaction)
    .await?;
    let removed = feed::mark_missing(&mut transaction, tenant, &state, &crids, at).await?;
    transaction.commit_write(tenant.pool).await?;
    Ok((removed, crids.into_iter().next_back()))
}

/// Ends the run: the mirror is as old as the run's start.
async fn end(pool: &PgDatabase, tenant: &Tenant, run: &SyncRun, whole: bool) -> Result<(), MirrorError> {
    let mut transaction = pool.begin().await?;
    lock_run(&mut transaction, tenant.pool, run).await?;
    let is_full = run.extent == ScanExtent::Everything;
    sqlx::query!(
        "UPDATE mirrors
            SET as_of = $2, full_as_of = CASE WHEN $3 THEN $2 ELSE full_as_of END, whole = $5 AND ($3 OR whole),
                braked_at = CASE WHEN $4 THEN NULL ELSE braked_at END, run_started = NULL, lease_until = NULL
          WHERE pool = $1",
        tenant.pool.0,
        run.started,
        is_full,
        is_full && whole,
        whole,
    )
    .execute(&mut transaction)
    .await?;
    transaction.commit_write(tenant.pool).await?;
    Ok(())
}

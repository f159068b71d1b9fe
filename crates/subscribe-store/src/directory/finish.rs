//! The end of a run: who was not seen, whether that can be true, and who goes.

use masthead_domain::tenant::Tenant;
use masthead_ports::{
    mirror::{RemovalBrake, RunSummary, SyncRun},
    scan::ScanExtent,
};
use time::OffsetDateTime;

use super::{PATIENCE, feed, patient, run::held, trouble::Trouble};
use crate::database::Database;

/// How many profiles are marked in one transaction.
const BATCH: i64 = 1000;

/// One in so many may be missing before the brake stops a removal: 1 %.
const BRAKE_SHARE: i64 = 100;

/// As [`masthead_ports::mirror::UserMirror::finish_run`].
pub(super) async fn finish(
    pool: &Database,
    tenant: &Tenant,
    run: &SyncRun,
    at: OffsetDateTime,
    brake: RemovalBrake,
) -> Result<RunSummary, Trouble> {
    let counted = tokio::time::timeout(PATIENCE, count(pool, tenant, run, at, brake));
    let mut finished = counted.await.map_err(|_late| Trouble::Late)??;
    if finished.braked {
        return Ok(finished);
    }
    if finished.missing > 0 {
        let mut after = String::new();
        loop {
            let marked = tokio::time::timeout(PATIENCE, mark(pool, tenant, run, at, &after));
            let (removed, last) = marked.await.map_err(|_late| Trouble::Late)??;
            finished.removed += removed;
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
    }
    let ended = tokio::time::timeout(PATIENCE, end(pool, tenant, run, finished.whole));
    ended.await.map_err(|_late| Trouble::Late)??;
    Ok(finished)
}

/// Counts who was not seen; ends the run at once where the brake says so.
async fn count(
    pool: &Database,
    tenant: &Tenant,
    run: &SyncRun,
    at: OffsetDateTime,
    brake: RemovalBrake,
) -> Result<RunSummary, Trouble> {
    let mut transaction = pool.begin().await?;
    patient(&mut transaction).await?;
    let state = held(&mut transaction, tenant.pool, run).await?;
    let counts = sqlx::query!(
        r#"SELECT count(*) AS "profiles!", count(*) FILTER (WHERE profile_as_of < $2) AS "missing!",
                  count(*) FILTER (WHERE walked_at >= $2) AS "shown!"
             FROM directory_entries WHERE pool = $1 AND profile IS NOT NULL"#,
        tenant.pool.0,
        run.started,
    )
    .fetch_one(&mut transaction)
    .await?;
    let whole = state.has_shown_all(counts.shown);
    // Who was not seen by a run that is not whole may be the one whom it was not shown.
    let tells_missing = run.scope == ScanExtent::Everything && whole;
    let missing = if tells_missing { counts.missing } else { 0 };
    let braked = brake == RemovalBrake::On && missing > (counts.profiles / BRAKE_SHARE).max(1);
    if braked {
        sqlx::query!(
            "UPDATE directories SET braked_at = $2, full_as_of = NULL, run_started = NULL, lease_until = NULL WHERE pool = $1",
            tenant.pool.0,
            at,
        )
        .execute(&mut transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(RunSummary {
        profiles: counts.profiles.unsigned_abs(),
        whole,
        missing: missing.unsigned_abs(),
        removed: 0,
        braked,
    })
}

/// Marks the next profiles that were not seen; answers how many were removed, and the last id, if there was any.
async fn mark(
    pool: &Database,
    tenant: &Tenant,
    run: &SyncRun,
    at: OffsetDateTime,
    after: &str,
) -> Result<(u64, Option<String>), Trouble> {
    let mut transaction = pool.begin().await?;
    patient(&mut transaction).await?;
    let state = held(&mut transaction, tenant.pool, run).await?;
    // Whom this run has marked already, before it was killed here, has been marked since it began.
    let crids = sqlx::query_scalar!(
        "SELECT crid FROM directory_entries
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
    transaction.commit().await?;
    Ok((removed, crids.into_iter().next_back()))
}

/// The run is over, and the directory as old as its beginning.
async fn end(pool: &Database, tenant: &Tenant, run: &SyncRun, whole: bool) -> Result<(), Trouble> {
    let mut transaction = pool.begin().await?;
    held(&mut transaction, tenant.pool, run).await?;
    let is_full = run.scope == ScanExtent::Everything;
    sqlx::query!(
        "UPDATE directories
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
    transaction.commit().await?;
    Ok(())
}

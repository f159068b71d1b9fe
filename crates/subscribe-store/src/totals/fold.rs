//! Replaces the stored rows of a pool's totals by their sums.

use masthead_domain::tenant::PoolId;
use sqlx::{Executor, Postgres};

use super::TotalsSource;
use crate::database::PgDatabase;

/// A pool with more rows is folded as soon as it is read.
pub(super) const MANY_ROWS: u64 = 64;
/// A pool with more rows is folded by the next sweep: each row costs every list 2 µs. Totals have up to six groups.
pub(super) const FEW_ROWS: i64 = 8;
/// The maximum number of rows in one statement: it takes a fraction of a second.
const ROWS_AT_A_TIME: i64 = 10_000;
/// The maximum number of pools in one statement.
const POOLS_AT_A_TIME: usize = 100;
/// The maximum number of pools that one sweep folds.
const POOLS_A_SWEEP: i64 = 10_000;

/// `$1` pools, `$2` the maximum number of rows. Returns how many rows were replaced.
///
/// One statement, so each snapshot has either the old rows or the new ones. It waits for no other transaction: rows that a
/// concurrent one replaces are skipped, and rows of writers that have not committed are not visible.
macro_rules! fold {
    ($table:literal, $group:literal) => {
        concat!(
            "WITH picked AS MATERIALIZED (SELECT pool, mark FROM ",
            $table,
            " WHERE pool = ANY ($1) LIMIT $2 FOR UPDATE SKIP LOCKED), \
             gone AS (DELETE FROM ",
            $table,
            " AS t USING picked WHERE t.pool = picked.pool AND t.mark = picked.mark AND (SELECT count(*) FROM picked) > 1 \
              RETURNING t.*), \
             written AS (INSERT INTO ",
            $table,
            " (pool, ",
            $group,
            ", users, mark) SELECT pool, ",
            $group,
            ", sum(users), xor_agg(mark) FROM gone GROUP BY pool, ",
            $group,
            ") SELECT count(*) FROM gone"
        )
    };
}

macro_rules! pools_with_many_rows {
    ($table:literal) => {
        concat!(
            "SELECT pool FROM ",
            $table,
            " WHERE NOT pg_is_in_recovery() GROUP BY pool HAVING count(*) > $1 LIMIT $2"
        )
    };
}

impl TotalsSource {
    pub(super) const ALL: [Self; 2] = [Self::Registrations, Self::Mirror];

    pub(super) const fn fold_statement(self) -> &'static str {
        match self {
            Self::Registrations => fold!("registration_totals", "state, verified"),
            Self::Mirror => fold!("mirror_totals", "verified"),
        }
    }

    const fn pools_statement(self) -> &'static str {
        match self {
            Self::Registrations => pools_with_many_rows!("registration_totals"),
            Self::Mirror => pools_with_many_rows!("mirror_totals"),
        }
    }
}

/// Replaces rows of the totals of pools by their sums; neither totals nor versions change. Returns how many rows were replaced.
pub(super) async fn fold_once<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    source: TotalsSource,
    pools: &[i64],
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(source.fold_statement())
        .bind(pools)
        .bind(ROWS_AT_A_TIME)
        .fetch_one(executor)
        .await
}

/// Replaces all rows of the totals of pools by their sums.
async fn fold_pools(database: &PgDatabase, source: TotalsSource, pools: &[i64]) -> Result<(), sqlx::Error> {
    while fold_once(database, source, pools).await? == ROWS_AT_A_TIME {}
    Ok(())
}

/// Replaces all rows of a pool's totals by their sums.
pub(super) async fn fold_pool(database: &PgDatabase, source: TotalsSource, pool: PoolId) -> Result<(), sqlx::Error> {
    fold_pools(database, source, &[pool.0]).await
}

/// Folds all pools that have more than a few rows. Does nothing on a standby.
///
/// # Errors
/// The database is unavailable.
pub(crate) async fn fold_all(database: &PgDatabase) -> Result<(), sqlx::Error> {
    for source in TotalsSource::ALL {
        let pools: Vec<i64> = sqlx::query_scalar(source.pools_statement())
            .bind(FEW_ROWS)
            .bind(POOLS_A_SWEEP)
            .fetch_all(database)
            .await?;
        for pools in pools.chunks(POOLS_AT_A_TIME) {
            fold_pools(database, source, pools).await?;
        }
    }
    Ok(())
}

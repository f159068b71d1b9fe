//! The totals that searches use: maintained, remembered, or counted.

use std::time::Duration;

use masthead_domain::{query::UserFilter, tenant::PoolId};
use sqlx::postgres::PgRow;

use super::{
    PoolTotals, TotalKey, TotalsSource, fold::MANY_ROWS, folder::TotalsFolder, pool_sizes::PoolSizes,
    remembered::RememberedTotals,
};
use crate::database::PgDatabase;

/// The number of exact totals in answers, by [`TotalOrigin`].
const TOTALS: &str = "masthead_search_totals_total";
/// The maximum number of remembered totals, and of sizes of pools: a megabyte each.
const REMEMBERED: usize = 10_000;

/// Where a total comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TotalOrigin {
    /// From the maintained totals.
    Maintained,
    /// Counted for an earlier list; the pool has not changed since.
    Remembered,
    /// Counted for this list.
    Counted,
}

/// The totals of pools, and a memory of the totals of filters.
pub(crate) struct PgTotals {
    remembered: RememberedTotals,
    sizes: PoolSizes,
    folder: TotalsFolder,
}

impl PgTotals {
    /// Starts a background task, which writes over `writing`.
    pub(crate) fn start(writing: PgDatabase) -> Self {
        Self {
            remembered: RememberedTotals::new(REMEMBERED),
            sizes: PoolSizes::new(REMEMBERED),
            folder: TotalsFolder::start(writing),
        }
    }

    /// Reads the totals that a statement has with [`push_totals`](super::push_totals), and remembers the size of the pool.
    ///
    /// # Errors
    /// A total is negative.
    pub(crate) fn read_row(&self, row: &PgRow, source: TotalsSource, pool: PoolId) -> Result<PoolTotals, sqlx::Error> {
        let totals = PoolTotals::from_row(row)?;
        for source in totals.sources_with_more_rows(MANY_ROWS) {
            self.folder.report(source, pool);
        }
        self.sizes.insert(source, pool, totals.all());
        Ok(totals)
    }

    /// The key of a filter's total.
    pub(crate) fn key(&self, source: TotalsSource, pool: PoolId, filter: &UserFilter, is_federated: bool) -> TotalKey {
        self.remembered.key(source, pool, filter, is_federated)
    }

    /// The total of a filter, if it was counted in a snapshot with the same version.
    pub(crate) fn remembered(&self, key: &TotalKey, version: i64) -> Option<u64> {
        self.remembered.get(key, version)
    }

    /// Remembers the total of a filter. It must have been counted in the snapshot in which the version was read.
    pub(crate) fn remember(&self, key: TotalKey, version: i64, total: u64) {
        self.remembered.insert(key, version, total);
    }

    /// The total of a filter when it was last counted, for any version.
    pub(crate) fn last_total(&self, key: &TotalKey) -> Option<u64> {
        self.remembered.last(key)
    }

    /// How many users the pool had when it was last seen, unless that was long ago.
    pub(crate) fn last_size(&self, source: TotalsSource, pool: PoolId) -> Option<u64> {
        self.sizes.get(source, pool)
    }

    /// Ends the background task within `patience`.
    pub(crate) async fn close(&self, patience: Duration) {
        self.folder.close(patience).await;
    }
}

impl TotalOrigin {
    /// Counts an answer with such a total.
    pub(crate) fn record(self) {
        let source = match self {
            Self::Maintained => "maintained",
            Self::Remembered => "remembered",
            Self::Counted => "counted",
        };
        metrics::counter!(TOTALS, "source" => source).increment(1);
    }
}

//! How many users a pool has, without counting them (ADR 0115).
//!
//! Triggers maintain the totals of unfiltered lists (migration 0013). The total of a filter, once counted, is remembered
//! until its pool changes.

mod fold;
mod folder;
mod pg_totals;
mod pool_sizes;
mod pool_totals;
mod remembered;
#[cfg(test)]
mod tests;

pub(crate) use fold::fold_all;
pub(crate) use pg_totals::{PgTotals, TotalOrigin};
#[cfg(test)]
pub(crate) use pool_totals::totals_statement;
pub(crate) use pool_totals::{PoolTotals, TotalsSource, push_totals};
pub(crate) use remembered::TotalKey;

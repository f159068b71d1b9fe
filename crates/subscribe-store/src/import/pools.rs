//! The pools of a batch.

use std::collections::HashSet;

use super::row::ImportRow;
use crate::database::Transaction;

/// The pools that the rows go to.
pub(super) fn pools_of(rows: &[Option<ImportRow>]) -> Vec<i64> {
    let pools: HashSet<i64> = rows.iter().flatten().map(|row| row.tenant.pool.0).collect();
    pools.into_iter().collect()
}

/// Which of these pools have unique addresses.
pub(super) async fn find_mastered(transaction: &mut Transaction, pools: &[i64]) -> Result<HashSet<i64>, sqlx::Error> {
    let mastered = sqlx::query_scalar!("SELECT id FROM pools WHERE id = ANY ($1) AND masters_accounts", pools)
        .fetch_all(transaction)
        .await?;
    Ok(mastered.into_iter().collect())
}

/// The same, with a lock on the pools' rows, which keeps that from changing, and serialises imports into one pool with each other and
/// with deletions.
pub(super) async fn lock(transaction: &mut Transaction, pools: &[i64]) -> Result<HashSet<i64>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT id, masters_accounts FROM pools WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE",
        pools
    )
    .fetch_all(transaction)
    .await?;
    let mastered = rows.into_iter().filter(|row| row.masters_accounts);
    Ok(mastered.map(|row| row.id).collect())
}

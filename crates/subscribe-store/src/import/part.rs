//! A part of a batch: decided and written at once.

use std::collections::{BTreeMap, HashSet};

use masthead_domain::tenant::PoolId;
use masthead_ports::registrations::WriteOrigin;

use super::{
    decide::{Decisions, Evidence},
    error::BatchError,
    holders,
    parts::ImportParts,
    policy::DuplicatePolicy,
    preview,
    result::{RowOutcome, RowResult},
    row::{ImportRow, SeenBefore},
    write::write,
};
use crate::database::Transaction;

/// What the parts of a batch share.
pub(super) struct PartContext<'a> {
    pub(super) parts: &'a ImportParts,
    pub(super) origin: &'a WriteOrigin,
    pub(super) policy: DuplicatePolicy,
    /// The name under which the import puts things aside.
    pub(super) run: &'a str,
    /// The pools in which an address is unique.
    pub(super) mastered: &'a HashSet<i64>,
}

/// A part that is written.
pub(super) struct StoredPart {
    /// As [`StoredBatch::results`](super::session::StoredBatch::results).
    pub(super) results: Vec<Option<RowResult>>,
    /// The number of written users.
    pub(super) written: u64,
}

impl StoredPart {
    /// The number of rejected rows, also of those that were rejected before.
    pub(super) fn rejected(&self) -> u64 {
        let is_rejected =
            |result: &&Option<RowResult>| result.is_none_or(|result| matches!(result.outcome, RowOutcome::Rejected(_)));
        self.results.iter().filter(is_rejected).count() as u64
    }
}

impl PartContext<'_> {
    /// Decides rows, and writes their users. A dry run keeps what later rows are to see.
    pub(super) async fn store(
        &self,
        transaction: &mut Transaction,
        rows: &[Option<ImportRow>],
        seen: &[SeenBefore],
        most_rejected: Option<u64>,
    ) -> Result<StoredPart, BatchError> {
        let keeps = self.parts.keeps;
        let is_merging = self.policy.is_merging();
        let (mut holders, numbers) = holders::find(transaction, rows, self.mastered).await?;
        if is_merging {
            holders.users = holders::read_users(transaction, numbers, keeps).await?;
            if !keeps {
                preview::overlay(transaction, self.run, rows, self.mastered, &mut holders).await?;
            }
        }
        let evidence = Evidence {
            policy: self.policy,
            rows,
            seen,
            deleted: self.find_deleted(transaction, rows).await?,
            mastered: self.mastered,
            holders,
            most_rejected,
        };
        let decisions = evidence.decide();
        let written = if keeps {
            write(transaction, rows, &decisions, self.mastered, self.origin).await?
        } else {
            if is_merging {
                preview::put(transaction, self.run, rows, &decisions).await?;
            }
            0
        };
        let Decisions { results, .. } = decisions;
        Ok(StoredPart { results, written })
    }

    /// The rows with a tombstone.
    async fn find_deleted(
        &self,
        transaction: &mut Transaction,
        rows: &[Option<ImportRow>],
    ) -> Result<HashSet<usize>, sqlx::Error> {
        let mut pools: BTreeMap<i64, Vec<(usize, &ImportRow)>> = BTreeMap::new();
        for (at, row) in rows
            .iter()
            .enumerate()
            .filter_map(|(at, row)| Some((at, row.as_ref()?)))
        {
            pools.entry(row.tenant.pool.0).or_default().push((at, row));
        }
        let mut deleted = HashSet::new();
        for (pool, rows) in pools {
            let users: Vec<_> = rows
                .iter()
                .map(|(_, row)| (&row.registration.new.crid, row.registration.new.email.as_ref()))
                .collect();
            let stones = self.parts.tombstones.find(transaction, PoolId(pool), &users).await?;
            let with_stone = rows.iter().zip(stones).filter(|(_, stone)| stone.is_some());
            deleted.extend(with_stone.map(|((at, _), _)| *at));
        }
        Ok(deleted)
    }
}

//! A part of a batch: decided and written at once.

use std::collections::{BTreeMap, HashSet};

use masthead_domain::tenant::PoolId;

use super::{
    decide::{Decisions, Evidence},
    error::BatchError,
    holders,
    parts::ImportContext,
    preview,
    result::{RowOutcome, RowResult},
    row::{ImportRow, SeenBefore},
    write::{write_consequences, write_users},
};
use crate::database::Transaction;

/// What the parts of a batch share.
pub(super) struct PartContext<'a> {
    pub(super) import: &'a ImportContext,
    /// The pools in which an address is unique.
    pub(super) mastered: &'a HashSet<i64>,
}

/// A part whose users are written, but nothing that follows from them.
pub(super) struct WrittenUsers {
    decisions: Decisions,
    /// The rows that had a tombstone.
    deleted: HashSet<usize>,
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
    /// Decides rows, and writes their users and what follows from them. A dry run keeps what later rows are to see.
    pub(super) async fn store(
        &self,
        transaction: &mut Transaction,
        rows: &[Option<ImportRow>],
        seen: &[SeenBefore],
        most_rejected: Option<u64>,
    ) -> Result<StoredPart, BatchError> {
        let users = self.write_users(transaction, rows, seen, most_rejected).await?;
        self.write_consequences(transaction, rows, users.decisions).await
    }

    /// Ends a part whose users were written before the pools were locked: a tombstone that was written since is a conflict.
    pub(super) async fn end(
        &self,
        transaction: &mut Transaction,
        rows: &[Option<ImportRow>],
        users: WrittenUsers,
    ) -> Result<StoredPart, BatchError> {
        if self.find_deleted(transaction, rows).await? != users.deleted {
            return Err(BatchError::Conflict);
        }
        self.write_consequences(transaction, rows, users.decisions).await
    }

    /// Decides rows, and writes their users. A dry run keeps what later rows are to see.
    pub(super) async fn write_users(
        &self,
        transaction: &mut Transaction,
        rows: &[Option<ImportRow>],
        seen: &[SeenBefore],
        most_rejected: Option<u64>,
    ) -> Result<WrittenUsers, BatchError> {
        let keeps = self.import.parts.keeps;
        let is_merging = self.import.policy.is_merging();
        let (mut holders, numbers) = holders::find(transaction, rows, self.mastered).await?;
        if is_merging {
            holders.users = holders::read_users(transaction, numbers, keeps).await?;
            if !keeps {
                preview::overlay(transaction, &self.import.run, rows, self.mastered, &mut holders).await?;
            }
        }
        let deleted = self.find_deleted(transaction, rows).await?;
        let evidence = Evidence {
            policy: self.import.policy,
            rows,
            seen,
            deleted: &deleted,
            mastered: self.mastered,
            holders,
            most_rejected,
        };
        let decisions = evidence.decide();
        if keeps {
            write_users(transaction, rows, &decisions, self.mastered).await?;
        } else if is_merging {
            preview::put(transaction, &self.import.run, rows, &decisions).await?;
        }
        Ok(WrittenUsers { decisions, deleted })
    }

    async fn write_consequences(
        &self,
        transaction: &mut Transaction,
        rows: &[Option<ImportRow>],
        decisions: Decisions,
    ) -> Result<StoredPart, BatchError> {
        let written = if self.import.parts.keeps {
            write_consequences(transaction, rows, &decisions, self.mastered, &self.import.origin).await?
        } else {
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
            let stones = self
                .import
                .parts
                .tombstones
                .find(transaction, PoolId(pool), &users)
                .await?;
            let with_stone = rows.iter().zip(stones).filter(|(_, stone)| stone.is_some());
            deleted.extend(with_stone.map(|((at, _), _)| *at));
        }
        Ok(deleted)
    }
}

//! An import that goes on: batches in the order of the file.

use std::{collections::HashMap, sync::Arc, time::Duration};

use masthead_domain::tenant::PoolId;
use masthead_ports::registrations::WriteOrigin;

use super::{
    ahead::BatchAhead,
    error::{BatchError, ImportStopError},
    part::PartContext,
    parts::{ImportContext, ImportParts},
    policy::DuplicatePolicy,
    pools::{find_mastered, lock, pools_of},
    result::{DuplicateKey, RowResult},
    row::{ImportRow, SeenBefore},
    runs::{Checkpoint, checkpoint},
    scratch::{self, BEGUN, COMPLETE, ScratchKind},
    seen::SeenKeys,
};
use crate::database::Transaction;

const TIME_LIMIT: Duration = Duration::from_mins(1);
/// How often a batch is decided again because concurrent writes have taken its ids or addresses.
const TRIES: u32 = 20;
/// After so many tries a batch is stored in smaller parts.
const WHOLE_TRIES: u32 = 2;
/// How long the first repetition waits; each further one waits so much longer.
const PAUSE: Duration = Duration::from_millis(20);
/// From this number of written users on, an import ends with `VACUUM ANALYZE`.
const MANY: u64 = 5000;
/// The number of written users after which statistics are taken first: the look-ups of the second batch read the whole pool for each
/// key where there are none, since the planner takes any index of the pool for as good.
const FIRST_STATISTICS: u64 = 100;
/// Statistics are taken again when there are so many times more users: those of ids and addresses hold for a table that has grown.
const STATISTICS_GROWTH: u64 = 16;

/// An import that goes on.
pub struct ImportSession {
    context: Arc<ImportContext>,
    seen: SeenKeys,
    /// Whether addresses are unique in a pool, as it was when the first row of the pool came.
    masters: HashMap<i64, bool>,
    /// The transaction of a dry run; it is never committed.
    dry: Option<Transaction>,
    /// Whether the mark of the first hashes was written.
    has_begun_hashes: bool,
    written: u64,
    next_statistics: u64,
}

/// A batch that has begun. Dropped, it is rolled back.
#[must_use = "a batch that is not stored is rolled back"]
pub struct PendingBatch {
    rows: Arc<[Option<ImportRow>]>,
    seen: Arc<[SeenBefore]>,
    /// `None` if it is only written by [`ImportSession::store`].
    ahead: Option<BatchAhead>,
}

/// A batch that is written and not committed. Dropped, it is rolled back.
#[must_use = "a batch that is not committed is rolled back"]
pub struct StoredBatch {
    /// The results of the rows, in order; `None` for a row that was rejected before. Shorter than the batch if more rows are
    /// rejected than allowed: the rows after that are not dealt with.
    pub results: Vec<Option<RowResult>>,
    /// `None` in a dry run.
    transaction: Option<Transaction>,
    pools: Vec<i64>,
    written: u64,
}

impl ImportSession {
    pub(super) fn new(parts: ImportParts, origin: WriteOrigin, policy: DuplicatePolicy, run: Arc<str>) -> Self {
        let context = ImportContext {
            parts,
            origin,
            policy,
            run,
        };
        Self {
            context: context.into(),
            seen: SeenKeys::new(),
            masters: HashMap::new(),
            dry: None,
            has_begun_hashes: false,
            written: 0,
            next_statistics: FIRST_STATISTICS,
        }
    }

    /// Notes the keys of rows that an earlier process has dealt with.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn observe(&mut self, rows: &[Option<ImportRow>]) -> Result<(), ImportStopError> {
        self.read_pools(rows).await?;
        for row in rows.iter().flatten() {
            self.note(row);
        }
        Ok(())
    }

    /// Begins a batch; `None` is a row that was rejected before. Batches are stored and committed in the order in which they begin. One
    /// may begin before the one before it is committed: where the import changes no registrations, both are written at the same
    /// time, over two connections.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn begin_batch(
        &mut self,
        rows: impl Into<Arc<[Option<ImportRow>]>>,
    ) -> Result<PendingBatch, ImportStopError> {
        let rows = rows.into();
        let pools = self.read_pools(&rows).await?;
        let seen: Arc<[SeenBefore]> = rows
            .iter()
            .map(|row| row.as_ref().map(|row| self.note(row)).unwrap_or_default())
            .collect();
        let ahead = self.may_write_ahead().then(|| {
            let mastered = pools.into_iter().filter(|pool| self.masters.get(pool) == Some(&true));
            let (rows, seen) = (Arc::clone(&rows), Arc::clone(&seen));
            BatchAhead::start(Arc::clone(&self.context), rows, seen, mastered.collect())
        });
        Ok(PendingBatch { rows, seen, ahead })
    }

    /// Not before there are statistics, without which look-ups read all rows of the batch before.
    fn may_write_ahead(&self) -> bool {
        let ImportContext { parts, policy, .. } = &*self.context;
        parts.keeps && !policy.is_merging() && parts.pool.connections() > 1 && self.written >= FIRST_STATISTICS
    }

    /// Writes a batch, in a transaction that [`Self::commit`] ends. After more than `most_rejected` rejected rows, with those, the
    /// batch ends. The batch before must be committed.
    ///
    /// # Errors
    /// The database is unavailable, or concurrent writes take the keys of the batch again and again.
    pub async fn store(
        &mut self,
        batch: PendingBatch,
        most_rejected: Option<u64>,
    ) -> Result<StoredBatch, ImportStopError> {
        let PendingBatch { rows, seen, ahead } = batch;
        if let Some(ahead) = ahead {
            let ended = tokio::time::timeout(TIME_LIMIT, ahead.end(&self.context, &rows)).await;
            // Otherwise it is written now, in smaller parts if need be.
            if let Ok(Ok((transaction, stored))) = ended
                && most_rejected.is_none_or(|most| stored.rejected() <= most)
            {
                return Ok(StoredBatch {
                    results: stored.results,
                    transaction: Some(transaction),
                    pools: pools_of(&rows),
                    written: stored.written,
                });
            }
        }
        for tried in 1..=TRIES {
            let stored = self.try_store(&rows, &seen, most_rejected, part_size(rows.len(), tried));
            match tokio::time::timeout(TIME_LIMIT, stored).await {
                Ok(Ok(stored)) => return Ok(stored),
                Ok(Err(BatchError::Conflict)) => tokio::time::sleep(PAUSE * tried).await,
                Ok(Err(BatchError::Stop(stop))) => return Err(stop),
                Err(late) => return Err(ImportStopError::Database(Box::new(late))),
            }
        }
        Err(ImportStopError::Contention)
    }

    /// Commits a batch, with how far the import has come.
    ///
    /// # Errors
    /// The database is unavailable, or another process has gone on with the run.
    pub async fn commit(
        &mut self,
        batch: StoredBatch,
        progress: Option<Checkpoint<'_>>,
    ) -> Result<(), ImportStopError> {
        let Some(mut transaction) = batch.transaction else {
            return Ok(());
        };
        if let Some(progress) = progress {
            checkpoint(&mut transaction, progress).await?;
        }
        transaction
            .commit_writes(batch.pools.iter().map(|pool| PoolId(*pool)))
            .await?;
        self.written += batch.written;
        if self.written >= self.next_statistics {
            self.next_statistics = self.written * STATISTICS_GROWTH;
            self.context.parts.take_statistics(self.written).await?;
        }
        Ok(())
    }

    /// Puts password hashes aside, by their keys, to be joined by [`Self::find_hashes`].
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn put_hashes(&mut self, hashes: &HashMap<String, String>) -> Result<(), ImportStopError> {
        let mut transaction = self.begin().await?;
        transaction.allow_long_statements().await?;
        if !std::mem::replace(&mut self.has_begun_hashes, true) {
            let mark = HashMap::from([(BEGUN.to_owned(), String::new())]);
            scratch::put(&mut transaction, &self.context.run, ScratchKind::HashesMark, &mark).await?;
        }
        scratch::put(&mut transaction, &self.context.run, ScratchKind::Hash, hashes).await?;
        self.end(transaction, None).await
    }

    /// Marks the hashes as complete, with what was counted, for
    /// [`ImportRun::complete_hashes`](super::runs::ImportRun::complete_hashes), and with how far the import has come.
    ///
    /// # Errors
    /// The database is unavailable or has lost hashes, or another process has gone on with the run.
    pub async fn complete_hashes(
        &mut self,
        counted: String,
        progress: Option<Checkpoint<'_>>,
    ) -> Result<(), ImportStopError> {
        let mut transaction = self.begin().await?;
        if self.has_begun_hashes {
            scratch::require_mark(&mut transaction, &self.context.run, BEGUN).await?;
        }
        let mark = HashMap::from([(COMPLETE.to_owned(), counted)]);
        scratch::put(&mut transaction, &self.context.run, ScratchKind::HashesMark, &mark).await?;
        self.end(transaction, progress).await
    }

    /// The hashes of these keys.
    ///
    /// # Errors
    /// The database is unavailable, or has lost them.
    pub async fn find_hashes(&mut self, keys: &[String]) -> Result<HashMap<String, String>, ImportStopError> {
        let mut transaction = self.begin().await?;
        scratch::require_mark(&mut transaction, &self.context.run, COMPLETE).await?;
        let found = scratch::find(&mut transaction, &self.context.run, ScratchKind::Hash, keys).await?;
        if !self.context.parts.keeps {
            self.dry = Some(transaction);
        }
        Ok(found)
    }

    /// Ends the import: after many written users with `VACUUM ANALYZE`.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn finish(self) -> Result<(), ImportStopError> {
        if self.written >= MANY {
            self.context.parts.tidy().await?;
        }
        Ok(())
    }

    /// Commits what was put aside, with how far the import has come; a dry run goes on with its transaction.
    async fn end(
        &mut self,
        mut transaction: Transaction,
        progress: Option<Checkpoint<'_>>,
    ) -> Result<(), ImportStopError> {
        if self.context.parts.keeps {
            if let Some(progress) = progress {
                checkpoint(&mut transaction, progress).await?;
            }
            transaction.commit().await?;
        } else {
            self.dry = Some(transaction);
        }
        Ok(())
    }

    async fn begin(&mut self) -> Result<Transaction, ImportStopError> {
        match self.dry.take() {
            Some(transaction) => Ok(transaction),
            None => Ok(self.context.parts.pool.begin().await?),
        }
    }

    /// Which keys of the row earlier rows have. A row that a policy leaves out gives its keys to no other.
    fn note(&mut self, row: &ImportRow) -> SeenBefore {
        let pool = row.tenant.pool.0;
        let id = row.registration.new.crid.as_str();
        let has_unique_email = self.masters.get(&pool) == Some(&true) && !row.registration.email_key().is_empty();
        let email = has_unique_email.then(|| row.registration.email_key());
        let before = SeenBefore {
            id: self.seen.contains(pool, DuplicateKey::Id, id),
            email: email.is_some_and(|email| self.seen.contains(pool, DuplicateKey::Email, email)),
        };
        if self.context.policy.in_file.is_merging() || !before.id && !before.email {
            self.seen.insert(pool, DuplicateKey::Id, id);
            if let Some(email) = email {
                self.seen.insert(pool, DuplicateKey::Email, email);
            }
        }
        before
    }

    /// The pools of the rows. Which of them have unique addresses is read with the first row of each.
    async fn read_pools(&mut self, rows: &[Option<ImportRow>]) -> Result<Vec<i64>, ImportStopError> {
        let pools = pools_of(rows);
        let new = pools.iter().copied().filter(|pool| !self.masters.contains_key(pool));
        let unknown: Vec<i64> = new.collect();
        if !unknown.is_empty() {
            let found = sqlx::query!("SELECT id, masters_accounts FROM pools WHERE id = ANY ($1)", &unknown)
                .fetch_all(&self.context.parts.pool)
                .await?;
            self.masters
                .extend(found.into_iter().map(|row| (row.id, row.masters_accounts)));
        }
        Ok(pools)
    }

    /// Stores a batch in parts of so many rows, in one transaction.
    async fn try_store(
        &mut self,
        rows: &[Option<ImportRow>],
        seen: &[SeenBefore],
        most_rejected: Option<u64>,
        part: usize,
    ) -> Result<StoredBatch, BatchError> {
        let mut transaction = self.begin().await?;
        transaction.allow_long_statements().await?;
        let keeps = self.context.parts.keeps;
        let pools = pools_of(rows);
        let mastered = if keeps {
            lock(&mut transaction, &pools).await?
        } else {
            find_mastered(&mut transaction, &pools).await?
        };
        let context = PartContext {
            import: &self.context,
            mastered: &mastered,
        };
        let mut batch = StoredBatch {
            results: Vec::with_capacity(rows.len()),
            transaction: None,
            pools,
            written: 0,
        };
        let mut allowed = most_rejected;
        for (rows, seen) in rows.chunks(part).zip(seen.chunks(part)) {
            let stored = context.store(&mut transaction, rows, seen, allowed).await?;
            let has_ended = stored.results.len() < rows.len();
            allowed = allowed.map(|most| most.saturating_sub(stored.rejected()));
            batch.results.extend(stored.results);
            batch.written += stored.written;
            if has_ended {
                break;
            }
        }
        if keeps {
            batch.transaction = Some(transaction);
        } else {
            self.dry = Some(transaction);
        }
        Ok(batch)
    }
}

/// How many rows are stored at once in this try: the less, the shorter the time in which others can take a key that was found free.
fn part_size(rows: usize, tried: u32) -> usize {
    let halvings = tried.saturating_sub(WHOLE_TRIES);
    (rows >> halvings.min(usize::BITS - 1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_shrink_to_single_rows() {
        let sizes = [1, 2, 3, 4, 13, TRIES].map(|tried| part_size(2000, tried));
        assert_eq!(sizes, [2000, 2000, 1000, 500, 1, 1]);
        assert_eq!(part_size(0, 1), 1);
    }
}

//! Stores the rows of a file in batches, and accounts for each.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use masthead_imports::{RawRow, RejectCode, RejectedRow, RowNotes, UnusableHash};
use masthead_ports::clock::Clock as _;
use masthead_subscribe_store::{
    Checkpoint, DuplicateKey, DuplicatePlace, ImportRow, ImportSession, PendingBatch, RowError, RowOutcome, RowResult,
};

use super::{
    hashes,
    mapped::{MappedRow, MappedUser, unstorable},
    pipeline::MappedRows,
    progress::ImportProgress,
    rejects::RejectsFile,
    report::{HashFileReport, ImportReport, RowHash},
    tenants::RowTenants,
};
use crate::{clock::SystemClock, command_error::CommandError};

const STOPPED: &str = "the import stopped";
const NOT_KEPT: &str = "the report cannot be kept";

/// An import that goes on.
pub(super) struct ImportWriter<'a> {
    pub(super) session: ImportSession,
    pub(super) tenants: RowTenants<'a>,
    pub(super) rejects: Option<RejectsFile>,
    pub(super) report: ImportReport,
    pub(super) max_rejects: Option<u64>,
    /// The run, where it can be resumed.
    pub(super) run: Option<&'a str>,
    pub(super) joins_hashes: bool,
    /// Whether rows of the first file were stored, or have begun to be.
    pub(super) has_begun: bool,
}

/// Rows that are being stored.
struct PendingRows {
    batch: PendingBatch,
    rows: Vec<PendingRow>,
    joined_hashes: u64,
}

/// A row whose content is with the store.
struct PendingRow {
    line: u64,
    original: Option<RawRow>,
    /// What the report counts about it, or why it is rejected.
    content: Result<PendingUser, RejectedRow>,
}

struct PendingUser {
    hash_scheme: Option<Box<str>>,
    notes: RowNotes,
}

impl<'a> ImportWriter<'a> {
    /// Stores all rows after those that an earlier process has dealt with. While a batch is stored, the next one begins.
    pub(super) async fn write_all(
        &mut self,
        rows: &mut MappedRows,
        (progress, read): (&mut ImportProgress, &AtomicU64),
    ) -> Result<(), CommandError> {
        let mut batch = self.skip_stored(rows, (progress, read)).await;
        let mut pending = None;
        loop {
            let next = match batch {
                Ok(batch) => self.begin(batch).await,
                Err(error) => Err(error),
            };
            // Also before an error of the next ones.
            self.store(pending).await?;
            progress.show(self.report.rows, read.load(Ordering::Relaxed));
            pending = next?;
            if pending.is_none() {
                self.report.files_passed_over = rows.passed_over();
                return Ok(());
            }
            batch = rows.next_batch().await;
        }
    }

    /// Passes over the rows that an earlier process has dealt with, and returns the first ones after them.
    async fn skip_stored(
        &mut self,
        rows: &mut MappedRows,
        (progress, read): (&mut ImportProgress, &AtomicU64),
    ) -> Result<Vec<MappedRow>, CommandError> {
        let mut left = usize::try_from(self.report.rows).unwrap_or(usize::MAX);
        loop {
            let mut stored = rows.next_batch().await?;
            let new = stored.split_off(left.min(stored.len()));
            if stored.is_empty() {
                return Ok(new);
            }
            left -= stored.len();
            self.observe(stored).await?;
            if !new.is_empty() {
                return Ok(new);
            }
            progress.show(self.report.rows, read.load(Ordering::Relaxed));
        }
    }

    /// Rows that an earlier process has stored: their keys count for the rows after them.
    async fn observe(&mut self, batch: Vec<MappedRow>) -> Result<(), CommandError> {
        let (rows, _) = self.assign(batch).await?;
        self.session
            .observe(&rows)
            .await
            .map_err(CommandError::context(STOPPED))
    }

    /// Begins to store rows; `None` if there are none.
    async fn begin(&mut self, mut batch: Vec<MappedRow>) -> Result<Option<PendingRows>, CommandError> {
        if batch.is_empty() {
            return Ok(None);
        }
        let mut joined_hashes = 0;
        if self.joins_hashes {
            self.refuse_wrong_join(&batch)?;
            let rows = hashes::join(&mut self.session, &mut batch).await;
            joined_hashes = rows.map_err(CommandError::context(STOPPED))?;
        }
        let (rows, pending) = self.assign(batch).await?;
        let begun = self.session.begin_batch(rows).await;
        self.has_begun = true;
        Ok(Some(PendingRows {
            batch: begun.map_err(CommandError::context(STOPPED))?,
            rows: pending,
            joined_hashes,
        }))
    }

    /// Stores rows that have begun, and accounts for each.
    async fn store(&mut self, pending: Option<PendingRows>) -> Result<(), CommandError> {
        let Some(PendingRows {
            batch,
            rows,
            joined_hashes,
        }) = pending
        else {
            return Ok(());
        };
        let before = self.report.rows;
        let left = self.max_rejects.map(|most| most.saturating_sub(self.report.rejected));
        let mut stored = self
            .session
            .store(batch, left)
            .await
            .map_err(CommandError::context(STOPPED))?;
        let counted_before = self.report.clone();
        self.report.joined_hashes += joined_hashes;
        for (row, result) in rows.into_iter().zip(std::mem::take(&mut stored.results)) {
            self.count(row, result)?;
        }
        let mut text = String::new();
        let checkpoint = self.checkpoint(before, &mut text)?;
        let committed = self.session.commit(stored, checkpoint).await;
        if committed.is_err() {
            self.report = counted_before;
        }
        committed.map_err(CommandError::context(STOPPED))?;
        match self.max_rejects.filter(|most| self.report.rejected > *most) {
            None => Ok(()),
            Some(most) => Err(CommandError::new(format!(
                "stopped after row {}: more than {most} rows are rejected",
                self.report.rows
            ))),
        }
    }

    /// Refuses to begin with rows none of which has the field of `--join`: all users would be imported without a password.
    fn refuse_wrong_join(&self, batch: &[MappedRow]) -> Result<(), CommandError> {
        let mut users = batch.iter().filter_map(|row| row.content.as_ref().ok()).peekable();
        if !self.has_begun && users.peek().is_some() && users.all(|user| user.join_key.is_none()) {
            return Err(CommandError::new(
                "--join: the first rows have no such field; it names the field with the id of the second file",
            ));
        }
        Ok(())
    }

    /// Keeps that the hashes of the second file are all put aside, and how long the file of rejected rows is with its.
    pub(super) async fn complete_hashes(&mut self, counted: &HashFileReport) -> Result<(), CommandError> {
        let counted = serde_json::to_string(counted).map_err(CommandError::context(NOT_KEPT))?;
        let mut text = String::new();
        let checkpoint = self.checkpoint(self.report.rows, &mut text)?;
        let completed = self.session.complete_hashes(counted, checkpoint).await;
        completed.map_err(CommandError::context(STOPPED))
    }

    /// How far a run that can be resumed has come. The rejected rows are on the disk by then.
    fn checkpoint<'t>(&mut self, before: u64, text: &'t mut String) -> Result<Option<Checkpoint<'t>>, CommandError>
    where
        'a: 't,
    {
        let Some(run) = self.run else { return Ok(None) };
        if let Some(rejects) = &mut self.rejects {
            rejects.sync()?;
        }
        *text = serde_json::to_string(&self.report).map_err(CommandError::context(NOT_KEPT))?;
        Ok(Some(Checkpoint {
            run,
            before,
            rows: self.report.rows,
            rejects_bytes: self.rejects.as_ref().map_or(0, |rejects| rejects.bytes),
            report: text,
            at: SystemClock.now(),
        }))
    }

    /// Gives each row its tenant.
    async fn assign(
        &mut self,
        batch: Vec<MappedRow>,
    ) -> Result<(Vec<Option<ImportRow>>, Vec<PendingRow>), CommandError> {
        let mut rows = Vec::with_capacity(batch.len());
        let mut pending = Vec::with_capacity(batch.len());
        for MappedRow {
            line,
            original,
            content,
        } in batch
        {
            let assigned = match content {
                Err(rejected) => Err(rejected),
                Ok(user) => match self.tenants.resolve(user.tenant.as_ref()).await? {
                    Err(rejected) => Err(rejected),
                    Ok(tenant) => Ok((tenant, user)),
                },
            };
            let (row, content) = match assigned {
                Err(rejected) => (None, Err(rejected)),
                Ok((
                    tenant,
                    MappedUser {
                        registration,
                        hash_scheme,
                        notes,
                        ..
                    },
                )) => (
                    Some(ImportRow {
                        tenant: Arc::clone(&tenant),
                        registration,
                    }),
                    Ok(PendingUser { hash_scheme, notes }),
                ),
            };
            rows.push(row);
            pending.push(PendingRow {
                line,
                original,
                content,
            });
        }
        Ok((rows, pending))
    }

    fn count(&mut self, row: PendingRow, result: Option<RowResult>) -> Result<(), CommandError> {
        let duplicate = result.and_then(|result| result.duplicate);
        let rejected = match (row.content, result) {
            (Err(rejected), _) => rejected,
            (
                Ok(_),
                Some(RowResult {
                    outcome: RowOutcome::Rejected(error),
                    ..
                }),
            ) => to_rejected(error),
            (Ok(user), Some(result)) => {
                let hash = match (&user.hash_scheme, &user.notes.unusable_hash) {
                    (Some(scheme), _) => RowHash::Usable(scheme),
                    (None, Some(UnusableHash(reason))) => RowHash::Unusable(reason),
                    (None, None) => RowHash::Absent,
                };
                self.report.count(result, &hash, &user.notes);
                return Ok(());
            }
            (Ok(_), None) => return Err(CommandError::new("the store has no result for a row")),
        };
        self.report.count_rejected(&rejected, duplicate);
        match &mut self.rejects {
            None => Ok(()),
            Some(file) => file.write(row.line, &rejected, row.original.as_ref()),
        }
    }
}

fn to_rejected(error: RowError) -> RejectedRow {
    match error {
        RowError::Field(invalid) => unstorable(invalid),
        RowError::Duplicate { key, place } => {
            let (field, code) = match key {
                DuplicateKey::Id => ("customerRegistrationId", RejectCode::DuplicateId),
                DuplicateKey::Email => ("email", RejectCode::DuplicateEmail),
            };
            let reason = match place {
                DuplicatePlace::File => "an earlier row has it",
                DuplicatePlace::Store => "a registration has it",
            };
            RejectedRow {
                field: Some(field.into()),
                code,
                reason: reason.into(),
            }
        }
    }
}

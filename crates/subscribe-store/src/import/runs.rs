//! How far an import has come: a row that changes in the transaction of each batch.

use time::OffsetDateTime;

use super::{
    error::ImportStopError,
    scratch::{self, COMPLETE, ScratchKind},
};
use crate::database::{PgDatabase, Transaction};

/// How far an import has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunProgress {
    /// How many rows of the file are dealt with.
    pub rows: u64,
    /// How long the file of rejected rows is.
    pub rejects_bytes: u64,
    /// The report so far, as JSON; `None` before the first batch.
    pub report: Option<String>,
}

/// How far an import has come with a batch, written in the transaction of the batch.
#[derive(Debug, Clone, Copy)]
pub struct Checkpoint<'a> {
    /// The id of the run.
    pub run: &'a str,
    /// As [`RunProgress::rows`], before the batch. If the database has another number, another process goes on with the run.
    pub before: u64,
    /// As [`RunProgress::rows`], with the batch.
    pub rows: u64,
    /// As [`RunProgress::rejects_bytes`].
    pub rejects_bytes: u64,
    /// The report so far, as JSON.
    pub report: &'a str,
    /// The time.
    pub at: OffsetDateTime,
}

/// The state of imports that can be resumed.
#[derive(Clone)]
pub struct ImportRun {
    pub(super) pool: PgDatabase,
}

impl ImportRun {
    /// Begins a run.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn begin(&self, run: &str, at: OffsetDateTime) -> Result<(), ImportStopError> {
        sqlx::query!(
            "INSERT INTO import_runs (id, changed_at, rows, rejects_bytes) VALUES ($1, $2, 0, 0) ON CONFLICT (id) DO NOTHING",
            run,
            at,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// How far a run has come; `None` if there is no such run. Waits for a commit that a killed process has sent.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn find(&self, run: &str) -> Result<Option<RunProgress>, ImportStopError> {
        let found = sqlx::query!(
            r#"SELECT rows, rejects_bytes, report::text AS report FROM import_runs WHERE id = $1 FOR UPDATE"#,
            run
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(found.map(|row| RunProgress {
            rows: row.rows.unsigned_abs(),
            rejects_bytes: row.rejects_bytes.unsigned_abs(),
            report: row.report,
        }))
    }

    /// Ends a run: deletes its state, and what it has put aside.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn end(&self, run: &str) -> Result<(), ImportStopError> {
        let mut transaction = self.pool.begin().await?;
        transaction.allow_long_statements().await?;
        scratch::clear(&mut transaction, run).await?;
        sqlx::query!("DELETE FROM import_runs WHERE id = $1", run)
            .execute(&mut transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// What was counted of the second file, once its hashes are all put aside.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn complete_hashes(&self, run: &str) -> Result<Option<String>, ImportStopError> {
        let mut transaction = self.pool.begin().await?;
        let found = scratch::find(&mut transaction, run, ScratchKind::HashesMark, &[COMPLETE.to_owned()]).await?;
        transaction.rollback().await?;
        Ok(found.into_values().next())
    }
}

/// Writes how far the import has come.
pub(super) async fn checkpoint(transaction: &mut Transaction, to: Checkpoint<'_>) -> Result<(), ImportStopError> {
    let written = sqlx::query!(
        "UPDATE import_runs SET changed_at = $2, rows = $3, rejects_bytes = $4, report = $5::text::json
          WHERE id = $1 AND rows = $6",
        to.run,
        to.at,
        i64::try_from(to.rows).unwrap_or(i64::MAX),
        i64::try_from(to.rejects_bytes).unwrap_or(i64::MAX),
        to.report,
        i64::try_from(to.before).unwrap_or(i64::MAX),
    )
    .execute(transaction)
    .await?;
    if written.rows_affected() == 1 {
        return Ok(());
    }
    Err(ImportStopError::RunTaken)
}

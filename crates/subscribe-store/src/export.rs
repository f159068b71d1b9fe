//! Exports: all registrations of a filter, read through one cursor in one read-only transaction (ADR 0138).

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_domain::{customer_registration_id::CustomerRegistrationId, query::UserFilter, tenant::PoolId};
use masthead_ports::{
    exports::{ExportSelection, ExportedRegistration, RegistrationExport, RegistrationExports},
    passwords::PasswordHash,
    source::{CallContext, SourceError, SourceErrorKind},
};
use sqlx::{
    AssertSqlSafe, PgConnection, Postgres, QueryBuilder,
    postgres::{PgQueryResult, PgRow},
};
use tokio::time::{timeout, timeout_at};

use crate::{
    database::PgDatabase,
    kept_connections::AcquiredConnection,
    query_tag::{ForeignRowError, QueryTag},
    row::{ACCOUNT_COLUMNS, RowError, account_columns, optional_text, read_account},
    search::{corrupt, matches_no_key, push_all_matches},
    slow_statements::StatementTimer,
    sqlstate::source_error,
    trace::traced,
};

const OPERATION: &str = "export";
/// The most rows of a batch.
const MOST_ROWS: usize = 200;
/// The rows of the first batch, whose size is not known.
const FIRST_ROWS: usize = 50;
/// About how many bytes a batch has.
const BATCH_BYTES: usize = 256 * 1024;
/// About how many bytes a row has beside its metadata.
const ROW_BYTES: usize = 256;
/// How long the server may take for one batch.
const STATEMENT_LIMIT: Duration = Duration::from_mins(1);
/// The server's time limit ends this much earlier than the client's.
const SERVER_FIRST: Duration = Duration::from_secs(2);

/// Columns of a row: the query tag, the account, the hash.
const ACCOUNT: usize = 1;
const METADATA: usize = ACCOUNT + 9;
const HASH: usize = ACCOUNT + ACCOUNT_COLUMNS;

/// Opens exports, on connections of their own to the primary: an export holds one until its end, and on a replica vacuum would
/// end it.
pub struct PgRegistrationExports {
    database: PgDatabase,
    acquire_timeout: Duration,
}

impl PgRegistrationExports {
    pub(crate) const fn new(database: PgDatabase, acquire_timeout: Duration) -> Self {
        Self {
            database,
            acquire_timeout,
        }
    }

    pub(crate) async fn close(&self) {
        self.database.close().await;
    }

    async fn begin(&self, cx: &CallContext, selection: &ExportSelection) -> Result<PgExport, SourceError> {
        let acquired = self
            .database
            .acquire_by(cx.deadline.min(Instant::now() + self.acquire_timeout))
            .await;
        let mut export = PgExport {
            connection: Some(acquired.map_err(source_error(OPERATION))?),
            pool: cx.tenant.pool,
            filter: selection.filter.clone(),
            tag: QueryTag::new(),
            rows: FIRST_ROWS,
            last: None,
        };
        let begun = timeout_at(cx.deadline.into(), export.begin(selection)).await;
        match begun.unwrap_or_else(|_late| Err(late())) {
            Ok(()) => Ok(export),
            Err(error) => {
                export.give_up();
                Err(error)
            }
        }
    }
}

#[async_trait]
impl RegistrationExports for PgRegistrationExports {
    async fn open(
        &self,
        cx: &CallContext,
        selection: &ExportSelection,
    ) -> Result<Box<dyn RegistrationExport>, SourceError> {
        if matches_no_key(&selection.filter) {
            return Ok(Box::new(EmptyExport));
        }
        let export = traced(OPERATION, self.begin(cx, selection)).await?;
        Ok(Box::new(export))
    }
}

/// The export of a filter that no registration can meet.
struct EmptyExport;

#[async_trait]
impl RegistrationExport for EmptyExport {
    async fn next(&mut self) -> Result<Option<Vec<ExportedRegistration>>, SourceError> {
        Ok(None)
    }
}

/// An export that has begun: a connection in a transaction with a cursor.
struct PgExport {
    /// `None` after the end.
    connection: Option<AcquiredConnection>,
    pool: PoolId,
    filter: UserFilter,
    tag: QueryTag,
    /// The rows of the next batch.
    rows: usize,
    /// The id of the last registration.
    last: Option<CustomerRegistrationId>,
}

impl PgExport {
    /// Begins the transaction and opens its cursor. The snapshot is that of the first statement.
    async fn begin(&mut self, selection: &ExportSelection) -> Result<(), SourceError> {
        let (statement, idle) = (STATEMENT_LIMIT.as_millis(), selection.idle_limit.as_millis().max(1));
        let mut begin = String::from("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        for (name, value) in [
            ("statement_timeout", statement.to_string()),
            // Also ends an export whose process is stopped, or cut off from the database.
            ("idle_in_transaction_session_timeout", idle.to_string()),
            ("jit", "off".to_owned()),
            ("max_parallel_workers_per_gather", "0".to_owned()),
            ("enable_seqscan", "off".to_owned()),
        ] {
            let _ = write!(begin, "; SET LOCAL {name} = {value}");
        }
        // A server that is busy with a batch notices a closed connection; versions before 14 have no such setting.
        begin.push_str(
            "; SELECT set_config(name, '2000', true) FROM pg_settings WHERE name = 'client_connection_check_interval'",
        );
        let mut declare = QueryBuilder::<Postgres>::new("DECLARE masthead_export NO SCROLL CURSOR FOR SELECT ");
        declare.push_bind(self.tag.number());
        declare.push(concat!("::bigint AS query_tag, ", account_columns!(), ", "));
        declare.push(if selection.with_hashes {
            "r.password_hash"
        } else {
            "NULL::text"
        });
        declare.push(" AS password_hash FROM registrations AS r WHERE ");
        push_all_matches(&mut declare, self.pool, &selection.filter);
        declare.push(" ORDER BY r.crid");
        let connection = self.connection()?;
        execute(connection, begin).await?;
        let opened = declare.build().persistent(false).execute(connection).await;
        opened.map(|_| ()).map_err(source_error(OPERATION))
    }

    fn connection(&mut self) -> Result<&mut PgConnection, SourceError> {
        let connection = self.connection.as_deref_mut();
        connection.ok_or_else(|| SourceError::new(OPERATION, SourceErrorKind::Unavailable))
    }

    async fn fetch(&mut self) -> Result<Vec<PgRow>, SourceError> {
        let timer = StatementTimer::start();
        let statement = format!("FETCH {} FROM masthead_export", self.rows);
        let query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
        let fetched = query.fetch_all(self.connection()?).await;
        timer.stop(|| OPERATION.to_owned());
        let rows = fetched.map_err(source_error(OPERATION))?;
        let verified = self.tag.verify(&rows);
        verified.map_err(|foreign| foreign.to_source_error(OPERATION))?;
        Ok(rows)
    }

    async fn read(&mut self) -> Result<Option<Vec<ExportedRegistration>>, SourceError> {
        if self.connection.is_none() {
            return Ok(None);
        }
        let rows = self.fetch().await?;
        let batch = rows.iter().map(|row| self.read_row(row));
        let batch: Vec<_> = batch.collect::<Result<_, _>>()?;
        if let Some(last) = batch.last() {
            let ids = self.last.iter().chain(batch.iter().map(|one| &one.account.crid));
            if !ids.is_sorted_by(|a, b| a < b) {
                return Err(SourceError::new(OPERATION, SourceErrorKind::Corrupt));
            }
            self.last = Some(last.account.crid.clone());
        }
        if rows.len() < self.rows {
            execute(self.connection()?, "COMMIT".to_owned()).await?;
            // It goes back to its pool.
            self.connection = None;
        } else {
            let bytes: usize = rows.iter().map(size_of).sum();
            self.rows = (BATCH_BYTES / (bytes / rows.len()).max(1)).clamp(1, MOST_ROWS);
        }
        let mut batch = batch;
        batch.retain(|one| self.filter.matches(&one.account));
        Ok(Some(batch))
    }

    fn read_row(&self, row: &PgRow) -> Result<ExportedRegistration, SourceError> {
        let account = read_account(row, ACCOUNT, self.pool).map_err(|error| match error {
            RowError::WrongPool => ForeignRowError::Row.to_source_error(OPERATION),
            error => corrupt(error),
        })?;
        let hash = optional_text(row, HASH, "password_hash").map_err(corrupt)?;
        Ok(ExportedRegistration {
            account,
            password_hash: hash.map(PasswordHash::from_stored),
        })
    }

    /// Closes the connection, which ends the transaction: it may be in the middle of an answer, and is not used again.
    fn give_up(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.abandon();
        }
    }
}

#[async_trait]
impl RegistrationExport for PgExport {
    async fn next(&mut self) -> Result<Option<Vec<ExportedRegistration>>, SourceError> {
        let read = timeout(STATEMENT_LIMIT + SERVER_FIRST, self.read()).await;
        let read = read.unwrap_or_else(|_late| Err(late()));
        if read.is_err() {
            self.give_up();
        }
        read
    }
}

impl Drop for PgExport {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// Executes a message of the simple protocol, which a pooler cannot split.
async fn execute(connection: &mut PgConnection, script: String) -> Result<PgQueryResult, SourceError> {
    let executed = sqlx::raw_sql(AssertSqlSafe(script)).execute(connection).await;
    executed.map_err(source_error(OPERATION))
}

/// About how many bytes a row has.
fn size_of(row: &PgRow) -> usize {
    let metadata = optional_text(row, METADATA, "metadata").ok().flatten();
    ROW_BYTES + metadata.map_or(0, str::len)
}

fn late() -> SourceError {
    SourceError::with_cause(
        OPERATION,
        SourceErrorKind::Unavailable,
        "the database did not answer in time",
    )
}

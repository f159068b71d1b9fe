//! Executes lists: a page of the users that meet a filter, sorted, with their total.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    account::Account,
    order::ListCursor,
    query::{CountMode, Position, Total, UserQuery},
    tenant::Tenant,
};
use masthead_ports::source::{AccountPage, CallContext, SourceError, SourceErrorKind};
use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgRow};

use super::{
    budget::SearchBudget,
    limits::matches_no_key,
    statement::{SearchStatement, TotalMode},
    table::Table,
};
use crate::{
    database::PgDatabase,
    query_tag::{ForeignRowError, QueryTag},
    replicas::Reads,
    row::{RowError, is_empty, read_account},
    search_queue::SearchQueue,
    sqlstate::{PgErrorKind, redacted, source_error},
    totals::{PgTotals, PoolTotals, TotalKey, TotalOrigin},
};

const OPERATION: &str = "search";

/// Columns of a row after the query tag: the total, then those of the table.
const TOTAL: usize = 1;
const ACCOUNT: usize = 2;

/// The server's time limit ends this much earlier than the caller's.
const SERVER_FIRST: Duration = Duration::from_millis(100);

/// Answers lists on connections of its own, so that lists never delay look-ups.
pub(crate) struct PgSearch {
    reads: Reads,
    queue: Arc<SearchQueue>,
    totals: Arc<PgTotals>,
    statement_timeout: Duration,
    acquire_timeout: Duration,
    budget: SearchBudget,
}

impl PgSearch {
    pub(crate) fn new(
        reads: Reads,
        queue: Arc<SearchQueue>,
        totals: Arc<PgTotals>,
        statement_timeout: Duration,
        acquire_timeout: Duration,
        scan_budget: Option<u32>,
    ) -> Self {
        Self {
            reads,
            queue,
            totals,
            statement_timeout,
            acquire_timeout,
            budget: scan_budget.map_or(SearchBudget::MEASURED, SearchBudget::uniform),
        }
    }

    pub(crate) async fn page(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        if let Position::After(ListCursor::Opaque(_)) = query.position {
            return Err(SourceError::new(OPERATION, SourceErrorKind::Refused));
        }
        if matches_no_key(&query.filter) {
            let total = (query.count != CountMode::None).then_some(Total::Exact(0));
            return Ok(page(Vec::new(), false, total));
        }
        let found = self.find_rows(cx, query, &Table::Registrations).await?;
        page_of(&found, &cx.tenant, query)
    }

    /// The rows of one page of a table, and one more if more match; the columns are those of [`Table::push_columns`].
    pub(crate) async fn find_rows(
        &self,
        cx: &CallContext,
        query: &UserQuery,
        table: &Table<'_>,
    ) -> Result<SearchRows, SourceError> {
        let on = |database| self.find_rows_on(database, cx, query, table);
        let search = self.reads.read(cx.tenant.pool, on);
        self.queue.run(OPERATION, cx, search).await
    }

    async fn find_rows_on(
        &self,
        database: &PgDatabase,
        cx: &CallContext,
        query: &UserQuery,
        table: &Table<'_>,
    ) -> Result<SearchRows, SourceError> {
        let started = Instant::now();
        let acquired = database
            .acquire_by(cx.deadline.min(started + self.acquire_timeout))
            .await;
        let mut connection = acquired.map_err(source_error(OPERATION))?;
        let until = cx
            .deadline
            .min(Instant::now() + self.statement_timeout + 2 * SERVER_FIRST);
        let querying = self.query_by(&mut connection, &cx.tenant, query, table, until);
        let answer = tokio::time::timeout_at(until.into(), querying).await;
        metrics::histogram!("masthead_search_seconds").record(started.elapsed());
        // The server's own limit is shorter: it is unavailable, and the search is not too broad.
        let late = || {
            SourceError::with_cause(
                OPERATION,
                SourceErrorKind::Unavailable,
                "the database did not answer in time",
            )
        };
        let answer = answer.unwrap_or_else(|_late| Err(late()));
        if answer
            .as_ref()
            .is_err_and(|error| error.kind == SourceErrorKind::Unavailable)
        {
            // The connection may be in the middle of an answer: it is not used again.
            drop(connection.detach());
        }
        answer
    }

    async fn query_by(
        &self,
        connection: &mut PgConnection,
        tenant: &Tenant,
        query: &UserQuery,
        table: &Table<'_>,
        until: Instant,
    ) -> Result<SearchRows, SourceError> {
        // The server must time out first: its error distinguishes a search that is too broad from an unavailable server.
        let left = until
            .saturating_duration_since(Instant::now())
            .saturating_sub(SERVER_FIRST);
        if !self.reads.connector().is_pooled() && left >= self.statement_timeout {
            return self.query_within(connection, tenant, query, table).await;
        }
        let allowed = left.min(self.statement_timeout).as_millis().max(1);
        let settings = format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = {allowed}; SET LOCAL jit = off; \
             SET LOCAL max_parallel_workers_per_gather = 0"
        );
        let connector = self.reads.connector();
        let begun = connection.begin_with(sqlx::AssertSqlSafe(settings)).await;
        let begun = begun.map_err(|error| connector.explained(error));
        let mut transaction = begun.map_err(source_error(OPERATION))?;
        let found = self.query_within(&mut transaction, tenant, query, table).await;
        let ended = transaction.rollback().await;
        let found = found?;
        ended.map_err(source_error(OPERATION))?;
        Ok(found)
    }

    async fn query_within(
        &self,
        connection: &mut PgConnection,
        tenant: &Tenant,
        query: &UserQuery,
        table: &Table<'_>,
    ) -> Result<SearchRows, SourceError> {
        let is_federated = tenant.settings.is_federated();
        let mut statement = SearchStatement::new(table, tenant.pool, is_federated, query, self.budget);
        match query.count {
            CountMode::None => self.run(connection, &statement, TotalMode::Unwanted).await,
            CountMode::Estimate => {
                let mut found = self.run(connection, &statement, TotalMode::OfPage).await?;
                if found.total.is_none() {
                    found.total = Some(estimate(connection, &statement).await?);
                }
                Ok(found)
            }
            CountMode::Exact => {
                let key = self
                    .totals
                    .key(table.totals(), tenant.pool, &query.filter, is_federated);
                if statement.maintained_total().is_some() || self.totals.has_remembered(&key) {
                    let mut found = self.run(connection, &statement, TotalMode::Maintained).await?;
                    let totals = self.pool_totals(&found, tenant)?;
                    if found.total.is_none() {
                        found.total = self.known_total(&statement, &key, &totals).map(Total::Exact);
                    }
                    if found.total.is_some() {
                        return Ok(found);
                    }
                    statement.tag = QueryTag::new();
                }
                let found = self.run(connection, &statement, TotalMode::Counted).await?;
                if let Some(Total::Exact(total)) = found.total {
                    let totals = self.pool_totals(&found, tenant)?;
                    self.totals.remember(key, totals.version, total);
                    TotalOrigin::Counted.record();
                }
                Ok(found)
            }
        }
    }

    async fn run(
        &self,
        connection: &mut PgConnection,
        statement: &SearchStatement<'_>,
        total: TotalMode,
    ) -> Result<SearchRows, SourceError> {
        let mut sql = statement.build(total);
        // Unnamed, so that each plan is made for these values.
        let rows = sql
            .build()
            .persistent(false)
            .fetch_all(connection)
            .await
            .map_err(broad)?;
        statement
            .tag
            .verify(&rows)
            .map_err(|foreign| foreign.to_source_error(OPERATION))?;
        let total = total_of(&rows)?;
        Ok(SearchRows { rows, total })
    }

    /// The total that needs no counting in this snapshot.
    fn known_total(&self, statement: &SearchStatement<'_>, key: &TotalKey, totals: &PoolTotals) -> Option<u64> {
        if let Some(total) = statement.maintained_total() {
            TotalOrigin::Maintained.record();
            return Some(total(totals));
        }
        let total = self.totals.remembered(key, totals.version)?;
        TotalOrigin::Remembered.record();
        Some(total)
    }

    fn pool_totals(&self, found: &SearchRows, tenant: &Tenant) -> Result<PoolTotals, SourceError> {
        let first = found
            .rows
            .first()
            .ok_or_else(|| ForeignRowError::Missing.to_source_error(OPERATION))?;
        self.totals
            .read_row(first, tenant.pool)
            .map_err(source_error(OPERATION))
    }
}

/// The planner's estimate of the total.
async fn estimate(connection: &mut PgConnection, statement: &SearchStatement<'_>) -> Result<Total, SourceError> {
    let mut sql = statement.build_estimate();
    let query = sql.build().persistent(false);
    let row = query.fetch_one(connection).await.map_err(broad)?;
    Ok(Total::Estimate(planned_rows(&row, statement.tag)?))
}

/// The rows of a list: at least one, whose first columns are the query tag and the total; it has no user if the page is
/// empty.
pub(crate) struct SearchRows {
    pub(crate) rows: Vec<PgRow>,
    pub(crate) total: Option<Total>,
}

/// Here a time-out means that the search is too broad.
fn broad(error: sqlx::Error) -> SourceError {
    let kind = match PgErrorKind::from_error(&error) {
        PgErrorKind::Cancelled => SourceErrorKind::TooBroad,
        failure => failure.kind(),
    };
    SourceError::with_cause(OPERATION, kind, redacted(error))
}

pub(crate) fn corrupt(bad: RowError) -> SourceError {
    tracing::error!(reason = %bad, "a row was rejected");
    SourceError::with_cause(OPERATION, SourceErrorKind::Corrupt, bad)
}

fn total_of(rows: &[PgRow]) -> Result<Option<Total>, SourceError> {
    let first = rows
        .first()
        .ok_or_else(|| ForeignRowError::Missing.to_source_error(OPERATION))?;
    let total: Option<i64> = first.try_get(TOTAL).map_err(source_error(OPERATION))?;
    let total = total
        .map(u64::try_from)
        .transpose()
        .map_err(|error| SourceError::with_cause(OPERATION, SourceErrorKind::Corrupt, error))?;
    Ok(total.map(Total::Exact))
}

fn page_of(found: &SearchRows, tenant: &Tenant, query: &UserQuery) -> Result<AccountPage, SourceError> {
    let mut accounts: Vec<Account> = found
        .rows
        .iter()
        .filter(|row| !is_empty(row, ACCOUNT))
        .map(|row| read_account(row, ACCOUNT, tenant.pool))
        .collect::<Result<_, _>>()
        .map_err(corrupt)?;
    let size = usize::from(query.size);
    let more = accounts.len() > size;
    accounts.truncate(size);
    // Different metadata pairs may collide in one search term.
    accounts.retain(|account| query.filter.matches(account));
    Ok(page(accounts, more, found.total))
}

const fn page(accounts: Vec<Account>, more: bool, total: Option<Total>) -> AccountPage {
    AccountPage {
        accounts,
        more,
        total,
        cursor: None,
        truncated: false,
        unreadable: false,
    }
}

/// The number of rows that the planner expects: the first `Plan Rows` in its JSON is that of the whole statement.
fn planned_rows(row: &PgRow, tag: QueryTag) -> Result<u64, SourceError> {
    let unreadable = || SourceError::with_cause(OPERATION, SourceErrorKind::Corrupt, "the plan cannot be read");
    let text = row.try_get_raw(0).map_err(source_error(OPERATION))?;
    let text = text.as_str().map_err(|_| unreadable())?;
    if !text.contains(&tag.number().to_string()) {
        return Err(ForeignRowError::Row.to_source_error(OPERATION));
    }
    let plan: serde_json::Value = serde_json::from_str(text).map_err(|_| unreadable())?;
    plan.pointer("/0/Plan/Plan Rows")
        .and_then(serde_json::Value::as_f64)
        .map(|rows| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a row count, rounded"
            )]
            let rows = rows.max(0.0).round() as u64;
            rows
        })
        .ok_or_else(unreadable)
}

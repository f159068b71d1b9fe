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
use sqlx::{Connection as _, PgConnection};

use super::{
    budget::SearchBudget,
    column_samples::ColumnSamples,
    execution::{OPERATION, Search, SearchMeans, SearchRows},
    limits::matches_no_key,
    statement::SearchStatement,
    steps::FirstSteps,
    table::Table,
};
use crate::{
    database::PgDatabase,
    replicas::Reads,
    row::{RowError, is_empty, read_account},
    search_queue::SearchQueue,
    slow_statements::StatementTimer,
    sqlstate::source_error,
    totals::PgTotals,
    trace::traced,
};

/// The first column of the table, after the query tag and the total.
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
    of_registrations: ColumnSamples,
    of_mirror: ColumnSamples,
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
            of_registrations: ColumnSamples::default(),
            of_mirror: ColumnSamples::default(),
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
        traced(OPERATION, self.queue.run(OPERATION, cx, search)).await
    }

    async fn find_rows_on(
        &self,
        database: &PgDatabase,
        cx: &CallContext,
        query: &UserQuery,
        table: &Table<'_>,
    ) -> Result<SearchRows, SourceError> {
        let find = || self.find_rows_once(database, cx, query, table);
        database.read(find).await
    }

    async fn find_rows_once(
        &self,
        database: &PgDatabase,
        cx: &CallContext,
        query: &UserQuery,
        table: &Table<'_>,
    ) -> Result<SearchRows, SourceError> {
        let (started, timer) = (Instant::now(), StatementTimer::start());
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
        timer.stop(|| OPERATION.to_owned());
        // The server's own limit is shorter: it is unavailable, and the search is not too broad.
        let late = || {
            SourceError::with_cause(
                OPERATION,
                SourceErrorKind::Unavailable,
                "the database did not answer in time",
            )
        };
        let answer = answer.unwrap_or_else(|_late| Err(late()));
        match &answer {
            Ok(_) => database.keep(connection),
            // It may be in the middle of an answer: it is not used again.
            Err(error) if error.kind == SourceErrorKind::Unavailable => connection.abandon(),
            Err(_) => {}
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
        let is_federated = tenant.settings.is_federated();
        let mut search = Search {
            statement: SearchStatement::new(table, tenant.pool, is_federated, query),
            connection,
            is_named: !self.reads.connector().is_pooled(),
            means: SearchMeans {
                budget: self.budget,
                totals: &self.totals,
                samples: match table {
                    Table::Registrations => &self.of_registrations,
                    Table::Mirror { .. } => &self.of_mirror,
                },
            },
            key: self
                .totals
                .key(table.totals(), tenant.pool, &query.filter, is_federated),
        };
        // The server must time out first: its error distinguishes a search that is too broad from an unavailable server.
        let left = until
            .saturating_duration_since(Instant::now())
            .saturating_sub(SERVER_FIRST);
        let has_session_settings = search.is_named && left >= self.statement_timeout;
        let (mut first, mut limits) = (None, String::new());
        if has_session_settings {
            if let Some(page) = search.find_at_once().await? {
                return search.add_estimate(page).await;
            }
            if search.statement.has_fixed_plans() {
                match search.scan_first().await? {
                    FirstSteps::Page(page) => return search.add_estimate(page).await,
                    entries @ FirstSteps::Entries { .. } => first = Some(entries),
                }
            }
        } else {
            let allowed = left.min(self.statement_timeout).as_millis().max(1);
            limits = format!(
                "; SET LOCAL statement_timeout = {allowed}; SET LOCAL jit = off; \
                 SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL enable_seqscan = off"
            );
        }
        let settings = format!("BEGIN READ ONLY; SET LOCAL plan_cache_mode = force_custom_plan{limits}");
        let connector = self.reads.connector();
        let begun = search.connection.begin_with(sqlx::AssertSqlSafe(settings)).await;
        let begun = begun.map_err(|error| connector.explained(error));
        let mut transaction = begun.map_err(source_error(OPERATION))?;
        let mut search = Search {
            connection: &mut transaction,
            ..search
        };
        let found = search.find(first, !has_session_settings).await;
        let ended = transaction.rollback().await;
        let found = found?;
        ended.map_err(source_error(OPERATION))?;
        Ok(found)
    }
}

pub(crate) fn corrupt(bad: RowError) -> SourceError {
    tracing::error!(reason = %bad, "a row was rejected");
    SourceError::with_cause(OPERATION, SourceErrorKind::Corrupt, bad)
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

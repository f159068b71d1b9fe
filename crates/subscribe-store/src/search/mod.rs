//! Lists: a page of the registrations that meet a filter, in order, with their number.

mod budget;
mod condition;
mod count;
mod gather;
mod order;
mod statement;
mod table;

use std::time::{Duration, Instant};

use budget::Budget;
use masthead_domain::{
    account::Account,
    order::ListCursor,
    query::{CountMode, EmailFilter, Position, Total, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_ports::source::{AccountPage, CallContext, SourceError, SourceErrorKind};
use sqlx::{Connection as _, PgConnection, Postgres, Row as _, pool::PoolConnection, postgres::PgRow};
use statement::Statement;
pub(crate) use table::Table;

use crate::{
    database::Database,
    question::{Foreign, Question},
    row::{BadRow, account_of, is_empty},
    sqlstate::{Failure, redacted, silence},
};

const OPERATION: &str = "search";

/// Where the columns of a row are, after the question's number: the total, and the table's own.
const TOTAL: usize = 1;
const ACCOUNT: usize = 2;

/// How much sooner than we the server gives a statement up.
const SERVER_FIRST: Duration = Duration::from_millis(100);

/// The longest text that any stored key can have, in bytes: a longer needle matches nobody.
const LONGEST_KEY: usize = 1000;

/// Answers lists on connections of its own, so that they never hold up a look-up.
pub(crate) struct PgSearch {
    database: Database,
    statement_timeout: Duration,
    acquire_timeout: Duration,
    budget: Budget,
}

impl PgSearch {
    pub(crate) fn new(
        database: Database,
        statement_timeout: Duration,
        acquire_timeout: Duration,
        walk: Option<u32>,
    ) -> Self {
        Self {
            database,
            statement_timeout,
            acquire_timeout,
            budget: walk.map_or(Budget::MEASURED, Budget::of),
        }
    }

    /// One page of the registrations, in as many statements whatever its size.
    pub(crate) async fn page(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        if let Position::After(ListCursor::Opaque(_)) = query.position {
            return Err(SourceError::new(OPERATION, SourceErrorKind::Refused));
        }
        if matches_nobody(&query.filter) {
            return Ok(AccountPage {
                accounts: Vec::new(),
                more: false,
                total: (query.count != CountMode::None).then_some(Total::Exact(0)),
                mark: None,
                truncated: false,
                unreadable: false,
            });
        }
        let found = self.found(cx, query, &Table::Registrations).await?;
        page_of(&found, &cx.tenant, query)
    }

    /// The rows of one page of a table, and one more where more match; the columns are [`Table::push_columns`]'s.
    pub(crate) async fn found(
        &self,
        cx: &CallContext,
        query: &UserQuery,
        table: &Table<'_>,
    ) -> Result<Found, SourceError> {
        let started = Instant::now();
        let mut connection = self.acquire(cx.deadline).await?;
        let until = cx
            .deadline
            .min(Instant::now() + self.statement_timeout + 2 * SERVER_FIRST);
        let asked = self.ask(&mut connection, &cx.tenant, query, table, until);
        let answer = tokio::time::timeout_at(until.into(), asked).await;
        metrics::histogram!("masthead_search_seconds").record(started.elapsed());
        match answer {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => {
                if error.kind == SourceErrorKind::Unavailable {
                    drop(connection.detach());
                }
                Err(error)
            }
            Err(_late) => {
                // The server ends a statement before that, so this is its silence, not the search's breadth; and half a
                // conversation is of no use to anybody.
                drop(connection.detach());
                Err(SourceError::with_cause(
                    OPERATION,
                    SourceErrorKind::Unavailable,
                    "no answer in time",
                ))
            }
        }
    }

    async fn acquire(&self, deadline: Instant) -> Result<PoolConnection<Postgres>, SourceError> {
        let until = deadline.min(Instant::now() + self.acquire_timeout);
        self.database.acquire_by(until).await.map_err(silence(OPERATION))
    }

    async fn ask(
        &self,
        connection: &mut PgConnection,
        tenant: &Tenant,
        query: &UserQuery,
        table: &Table<'_>,
        until: Instant,
    ) -> Result<Found, SourceError> {
        // The server must give up first, so that a search that is too broad is told from a server that is silent.
        let left = until
            .saturating_duration_since(Instant::now())
            .saturating_sub(SERVER_FIRST);
        if !self.database.connector().is_pooled() && left >= self.statement_timeout {
            return self.ask_within(connection, tenant, query, table).await;
        }
        let allowed = left.min(self.statement_timeout).as_millis().max(1);
        let settings = format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = {allowed}; SET LOCAL jit = off; \
             SET LOCAL max_parallel_workers_per_gather = 0"
        );
        let connector = self.database.connector();
        let begun = connection.begin_with(sqlx::AssertSqlSafe(settings)).await;
        let begun = begun.map_err(|error| connector.explained(error));
        let mut transaction = begun.map_err(silence(OPERATION))?;
        let found = self.ask_within(&mut transaction, tenant, query, table).await;
        let ended = transaction.rollback().await;
        let found = found?;
        ended.map_err(silence(OPERATION))?;
        Ok(found)
    }

    async fn ask_within(
        &self,
        connection: &mut PgConnection,
        tenant: &Tenant,
        query: &UserQuery,
        table: &Table<'_>,
    ) -> Result<Found, SourceError> {
        let statement = Statement::new(table, tenant.pool, tenant.settings.is_federated(), query, self.budget);
        let mut sql = statement.build();
        // Unnamed, so that the plan is always made for these very values.
        let rows = sql
            .build()
            .persistent(false)
            .fetch_all(&mut *connection)
            .await
            .map_err(broad)?;
        statement.question.verify(&rows).map_err(refused)?;
        let mut total = total_of(&rows)?;
        if query.count == CountMode::Estimate && total.is_none() {
            let mut sql = statement.build_estimate();
            let row = sql
                .build()
                .persistent(false)
                .fetch_one(connection)
                .await
                .map_err(broad)?;
            total = Some(Total::Estimate(planned_rows(&row, statement.question)?));
        }
        Ok(Found { rows, total })
    }
}

/// What a list's statement found: at least one row, whose first columns are the question's number and the total; it is empty
/// but for them where the page has no user.
pub(crate) struct Found {
    pub(crate) rows: Vec<PgRow>,
    pub(crate) total: Option<Total>,
}

/// Whether a text is looked for that no key can hold.
pub(crate) fn matches_nobody(filter: &UserFilter) -> bool {
    let impossible = |text: &str| text.len() > LONGEST_KEY || text.contains('\0');
    filter.emails.iter().any(|email| match email {
        EmailFilter::Exact(key) => key.as_str().is_empty() || impossible(key.as_str()),
        EmailFilter::Prefix(needle) | EmailFilter::Contains(needle) => impossible(needle.as_str()),
    }) || [&filter.first_name, &filter.last_name]
        .into_iter()
        .flatten()
        .any(|prefix| impossible(prefix.as_str()))
}

/// A time-out is the search's own doing here; everything else is silence.
fn broad(error: sqlx::Error) -> SourceError {
    let kind = match Failure::of(&error) {
        Failure::Cancelled => SourceErrorKind::TooBroad,
        failure => failure.kind(),
    };
    SourceError::with_cause(OPERATION, kind, redacted(error))
}

fn refused(foreign: Foreign) -> SourceError {
    foreign.silence(OPERATION)
}

pub(crate) fn corrupt(bad: BadRow) -> SourceError {
    tracing::error!(reason = %bad, "a row was refused");
    SourceError::with_cause(OPERATION, SourceErrorKind::Corrupt, bad)
}

fn total_of(rows: &[PgRow]) -> Result<Option<Total>, SourceError> {
    let first = rows.first().ok_or_else(|| refused(Foreign::Missing))?;
    let total: Option<i64> = first.try_get(TOTAL).map_err(silence(OPERATION))?;
    let total = total
        .map(u64::try_from)
        .transpose()
        .map_err(|error| SourceError::with_cause(OPERATION, SourceErrorKind::Corrupt, error))?;
    Ok(total.map(Total::Exact))
}

fn page_of(found: &Found, tenant: &Tenant, query: &UserQuery) -> Result<AccountPage, SourceError> {
    let mut accounts: Vec<Account> = found
        .rows
        .iter()
        .filter(|row| !is_empty(row, ACCOUNT))
        .map(|row| account_of(row, ACCOUNT, tenant.pool))
        .collect::<Result<_, _>>()
        .map_err(corrupt)?;
    let size = usize::from(query.size);
    let more = accounts.len() > size;
    accounts.truncate(size);
    // Two pairs of metadata may share a token, if somebody took pains to make them.
    accounts.retain(|account| query.filter.matches(account));
    Ok(AccountPage {
        accounts,
        more,
        total: found.total,
        mark: None,
        truncated: false,
        unreadable: false,
    })
}

/// The number of rows that the planner expects: the first `Plan Rows` of its JSON is the whole statement's.
fn planned_rows(row: &PgRow, question: Question) -> Result<u64, SourceError> {
    let unreadable = || SourceError::with_cause(OPERATION, SourceErrorKind::Corrupt, "the plan cannot be read");
    let text = row.try_get_raw(0).map_err(silence(OPERATION))?;
    let text = text.as_str().map_err(|_| unreadable())?;
    if !text.contains(&question.number().to_string()) {
        return Err(refused(Foreign::Row));
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

//! Executing one step of a search, and reading the total and the size of the pool from its result.

use futures_util::TryStreamExt as _;
use masthead_domain::query::{CountMode, Total};
use masthead_ports::source::{SourceError, SourceErrorKind};
use sqlx::{Executor as _, PgConnection, Postgres, QueryBuilder, Row as _, postgres::PgRow};

use super::{
    budget::SearchBudget,
    column_samples::ColumnSamples,
    statement::{SearchStatement, SearchStep, TotalMode},
};
use crate::{
    query_tag::{ForeignRowError, QueryTag},
    sqlstate::{PgErrorKind, redacted, source_error},
    totals::{PgTotals, PoolTotals, TotalKey, TotalOrigin},
};

pub(super) const OPERATION: &str = "search";

/// One search: its statement, and where it runs.
pub(super) struct Search<'a> {
    pub(super) statement: SearchStatement<'a>,
    pub(super) connection: &'a mut PgConnection,
    /// Whether statements are prepared under a name, which saves their parsing the next time. Through a pooler they have none.
    pub(super) is_named: bool,
    pub(super) means: SearchMeans<'a>,
    pub(super) key: TotalKey,
}

/// What searches share.
#[derive(Clone, Copy)]
pub(super) struct SearchMeans<'a> {
    pub(super) budget: SearchBudget,
    pub(super) totals: &'a PgTotals,
    pub(super) samples: &'a ColumnSamples,
}

impl Search<'_> {
    /// What each statement has of the total at least: the totals of the pool where they are the answer, or decide whether a
    /// remembered total is still right.
    pub(super) fn least_total(&self) -> TotalMode {
        let is_known =
            || self.statement.maintained_total().is_some() || self.means.totals.last_total(&self.key).is_some();
        if self.statement.query.count == CountMode::Exact && is_known() {
            TotalMode::Maintained
        } else {
            TotalMode::Unwanted
        }
    }

    /// The page of this step, with its total.
    pub(super) async fn finish(&mut self, step: SearchStep<'_>) -> Result<SearchRows, SourceError> {
        let total = if matches!(step, SearchStep::Scan { .. }) {
            self.total_of_scan()
        } else {
            // A gathering knows its total.
            self.least_total()
        };
        let found = self.run(step, total).await?;
        self.with_total(step, found).await
    }

    /// What a statement has of the total that does not see all matches: it is counted at once, unless it may be remembered.
    fn total_of_scan(&self) -> TotalMode {
        match self.least_total() {
            TotalMode::Unwanted if self.statement.query.count == CountMode::Exact => TotalMode::Counted,
            least => least,
        }
    }

    /// The page in the order's index, where all entries match. The first part of the order usually has the whole page.
    pub(super) async fn read_in_order(&mut self) -> Result<SearchRows, SourceError> {
        let (step, whole, total) = (
            SearchStep::ReadInOrder,
            SearchStep::Scan { most: None },
            self.total_of_scan(),
        );
        let tag = QueryTag::new();
        let mut sql = self.statement.build(step, total, tag);
        let rows = self.rows_or_none(&mut sql, tag).await?;
        let is_last = self.statement.parts().len() == 1 && !rows.is_empty();
        if !is_last && i64::try_from(rows.len()).is_ok_and(|found| found < self.statement.rows()) {
            return self.finish(whole).await;
        }
        let found = self.result_of(step, total, rows)?;
        self.with_total(whole, found).await
    }

    /// Adds the total to what a step has found; if it is unknown, in a second statement with the same page.
    pub(super) async fn with_total(
        &mut self,
        step: SearchStep<'_>,
        mut found: StepResult,
    ) -> Result<SearchRows, SourceError> {
        if self.statement.query.count != CountMode::Exact {
            return Ok(found.rows);
        }
        let known = || self.known_total(found.totals.as_ref()?);
        let (total, origin) = match (found.rows.total, known()) {
            (None, None) => {
                found = self.run(step, TotalMode::Counted).await?;
                (found.rows.total, TotalOrigin::Counted)
            }
            (None, Some((total, origin))) => (Some(Total::Exact(total)), origin),
            (total, _) => (total, TotalOrigin::Counted),
        };
        origin.record();
        if let (TotalOrigin::Counted, Some(Total::Exact(total)), Some(totals)) = (origin, total, &found.totals) {
            self.means.totals.remember(self.key, totals.version, total);
        }
        found.rows.total = total;
        Ok(found.rows)
    }

    /// The total, if the totals of the pool have it, or if it was counted when they were the same.
    fn known_total(&self, totals: &PoolTotals) -> Option<(u64, TotalOrigin)> {
        if let Some(total) = self.statement.maintained_total() {
            return Some((total(totals), TotalOrigin::Maintained));
        }
        let remembered = self.means.totals.remembered(&self.key, totals.version);
        remembered.map(|total| (total, TotalOrigin::Remembered))
    }

    pub(super) async fn run(&mut self, step: SearchStep<'_>, mode: TotalMode) -> Result<StepResult, SourceError> {
        if !matches!(step, SearchStep::Scan { .. } | SearchStep::CountedScan { .. }) {
            self.statement.order.clear_head();
        }
        let tag = QueryTag::new();
        let mut sql = self.statement.build(step, mode, tag);
        let rows = self.rows(&mut sql, tag).await?;
        self.result_of(step, mode, rows)
    }

    fn result_of(&self, step: SearchStep<'_>, mode: TotalMode, rows: Vec<PgRow>) -> Result<StepResult, SourceError> {
        let (statement, first) = (&self.statement, &rows[0]);
        let number = |column: &str, is_there: bool| -> Result<Option<i64>, SourceError> {
            let number = is_there.then(|| first.try_get_unchecked(column));
            number.transpose().map_err(source_error(OPERATION))
        };
        let counted = number("total", mode == TotalMode::Counted)?;
        let scanned = number("scanned", step.counts_entries())?;
        let matched = number("matched", step.counts_matches())?;
        let is_whole = match step {
            SearchStep::CountedScan { entries } => {
                scanned.is_some_and(|scanned| scanned < entries) && statement.is_by_number()
            }
            SearchStep::WholeScan | SearchStep::Gather | SearchStep::GatherMany => true,
            SearchStep::GatherFew { most } | SearchStep::Sample { most, .. } => {
                matched.is_some_and(|matched| matched <= most)
            }
            SearchStep::ReadInOrder | SearchStep::Scan { .. } | SearchStep::GatherUpTo(_) => false,
        };
        let is_wanted = is_whole && statement.query.count != CountMode::None;
        let total = counted.or(matched.filter(|_| is_wanted));
        let total = total
            .map(u64::try_from)
            .transpose()
            .map_err(|error| SourceError::with_cause(OPERATION, SourceErrorKind::Corrupt, error))?;
        let totals = (mode != TotalMode::Unwanted)
            .then(|| {
                self.means
                    .totals
                    .read_row(first, statement.table.totals(), statement.pool)
            })
            .transpose()
            .map_err(source_error(OPERATION))?;
        Ok(StepResult {
            rows: SearchRows {
                total: total.map(Total::Exact),
                is_empty: statement.table.is_empty_row(first),
                rows,
            },
            scanned,
            matched,
            totals,
        })
    }

    /// How many users the pool has, or had a moment ago.
    pub(super) async fn size_of_pool(&mut self) -> Result<u64, SourceError> {
        let (source, pool) = (self.statement.table.totals(), self.statement.pool);
        if let Some(size) = self.means.totals.last_size(source, pool) {
            return Ok(size);
        }
        let tag = QueryTag::new();
        let mut sql = self.statement.build_totals(tag);
        let rows = self.rows(&mut sql, tag).await?;
        let totals = self.means.totals.read_row(&rows[0], source, pool);
        totals.map(|totals| totals.all()).map_err(source_error(OPERATION))
    }

    /// The rows of a statement, at least one.
    pub(super) async fn rows(
        &mut self,
        sql: &mut QueryBuilder<Postgres>,
        tag: QueryTag,
    ) -> Result<Vec<PgRow>, SourceError> {
        let rows = self.rows_or_none(sql, tag).await?;
        let has_any = rows.first().map(drop).ok_or(ForeignRowError::Missing);
        has_any.map_err(|foreign| foreign.to_source_error(OPERATION))?;
        Ok(rows)
    }

    async fn rows_or_none(
        &mut self,
        sql: &mut QueryBuilder<Postgres>,
        tag: QueryTag,
    ) -> Result<Vec<PgRow>, SourceError> {
        let query = sql.build().persistent(self.is_named);
        // As `fetch_all`, with two layers of streams less per row.
        let mut answers = (&mut *self.connection).fetch_many(query);
        let mut rows = Vec::new();
        while let Some(answer) = answers.try_next().await.map_err(broad)? {
            rows.extend(answer.right());
        }
        drop(answers);
        let verified = tag.verify(&rows);
        verified.map_err(|foreign| foreign.to_source_error(OPERATION))?;
        Ok(rows)
    }

    /// How many matches the planner expects.
    pub(super) async fn expected(&mut self) -> Result<i64, SourceError> {
        let tag = QueryTag::new();
        let mut sql = self.statement.build_estimate(tag);
        let query = sql.build().persistent(false);
        let row = query.fetch_one(&mut *self.connection).await.map_err(broad)?;
        planned_rows(&row, tag)
    }
}

/// What one statement has found.
pub(super) struct StepResult {
    pub(super) rows: SearchRows,
    /// How many entries a counted scan has read.
    pub(super) scanned: Option<i64>,
    /// How many matches were among what was read.
    pub(super) matched: Option<i64>,
    totals: Option<PoolTotals>,
}

/// The rows of a list: at least one, whose first columns are the query tag and the total; it has no user if the page is
/// empty.
pub(crate) struct SearchRows {
    pub(crate) rows: Vec<PgRow>,
    pub(crate) total: Option<Total>,
    pub(super) is_empty: bool,
}

impl SearchRows {
    /// Whether there are so many users.
    pub(super) fn is_full(&self, rows: i64) -> bool {
        !self.is_empty && i64::try_from(self.rows.len()).is_ok_and(|found| found >= rows)
    }
}

/// Here a time-out means that the search is too broad.
pub(super) fn broad(error: sqlx::Error) -> SourceError {
    let kind = match PgErrorKind::from_error(&error) {
        PgErrorKind::Cancelled => SourceErrorKind::TooBroad,
        failure => failure.kind(),
    };
    SourceError::with_cause(OPERATION, kind, redacted(error))
}

/// The number of rows that the planner expects: the first `Plan Rows` in its JSON is that of the whole statement.
fn planned_rows(row: &PgRow, tag: QueryTag) -> Result<i64, SourceError> {
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
            #[expect(clippy::cast_possible_truncation, reason = "a row count, rounded")]
            let rows = rows.max(0.0).round() as i64;
            rows
        })
        .ok_or_else(unreadable)
}

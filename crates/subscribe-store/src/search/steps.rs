//! The steps of a search: each is one statement, and what it finds decides the next (ADR 0117).

use masthead_domain::query::{CountMode, Total};
use masthead_ports::source::{SourceError, SourceErrorKind};
use sqlx::{PgConnection, Row as _, postgres::PgRow};

use super::{
    budget::SearchBudget,
    sort_order::SortBound,
    statement::{SearchStatement, SearchStep, TotalMode},
};
use crate::{
    query_tag::{ForeignRowError, QueryTag},
    sqlstate::{PgErrorKind, redacted, source_error},
    totals::{PgTotals, PoolTotals, TotalKey, TotalOrigin},
};

pub(super) const OPERATION: &str = "search";

/// The bound is at least this row of the sample, so that seldom less than a page comes before it.
const NEAREST_BOUND: i64 = 4;

/// Limits of entries are divided by this where the entries of one name are picked out of the order by id.
const HEAD_SHARE: i64 = 8;

/// One search: its statement, and where it runs.
pub(super) struct Search<'a> {
    pub(super) statement: SearchStatement<'a>,
    pub(super) connection: &'a mut PgConnection,
    pub(super) budget: SearchBudget,
    pub(super) totals: &'a PgTotals,
    pub(super) key: TotalKey,
}

impl Search<'_> {
    /// The page, with its total as wanted.
    pub(super) async fn find(&mut self) -> Result<SearchRows, SourceError> {
        let mut found = self.find_page().await?;
        if self.statement.query.count == CountMode::Estimate && found.total.is_none() {
            found.total = Some(Total::Estimate(self.expected().await?.unsigned_abs()));
        }
        Ok(found)
    }

    /// The page by the cheapest step that finds it.
    async fn find_page(&mut self) -> Result<SearchRows, SourceError> {
        if self.statement.is_exact() {
            return self.finish(SearchStep::Gather).await;
        }
        if self.statement.has_head() {
            self.find_head().await?;
        }
        if self.statement.is_scan_enough() {
            return self.finish(SearchStep::Scan { most: None }).await;
        }
        let (rows, in_index) = (self.statement.rows(), self.statement.is_scan_in_index());
        let first = if in_index {
            self.budget.first
        } else {
            self.budget.first_rows
        };
        let entries = self.share_of_head(first.of_page(rows));
        let step = SearchStep::CountedScan { entries };
        let found = self.run(step, self.least_total()).await?;
        if found.scanned.is_some_and(|scanned| scanned < entries) || found.rows.is_full(rows) {
            return self.with_total(step, found).await;
        }
        let matched = found.matched.unwrap_or_default();
        if in_index && matched > 0 || !self.statement.can_gather() {
            return self.finish(SearchStep::Scan { most: None }).await;
        }
        if !in_index {
            let most = self.share_of_head(self.budget.long_rows.of_page(rows));
            if matched.saturating_mul(most) / entries >= self.statement.wanted() {
                let scanned = self.finish(SearchStep::Scan { most: Some(most) }).await?;
                if scanned.is_full(rows) {
                    return Ok(scanned);
                }
            }
        }
        self.gather(in_index).await
    }

    /// The page by gathering all matches or those up to a bound, if the order's index is not read on at less cost.
    async fn gather(&mut self, in_index: bool) -> Result<SearchRows, SourceError> {
        let (rows, wanted, expected) = (self.statement.rows(), self.statement.wanted(), self.expected().await?);
        let is_rare = expected <= self.budget.few;
        if in_index && !is_rare {
            return self.finish(SearchStep::Scan { most: None }).await;
        }
        let most = if is_rare {
            self.budget.gathered
        } else {
            self.budget.sample
        }
        .of_page(rows);
        let all = if is_rare {
            SearchStep::Gather
        } else {
            SearchStep::GatherMany
        };
        if wanted > most {
            return self.finish(all).await;
        }
        // The expected number is often too low, seldom too high.
        let bound = (2 * wanted * most / expected.max(1))
            .max(NEAREST_BOUND)
            .min(1 + most / 5);
        let step = SearchStep::Sample { most, bound };
        let found = self.run(step, self.least_total()).await?;
        if found.matched.is_some_and(|matched| matched <= most) {
            return self.with_total(step, found).await;
        }
        if in_index || (!is_rare && self.statement.is_scan_joined()) {
            return self.finish(SearchStep::Scan { most: None }).await;
        }
        if !is_rare && let Some(bound) = self.read_bound(&found.rows)? {
            let step = SearchStep::GatherUpTo(&bound);
            let found = self.run(step, self.least_total()).await?;
            if found.rows.is_full(rows) {
                return self.with_total(step, found).await;
            }
        }
        self.finish(all).await
    }

    /// The bound that a sample has found.
    fn read_bound(&self, found: &SearchRows) -> Result<Option<SortBound>, SourceError> {
        let Some(row) = found
            .rows
            .first()
            .filter(|_| !found.is_empty && self.statement.can_bound())
        else {
            return Ok(None);
        };
        let failed = source_error(OPERATION);
        let part: i32 = row.try_get_unchecked("bound_part").map_err(&failed)?;
        // Rows without a value come after all others.
        if part != 0 {
            return Ok(None);
        }
        Ok(Some(SortBound {
            value: row.try_get_unchecked("bound_value").map_err(&failed)?,
            crid: row.try_get_unchecked("bound_crid").map_err(&failed)?,
        }))
    }

    /// A limit of entries; each entry of a head is found among many others.
    const fn share_of_head(&self, entries: i64) -> i64 {
        if self.statement.order.has_head() {
            1 + entries / HEAD_SHARE
        } else {
            entries
        }
    }

    /// Finds whether the list begins with more users of one name than are sorted at once.
    async fn find_head(&mut self) -> Result<(), SourceError> {
        let most = if self.statement.is_scan_enough() {
            self.budget.sorted_names
        } else {
            self.budget.sorted_names_filtered
        };
        let tag = QueryTag::new();
        let mut sql = self.statement.build_head(most + 1, tag);
        let query = sql.build().persistent(false);
        let rows = query.fetch_all(&mut *self.connection).await.map_err(broad)?;
        tag.verify(&rows)
            .map_err(|foreign| foreign.to_source_error(OPERATION))?;
        let row = rows
            .first()
            .ok_or_else(|| ForeignRowError::Missing.to_source_error(OPERATION))?;
        let value: Option<String> = row.try_get_unchecked("value").map_err(source_error(OPERATION))?;
        let users: i64 = row.try_get_unchecked("users").map_err(source_error(OPERATION))?;
        if let Some(value) = value.filter(|_| users > most) {
            self.statement.order.set_head(value);
        }
        Ok(())
    }

    /// What each statement has of the total at least.
    fn least_total(&self) -> TotalMode {
        match self.statement.query.count {
            CountMode::Exact => TotalMode::Maintained,
            CountMode::Estimate | CountMode::None => TotalMode::Unwanted,
        }
    }

    /// The page of this step, with its total.
    async fn finish(&mut self, step: SearchStep<'_>) -> Result<SearchRows, SourceError> {
        // A gathering knows its total. Else it is counted at once, unless it may be remembered.
        let is_counted = self.least_total() == TotalMode::Maintained
            && matches!(step, SearchStep::Scan { .. })
            && self.statement.maintained_total().is_none()
            && !self.totals.has_remembered(&self.key);
        let total = if is_counted {
            TotalMode::Counted
        } else {
            self.least_total()
        };
        let found = self.run(step, total).await?;
        self.with_total(step, found).await
    }

    /// Adds the total to what a step has found; if it is unknown, in a second statement with the same page.
    async fn with_total(&mut self, step: SearchStep<'_>, found: StepResult) -> Result<SearchRows, SourceError> {
        let Some(totals) = found.totals else {
            return Ok(found.rows);
        };
        let mut rows = found.rows;
        if let Some(Total::Exact(total)) = rows.total {
            self.totals.remember(self.key, totals.version, total);
            TotalOrigin::Counted.record();
        } else if let Some(total) = self.statement.maintained_total() {
            rows.total = Some(Total::Exact(total(&totals)));
            TotalOrigin::Maintained.record();
        } else if let Some(total) = self.totals.remembered(&self.key, totals.version) {
            rows.total = Some(Total::Exact(total));
            TotalOrigin::Remembered.record();
        } else {
            let counted = self.run(step, TotalMode::Counted).await?;
            rows = counted.rows;
            if let (Some(totals), Some(Total::Exact(total))) = (counted.totals, rows.total) {
                self.totals.remember(self.key, totals.version, total);
                TotalOrigin::Counted.record();
            }
        }
        Ok(rows)
    }

    async fn run(&mut self, step: SearchStep<'_>, total: TotalMode) -> Result<StepResult, SourceError> {
        if !matches!(step, SearchStep::Scan { .. } | SearchStep::CountedScan { .. }) {
            self.statement.order.clear_head();
        }
        let (statement, tag) = (&self.statement, QueryTag::new());
        // Unnamed, so that each plan is made for these values.
        let mut sql = statement.build(step, total, tag);
        let rows = sql
            .build()
            .persistent(false)
            .fetch_all(&mut *self.connection)
            .await
            .map_err(broad)?;
        tag.verify(&rows)
            .map_err(|foreign| foreign.to_source_error(OPERATION))?;
        let first = rows
            .first()
            .ok_or_else(|| ForeignRowError::Missing.to_source_error(OPERATION))?;
        let number = |column: &str| -> Result<Option<i64>, SourceError> {
            first.try_get_unchecked(column).map_err(source_error(OPERATION))
        };
        let (counted, scanned, matched) = (number("total")?, number("scanned")?, number("matched")?);
        let is_whole = match step {
            SearchStep::CountedScan { entries } => {
                scanned.is_some_and(|scanned| scanned < entries) && statement.is_by_number()
            }
            SearchStep::Gather | SearchStep::GatherMany => true,
            SearchStep::Sample { most, .. } => matched.is_some_and(|matched| matched <= most),
            SearchStep::Scan { .. } | SearchStep::GatherUpTo(_) => false,
        };
        let is_wanted = is_whole && statement.query.count != CountMode::None;
        let total = counted.or(matched.filter(|_| is_wanted));
        let total = total
            .map(u64::try_from)
            .transpose()
            .map_err(|error| SourceError::with_cause(OPERATION, SourceErrorKind::Corrupt, error))?;
        let totals = (self.least_total() == TotalMode::Maintained)
            .then(|| self.totals.read_row(first, statement.pool))
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

    /// How many matches the planner expects.
    async fn expected(&mut self) -> Result<i64, SourceError> {
        let tag = QueryTag::new();
        let mut sql = self.statement.build_estimate(tag);
        let query = sql.build().persistent(false);
        let row = query.fetch_one(&mut *self.connection).await.map_err(broad)?;
        planned_rows(&row, tag)
    }
}

/// What one statement has found.
struct StepResult {
    rows: SearchRows,
    /// How many entries a counted scan has read.
    scanned: Option<i64>,
    /// How many matches were among what was read.
    matched: Option<i64>,
    totals: Option<PoolTotals>,
}

/// The rows of a list: at least one, whose first columns are the query tag and the total; it has no user if the page is
/// empty.
pub(crate) struct SearchRows {
    pub(crate) rows: Vec<PgRow>,
    pub(crate) total: Option<Total>,
    is_empty: bool,
}

impl SearchRows {
    /// Whether there are so many users.
    fn is_full(&self, rows: i64) -> bool {
        !self.is_empty && i64::try_from(self.rows.len()).is_ok_and(|found| found >= rows)
    }
}

/// Here a time-out means that the search is too broad.
fn broad(error: sqlx::Error) -> SourceError {
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

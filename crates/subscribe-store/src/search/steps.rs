//! The steps of a search: each is one statement, and what it finds decides the next (ADR 0117, ADR 0141, ADR 0145).

use std::sync::Arc;

use masthead_domain::query::{CountMode, Total};
use masthead_ports::source::SourceError;
use sqlx::Row as _;

use super::{
    column_samples::Samples,
    condition::SqlCondition,
    execution::{OPERATION, Search, SearchMeans, SearchRows, broad},
    sort_order::SortBound,
    statement::{SearchStep, TotalMode},
};
use crate::{query_tag::QueryTag, sqlstate::source_error};

/// The bound is at least this row of the sample, so that seldom less than a page comes before it.
const NEAREST_BOUND: i64 = 4;

/// Limits of entries are divided by this where the entries of one name are picked out of the order by id.
const HEAD_SHARE: i64 = 8;

/// What the first steps of a search have found.
pub(super) enum FirstSteps {
    /// The page.
    Page(SearchRows),
    /// The number of matches among so many first entries of the order.
    Entries { entries: i64, matched: i64 },
}

impl Search<'_> {
    /// The page, if what is known of the filter and the pool leads to it in one step, by a plan for all values.
    pub(super) async fn find_at_once(&mut self) -> Result<Option<SearchRows>, SourceError> {
        if self.statement.is_exact() {
            return self.finish(SearchStep::Gather).await.map(Some);
        }
        if self.statement.is_read_in_order() {
            return self.read_in_order().await.map(Some);
        }
        let size = self.size_of_pool().await?;
        let is_small = size <= self.means.budget.first.of_page(self.statement.rows()).unsigned_abs();
        let is_scanned = is_small && self.statement.is_scan_in_index() && self.statement.is_first_page();
        if is_scanned && !self.has_rare_part().await? {
            let found = self.run(SearchStep::WholeScan, TotalMode::Unwanted).await?;
            return self.with_total(SearchStep::WholeScan, found).await.map(Some);
        }
        if let Some(page) = self.find_frequent(size).await? {
            return Ok(Some(page));
        }
        self.find_few(size).await
    }

    /// The first steps, whose best plans do not depend on values if the statement has fixed plans.
    pub(super) async fn scan_first(&mut self) -> Result<FirstSteps, SourceError> {
        let (rows, in_index) = (self.statement.rows(), self.statement.is_scan_in_index());
        let budget = self.means.budget;
        let first = if in_index { budget.first } else { budget.first_rows };
        if self.statement.has_head() {
            self.find_head().await?;
        }
        let whole = SearchStep::Scan { most: None };
        if self.statement.is_scan_enough() {
            return self.finish(whole).await.map(FirstSteps::Page);
        }
        let entries = self.share_of_head(first.of_page(rows));
        let step = SearchStep::CountedScan { entries };
        let found = self.run(step, self.least_total()).await?;
        if found.scanned.is_some_and(|scanned| scanned < entries) || found.rows.is_full(rows) {
            return self.with_total(step, found).await.map(FirstSteps::Page);
        }
        let matched = found.matched.unwrap_or_default();
        if in_index && matched > 0 || !self.statement.can_gather() {
            return self.finish(whole).await.map(FirstSteps::Page);
        }
        Ok(FirstSteps::Entries { entries, matched })
    }

    /// The page, with its total as wanted; after the first steps if they were executed. `is_first`: nothing was tried before.
    pub(super) async fn find(&mut self, first: Option<FirstSteps>, is_first: bool) -> Result<SearchRows, SourceError> {
        if is_first && let Some(page) = self.find_at_once().await? {
            return self.add_estimate(page).await;
        }
        let first = match first {
            Some(first) => first,
            None => self.scan_first().await?,
        };
        let page = match first {
            FirstSteps::Page(page) => page,
            FirstSteps::Entries { entries, matched } => self.find_further(entries, matched).await?,
        };
        self.add_estimate(page).await
    }

    /// The page by the cheapest of the other steps.
    async fn find_further(&mut self, entries: i64, matched: i64) -> Result<SearchRows, SourceError> {
        let (rows, in_index) = (self.statement.rows(), self.statement.is_scan_in_index());
        if !in_index {
            let most = self.share_of_head(self.means.budget.long_rows.of_page(rows));
            if matched.saturating_mul(most) / entries >= self.statement.wanted() {
                let scanned = self.finish(SearchStep::Scan { most: Some(most) }).await?;
                if scanned.is_full(rows) {
                    return Ok(scanned);
                }
            }
        }
        self.gather(in_index).await
    }

    /// Adds an estimated total, if one is wanted and no total is known.
    pub(super) async fn add_estimate(&mut self, mut found: SearchRows) -> Result<SearchRows, SourceError> {
        if self.statement.query.count == CountMode::Estimate && found.total.is_none() {
            found.total = Some(Total::Estimate(self.expected().await?.unsigned_abs()));
        }
        Ok(found)
    }

    /// The page of a filter whose total is remembered, if the first rows of the order have it and are fewer than the matches. The
    /// remembered total decides only what is tried.
    async fn find_frequent(&mut self, size: u64) -> Result<Option<SearchRows>, SourceError> {
        let (statement, SearchMeans { budget, totals, .. }) = (&self.statement, self.means);
        let Some(total) = totals.last_total(&self.key).filter(|total| *total > 0) else {
            return Ok(None);
        };
        let (rows, most) = (statement.rows(), budget.first_rows.of_page(statement.rows()));
        let expected = statement.wanted().unsigned_abs().saturating_mul(2).saturating_mul(size) / total;
        let is_frequent = expected <= total.min(most.unsigned_abs());
        if !is_frequent || statement.is_scan_in_index() || statement.has_head() || !statement.has_fixed_plans() {
            return Ok(None);
        }
        let step = SearchStep::Scan { most: Some(most) };
        let found = self.run(step, self.least_total()).await?;
        if found.rows.is_full(rows) {
            return self.with_total(step, found).await.map(Some);
        }
        Ok(None)
    }

    /// The page of a filter with few matches, in a pool of so many users; `None` if there may be, or are, many.
    async fn find_few(&mut self, size: u64) -> Result<Option<SearchRows>, SourceError> {
        if !self.statement.can_gather_few() {
            return Ok(None);
        }
        let most = self.means.budget.gathered.of_page(self.statement.rows());
        let is_few = match self.means.totals.last_total(&self.key) {
            Some(total) => total <= most.unsigned_abs(),
            None => self.expects_few(size, most).await?,
        };
        if !is_few {
            return Ok(None);
        }
        self.statement.is_large_pool = self.samples().await?.is_large_pool(size);
        let step = SearchStep::GatherFew { most };
        let found = self.run(step, TotalMode::Unwanted).await?;
        if found.matched.is_some_and(|matched| matched <= most) {
            return self.with_total(step, found).await.map(Some);
        }
        Ok(None)
    }

    /// Whether the search index finds few addresses for one of the parts, as far as the statistics know.
    async fn has_rare_part(&mut self) -> Result<bool, SourceError> {
        if !self.statement.can_gather_few() {
            return Ok(false);
        }
        let samples = self.samples().await?;
        Ok(self.has_rare_part_in(&samples))
    }

    fn has_rare_part_in(&self, samples: &Samples) -> bool {
        let least = self.means.budget.least_sample;
        let conditions = self.statement.conditions.iter();
        let mut parts = conditions.filter_map(SqlCondition::selective_part);
        parts.any(|part| samples.is_rare_part(part, least))
    }

    /// Whether one condition alone leaves at most so many matches, as far as the statistics know.
    async fn expects_few(&mut self, size: u64, most: i64) -> Result<bool, SourceError> {
        let samples = self.samples().await?;
        let least = self.means.budget.least_sample;
        #[expect(clippy::cast_precision_loss, reason = "numbers of users")]
        let is_small = |share: Option<f64>| share.map_or(least == 0, |share| share * size as f64 <= most as f64);
        let is_small_range = |condition: &SqlCondition<'_>| {
            let range = condition.range();
            range.is_some_and(|(column, prefix)| is_small(samples.share_of_prefix(column, prefix)))
        };
        let has_rare_term = || {
            self.statement
                .terms
                .iter()
                .any(|term| is_small(samples.share_of_term(*term)))
        };
        let has_small_range = self.statement.conditions.iter().any(is_small_range);
        Ok(has_small_range || self.has_rare_part_in(&samples) || has_rare_term())
    }

    async fn samples(&mut self) -> Result<Arc<Samples>, SourceError> {
        let (samples, table) = (self.means.samples, self.statement.table.name());
        samples.read(&mut *self.connection, table).await.map_err(broad)
    }

    /// The page by gathering all matches or those up to a bound, if the order's index is not read on at less cost.
    async fn gather(&mut self, in_index: bool) -> Result<SearchRows, SourceError> {
        let (rows, expected) = (self.statement.rows(), self.expected().await?);
        let is_rare = expected <= self.means.budget.few;
        if in_index && !is_rare {
            return self.finish(SearchStep::Scan { most: None }).await;
        }
        let most = if is_rare {
            self.means.budget.gathered
        } else {
            self.means.budget.sample
        }
        .of_page(rows);
        let all = if is_rare {
            SearchStep::Gather
        } else {
            SearchStep::GatherMany
        };
        // Counting reads all matches anyway.
        if !is_rare && self.must_count_rows() {
            return self.finish(all).await;
        }
        let Some(bound) = self.row_of_bound(most, expected, is_rare) else {
            return self.finish(all).await;
        };
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

    /// Whether the total is unknown, and no index counts without reading rows.
    fn must_count_rows(&self) -> bool {
        let is_unknown = self.statement.query.count == CountMode::Exact && self.least_total() == TotalMode::Unwanted;
        is_unknown && !self.statement.is_counted_in_index()
    }

    /// Which row of a sorted sample of `most` matches is the bound, so that seldom less than the page comes before it; `None` if all
    /// matches are rather read than a sample.
    fn row_of_bound(&self, most: i64, expected: i64, is_rare: bool) -> Option<i64> {
        let wanted = self.statement.wanted();
        let mean = wanted.saturating_mul(most) / expected.max(1);
        // So many rows of a sample come before the end of the page, with twice the deviation.
        let bound = mean.saturating_add(2 * mean.isqrt()).max(NEAREST_BOUND);
        if wanted <= most {
            // The expected number is often too low, seldom too high.
            return Some(bound.min(1 + most / 5));
        }
        (!is_rare && self.statement.can_bound() && bound <= most / 4 * 3).then_some(bound)
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
            self.means.budget.sorted_names
        } else {
            self.means.budget.sorted_names_filtered
        };
        let tag = QueryTag::new();
        let mut sql = self.statement.build_head(most + 1, tag);
        let rows = self.rows(&mut sql, tag).await?;
        let row = &rows[0];
        let value: Option<String> = row.try_get_unchecked("value").map_err(source_error(OPERATION))?;
        let users: i64 = row.try_get_unchecked("users").map_err(source_error(OPERATION))?;
        if let Some(value) = value.filter(|_| users > most) {
            self.statement.order.set_head(value);
        }
        Ok(())
    }
}

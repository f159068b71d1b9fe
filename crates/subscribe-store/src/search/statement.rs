//! The statements of a list, each of a page and perhaps its total, in one snapshot. ADR 0117 explains their choice.
//!
//! A *scan* reads the index of the order, entry by entry. A *gathering* reads the matches that other indexes select, and sorts
//! them (`gathering.rs`). The commonest pages have statements of their own (`direct.rs`).

use masthead_domain::{
    order::SortColumn,
    query::{Position, UserQuery},
    tenant::PoolId,
};
use sqlx::{Postgres, QueryBuilder};

use super::{
    condition::{self, SqlCondition},
    sort_order::{SortBound, SortOrder, SortPart},
    sql::push_sql,
    table::Table,
};
use crate::{
    query_tag::QueryTag,
    search_terms,
    totals::{PoolTotals, push_totals},
};

/// A list request in one pool.
pub(super) struct SearchStatement<'a> {
    pub(super) table: &'a Table<'a>,
    pub(super) pool: PoolId,
    pub(super) query: &'a UserQuery,
    pub(super) order: SortOrder<'a>,
    pub(super) conditions: Vec<SqlCondition<'a>>,
    pub(super) terms: Vec<i32>,
    /// Whether the pool has so much of the table that few matches are found without it.
    pub(super) is_large_pool: bool,
}

/// How a page is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SearchStep<'b> {
    /// Read the rows of the page in the order's index, where all entries match.
    ReadInOrder,
    /// Read all entries of a small pool, and count the matches.
    WholeScan,
    /// Read the order until the page is full, but at most this many entries.
    Scan { most: Option<i64> },
    /// Read this many entries of the order, and count the matches among them.
    CountedScan { entries: i64 },
    /// Read and sort all matches.
    Gather,
    /// The same, by the index that is read without rows if it has all columns.
    GatherMany,
    /// Read and sort the matches that the search index selects, if these are at most so many.
    GatherFew { most: i64 },
    /// Read and sort the matches; if there are more than `most`, return one of these as a bound, the one of this number.
    Sample { most: i64, bound: i64 },
    /// Read and sort the matches up to this bound.
    GatherUpTo(&'b SortBound),
}

impl SearchStep<'_> {
    /// Whether its statement has the number of entries that it has read, `scanned`.
    pub(super) const fn counts_entries(self) -> bool {
        matches!(self, Self::CountedScan { .. })
    }

    /// Whether its statement has the number of matches that it has found, `matched`.
    pub(super) const fn counts_matches(self) -> bool {
        !matches!(self, Self::ReadInOrder | Self::Scan { .. } | Self::GatherUpTo(_))
    }
}

/// Whether a statement has the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TotalMode {
    /// Not at all.
    Unwanted,
    /// Only the totals of the pool, and their version.
    Maintained,
    /// These, and all matches are counted.
    Counted,
}

impl<'a> SearchStatement<'a> {
    pub(super) fn new(table: &'a Table<'a>, pool: PoolId, same_state: bool, query: &'a UserQuery) -> Self {
        Self {
            table,
            pool,
            query,
            order: SortOrder::new(query.order, &query.position, same_state),
            conditions: condition::from_filter(&query.filter),
            terms: search_terms::for_filter(&query.filter),
            is_large_pool: false,
        }
    }

    /// Whether one index entry leads to all matches.
    pub(super) fn is_exact(&self) -> bool {
        self.conditions.iter().any(SqlCondition::is_exact)
    }

    /// Whether the order's index has every match in one range, and no other row but those of another state.
    pub(super) fn is_scan_enough(&self) -> bool {
        self.conditions
            .iter()
            .all(|condition| self.is_range_of_order(condition) || matches!(condition, SqlCondition::Active))
    }

    /// Whether the best plans of the first steps do not depend on values: the planner has no ranges to choose among.
    pub(super) fn has_fixed_plans(&self) -> bool {
        self.is_scan_enough() || self.conditions.iter().all(|condition| condition.range().is_none())
    }

    /// How the total is read from the totals of the pool, if they have it.
    pub(super) fn maintained_total(&self) -> Option<fn(&PoolTotals) -> u64> {
        match &*self.conditions {
            [] => Some(PoolTotals::all),
            [SqlCondition::Active] => Some(PoolTotals::active),
            _ => None,
        }
    }

    /// Whether a scan reads the index only.
    pub(super) fn is_scan_in_index(&self) -> bool {
        self.conditions
            .iter()
            .all(|condition| self.is_in_index_of_order(condition))
    }

    /// Whether the index of the order by address has some of the conditions, so that a long scan reads few rows.
    pub(super) fn is_scan_joined(&self) -> bool {
        let in_index =
            |condition: &SqlCondition<'_>| !self.is_range_of_order(condition) && self.is_in_index_of_order(condition);
        self.order.column == SortColumn::Email && !self.is_scan_in_index() && self.conditions.iter().any(in_index)
    }

    fn is_in_index_of_order(&self, condition: &SqlCondition<'_>) -> bool {
        match self.order.column {
            SortColumn::Email => condition.is_in_address_index(),
            SortColumn::CustomerRegistrationId => matches!(condition, SqlCondition::Active | SqlCondition::CridIs(_)),
            _ => false,
        }
    }

    /// Whether the order's index has the matches of the condition in one range.
    pub(super) fn is_range_of_order(&self, condition: &SqlCondition<'_>) -> bool {
        condition.range().is_some_and(|(column, _)| column == self.order.column)
    }

    /// One row more than the page, to know whether more rows match.
    pub(super) fn rows(&self) -> i64 {
        i64::from(self.query.size) + 1
    }

    /// So many rows from the position on are needed, those before the page included.
    pub(super) fn wanted(&self) -> i64 {
        self.order.offset.saturating_add(self.rows())
    }

    /// Whether the page begins at a number, so that what a step has counted is the total.
    pub(super) const fn is_by_number(&self) -> bool {
        matches!(self.query.position, Position::Offset(_))
    }

    /// Writes the statement; columns: the query tag, the total if it is counted, those of the table, what the step counts, for a
    /// sample where its row is in the order, and the totals of the pool unless the total is unwanted.
    pub(super) fn build(&self, step: SearchStep<'_>, total: TotalMode, tag: QueryTag) -> QueryBuilder<Postgres> {
        if step == SearchStep::ReadInOrder {
            return self.build_in_order(total, tag);
        }
        let is_direct = self.is_direct(step);
        let mut builder = QueryBuilder::new(if is_direct { "SELECT " } else { "WITH " });
        let sql = &mut builder;
        if !is_direct {
            self.push_picked(sql, step);
            push_sql!(sql; "SELECT ");
        }
        let (page, table) = (self.table.page_alias(), self.table.name());
        self.push_result_columns(sql, total, tag);
        if step.counts_entries() {
            push_sql!(sql; ", t.scanned");
        }
        if step.counts_matches() {
            if is_direct {
                push_sql!(sql; ", coalesce({page}.matched, 0) AS matched");
            } else {
                push_sql!(sql; ", t.matched");
            }
        }
        if matches!(step, SearchStep::Sample { .. }) {
            push_sql!(sql; ", {page}.part AS bound_part, {page}.k::text AS bound_value, {page}.crid AS bound_crid");
        }
        self.push_totals(sql, total);
        push_sql!(sql; if step.counts_entries() {
            " FROM (SELECT count(*) AS scanned, count(*) FILTER (WHERE e.is_match) AS matched FROM entries AS e) AS t"
        } else if step.counts_matches() && !is_direct {
            " FROM (SELECT count(*) AS matched FROM matches) AS t"
        } else {
            " FROM (SELECT) AS t"
        });
        push_sql!(sql; " LEFT JOIN LATERAL ");
        if is_direct {
            self.push_direct(sql, step);
        } else {
            push_sql!(sql; "(SELECT p.part, p.k, m.* FROM picked AS p");
            push_sql!(sql; " CROSS JOIN LATERAL (SELECT * FROM {table} AS m WHERE m.pool = ", ?self.pool.0);
            push_sql!(sql; " AND m.crid = p.crid", self.table.and_live("m"), " OFFSET 0) AS m)");
        }
        push_sql!(sql; " AS {page} ON true", self.table.joins(), " ORDER BY ", self.order.picked(page));
        builder
    }

    /// The CTEs of a scan or a gathering, `picked` last.
    fn push_picked(&self, sql: &mut QueryBuilder<Postgres>, step: SearchStep<'_>) {
        match step {
            SearchStep::Scan { most } => {
                // Every entry is a match.
                let page = self.wanted();
                let is_all = self
                    .conditions
                    .iter()
                    .all(|condition| self.is_range_of_order(condition));
                self.push_scan(sql, if is_all { Some(page) } else { most });
            }
            SearchStep::CountedScan { entries } => self.push_counted_scan(sql, entries),
            _ => self.push_gathering(sql, step),
        }
    }

    /// The query tag, the total, and the columns of the table.
    pub(super) fn push_result_columns(&self, sql: &mut QueryBuilder<Postgres>, total: TotalMode, tag: QueryTag) {
        push_sql!(sql; ?tag.number(), "::bigint AS query_tag, ");
        if total == TotalMode::Counted {
            self.push_count(sql);
        } else {
            push_sql!(sql; "NULL::bigint");
        }
        push_sql!(sql; " AS total", @self.table.push_columns(sql, self.pool));
    }

    /// The totals of the pool as a column, unless the total is unwanted.
    pub(super) fn push_totals(&self, sql: &mut QueryBuilder<Postgres>, total: TotalMode) {
        if total != TotalMode::Unwanted {
            push_sql!(sql; ", ", @push_totals(sql, self.table.totals(), self.pool));
        }
    }

    /// Whether users with equal values are not sorted in the index of the order, and the page begins at such users.
    pub(super) fn has_head(&self) -> bool {
        matches!(self.order.column, SortColumn::FirstName | SortColumn::LastName)
            && self.order.offset == 0
            && !self.table.sorts_names_by_id()
            && self.order.parts().contains(&SortPart::Filled)
    }

    /// The statement for the first value from the position on, and how many users have it, counted up to a limit; columns:
    /// the query tag, `value`, `users`.
    pub(super) fn build_head(&self, most: i64, tag: QueryTag) -> QueryBuilder<Postgres> {
        let mut builder = QueryBuilder::new("SELECT ");
        let (sql, key, table) = (&mut builder, self.order.key(), self.table.name());
        push_sql!(sql; ?tag.number(), "::bigint AS query_tag, h.value, (SELECT count(*) FROM (SELECT FROM {table} AS r WHERE ");
        push_sql!(sql; @self.push_pool(sql, "r"), " AND r.{key} = h.value LIMIT ", ?most, ") AS r) AS users");
        push_sql!(sql; " FROM (SELECT 1) AS one LEFT JOIN LATERAL (SELECT r.{key} AS value FROM {table} AS r WHERE ");
        push_sql!(sql; @self.push_pool(sql, "r"), @self.order.push_from_position(sql, "r"));
        let ranges: Vec<_> = self
            .conditions
            .iter()
            .filter(|condition| self.is_range_of_order(condition))
            .collect();
        push_sql!(sql; @self.push_all(sql, &ranges, "r"), " ORDER BY r.{key} ", self.order.direction(), " LIMIT 1) AS h ON true");
        builder
    }

    /// The entries of the order, part after part, each with `is_match`.
    pub(super) fn push_entries(&self, sql: &mut QueryBuilder<Postgres>, most: Option<i64>) {
        let (key, table) = (self.order.key(), self.table.name());
        let (ranges, rest): (Vec<_>, Vec<_>) = self
            .conditions
            .iter()
            .partition(|condition| self.is_range_of_order(condition));
        // A limit is one of entries, not of matches.
        let in_index = |condition: &&SqlCondition<'_>| most.is_none() && self.is_in_index_of_order(condition);
        let (in_index, of_rows): (Vec<_>, Vec<_>) = rest.iter().copied().partition(in_index);
        // A column that only the row has: for a pool of unknown size the planner would rather sort the whole index of addresses.
        let reads_rows = match self.order.column {
            SortColumn::Email => false,
            SortColumn::CustomerRegistrationId | SortColumn::State | SortColumn::Verified => !of_rows.is_empty(),
            // Their indexes lack the id.
            SortColumn::FirstName | SortColumn::LastName | SortColumn::DateRegistered | SortColumn::ChangeDate => true,
        };
        let of_row = if reads_rows { " AND r.verified >= false" } else { "" };
        for (n, part) in self.parts().into_iter().enumerate() {
            let (union, number) = (if n == 0 { "" } else { " UNION ALL " }, self.order.number(part));
            push_sql!(sql; "{union}(SELECT {number} AS part, r.{key} AS k, r.crid, (true", @self.push_all(sql, &of_rows, "r"));
            push_sql!(sql; "{of_row}) AS is_match FROM ");
            // Rows are read only for entries that meet the conditions on what the index has.
            let is_joined = !of_rows.is_empty() && (matches!(part, SortPart::Value(_)) || !in_index.is_empty());
            if is_joined {
                let columns = if key == "crid" {
                    key.to_owned()
                } else {
                    format!("{key}, r.crid")
                };
                push_sql!(sql; "(SELECT r.{columns} FROM ");
            }
            push_sql!(sql; "{table} AS r WHERE ", @self.push_pool(sql, "r"), @self.push_part_after(sql, part));
            push_sql!(sql; @self.push_all(sql, &in_index, "r"));
            if !matches!(part, SortPart::Head) {
                self.push_all(sql, &ranges, "r");
            }
            push_sql!(sql; " ORDER BY ", self.order.within_part(part, "r"), @push_most(sql, most));
            if is_joined {
                push_sql!(sql; " OFFSET 0) AS i CROSS JOIN LATERAL (SELECT * FROM {table} AS r WHERE ");
                push_sql!(sql; @self.push_pool(sql, "r"), " AND r.crid = i.crid OFFSET 0) AS r");
                push_sql!(sql; " ORDER BY ", self.order.within_part(part, "i"));
            }
            push_sql!(sql; ")");
        }
    }

    /// The parts of the order that can have matches.
    pub(super) fn parts(&self) -> Vec<SortPart> {
        let mut parts = self.order.parts();
        if self.order.column == SortColumn::Email
            && parts.len() > 1
            && self.conditions.iter().any(SqlCondition::demands_address)
        {
            parts.retain(|part| *part != SortPart::Empty);
        }
        parts
    }

    pub(super) fn push_part_after(&self, sql: &mut QueryBuilder<Postgres>, part: SortPart) {
        self.order.push_part(sql, "r", part);
        self.order.push_after(sql, ("r", self.order.key()), part);
    }

    fn push_scan(&self, sql: &mut QueryBuilder<Postgres>, most: Option<i64>) {
        push_sql!(sql; "picked AS MATERIALIZED (SELECT e.part, e.k, e.crid FROM (SELECT * FROM (");
        push_sql!(sql; @self.push_entries(sql, most), ") AS a");
        // If the first part exceeds the limit, the second part is not reached.
        push_sql!(sql; @push_most(sql, most), ") AS e WHERE e.is_match", @self.push_page(sql), ")");
    }

    fn push_counted_scan(&self, sql: &mut QueryBuilder<Postgres>, entries: i64) {
        push_sql!(sql; "entries AS MATERIALIZED (SELECT * FROM (", @self.push_entries(sql, Some(entries)), ") AS a");
        push_sql!(sql; " LIMIT ", ?entries, "), picked AS MATERIALIZED (SELECT e.part, e.k, e.crid FROM entries AS e");
        push_sql!(sql; " WHERE e.is_match ORDER BY ", self.order.picked("e"), @self.push_page(sql), ")");
    }

    pub(super) fn push_page(&self, sql: &mut QueryBuilder<Postgres>) {
        push_sql!(sql; " LIMIT ", ?self.rows(), " OFFSET ", ?self.order.offset);
    }

    pub(super) fn push_pool(&self, sql: &mut QueryBuilder<Postgres>, alias: &str) {
        push_sql!(sql; "{alias}.pool = ", ?self.pool.0, self.table.and_live(alias));
    }

    pub(super) fn push_all(&self, sql: &mut QueryBuilder<Postgres>, conditions: &[&SqlCondition<'a>], alias: &str) {
        for condition in conditions {
            push_sql!(sql; " AND ", @condition.push(sql, self.table, alias));
        }
    }

    /// The statement for the totals of the pool alone; columns: the query tag, and the totals.
    pub(super) fn build_totals(&self, tag: QueryTag) -> QueryBuilder<Postgres> {
        let mut builder = QueryBuilder::new("SELECT ");
        let sql = &mut builder;
        push_sql!(sql; ?tag.number(), "::bigint AS query_tag, ", @push_totals(sql, self.table.totals(), self.pool));
        builder
    }

    /// The statement that is explained for an estimated total. Its output list shows the query tag.
    pub(super) fn build_estimate(&self, tag: QueryTag) -> QueryBuilder<Postgres> {
        let mut builder = QueryBuilder::new("EXPLAIN (VERBOSE, FORMAT JSON) ");
        let (sql, tag) = (&mut builder, tag.number());
        push_sql!(sql; "SELECT {tag}::bigint FROM ", self.table.name(), " AS r WHERE ", @self.push_pool(sql, "r"));
        self.push_estimated(sql);
        builder
    }
}

/// The limit of the entries of a part. Without one the planner would prefer to read and sort all of them: a limit that it cannot
/// know lets it expect a tenth.
fn push_most(sql: &mut QueryBuilder<Postgres>, most: Option<i64>) {
    if let Some(most) = most {
        push_sql!(sql; " LIMIT ", ?most);
    } else {
        push_sql!(sql; " LIMIT (SELECT ", ?i64::MAX, "::bigint)");
    }
}

#[cfg(test)]
mod tests {
    use masthead_domain::{
        order::{Direction, Order},
        query::{CountMode, UserFilter},
    };

    use super::*;

    /// ADR 0145, "a scan demands rows": otherwise a plan for all values sorts the whole index of addresses.
    #[test]
    fn lists_by_names_and_dates_demand_rows() {
        for column in SortColumn::ALL {
            let query = UserQuery {
                filter: UserFilter::default(),
                order: Order {
                    column,
                    direction: Direction::Ascending,
                },
                position: Position::Offset(0),
                size: 10,
                count: CountMode::None,
            };
            let statement = SearchStatement::new(&Table::Registrations, PoolId(1), false, &query);
            let sql = statement.build(SearchStep::Scan { most: None }, TotalMode::Unwanted, QueryTag::new());
            let demands_rows = sql.sql().as_str().contains("r.verified >= false");
            let lacks_id = matches!(
                column,
                SortColumn::FirstName | SortColumn::LastName | SortColumn::DateRegistered | SortColumn::ChangeDate
            );
            assert_eq!(demands_rows, lacks_id, "{column:?}");
        }
    }
}

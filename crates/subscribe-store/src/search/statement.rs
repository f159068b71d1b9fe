//! The statement of a list: the page and its total, in one snapshot. ADRs 0010 and 0079 explain its shape.
//!
//! `scanned` reads the index of the order, entry by entry up to a limit, and keeps the rows that meet the conditions. If it
//! has not filled the page, `gathered` reads the matches from a name index or the search-term index, and sorts them.

use masthead_domain::{query::UserQuery, tenant::PoolId};
use sqlx::{Postgres, QueryBuilder};

use super::{
    budget::SearchBudget,
    condition::{self, SqlCondition},
    index_scan::IndexScan,
    sql::push_sql,
    table::Table,
};
use crate::{
    query_tag::QueryTag,
    search_terms,
    totals::{PoolTotals, TOTALS_COLUMNS, push_totals},
};

/// A list request in one pool.
pub(super) struct SearchStatement<'a> {
    pub(super) table: &'a Table<'a>,
    pub(super) pool: PoolId,
    pub(super) query: &'a UserQuery,
    pub(super) scan: IndexScan<'a>,
    pub(super) conditions: Vec<SqlCondition<'a>>,
    pub(super) budget: SearchBudget,
    pub(super) tag: QueryTag,
}

/// What a statement has of the total.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TotalMode {
    Unwanted,
    /// The total if the page shows it.
    OfPage,
    /// The same, and the totals of the pool, with their version.
    Maintained,
    /// These, and the matches are counted if the page does not show the total.
    Counted,
}

impl TotalMode {
    const fn has_pool_totals(self) -> bool {
        match self {
            Self::Unwanted | Self::OfPage => false,
            Self::Maintained | Self::Counted => true,
        }
    }
}

/// How the page is found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SearchStrategy {
    /// Scan the order: every row in the range is a match.
    Scan,
    /// One index entry leads to all matches.
    Exact,
    /// Scan the order up to a limit, then the name index, which has all columns of conditions and order.
    ScanThenNames,
    /// Scan the order up to a limit, then use the search-term index.
    ScanThenTerms,
}

impl<'a> SearchStatement<'a> {
    pub(super) fn new(
        table: &'a Table<'a>,
        pool: PoolId,
        same_state: bool,
        query: &'a UserQuery,
        budget: SearchBudget,
    ) -> Self {
        Self {
            table,
            pool,
            query,
            scan: IndexScan::new(query.order, &query.position, same_state),
            conditions: condition::from_filter(&query.filter),
            budget,
            tag: QueryTag::new(),
        }
    }

    /// How the total is read from the totals of the pool, if they have it.
    pub(super) fn maintained_total(&self) -> Option<fn(&PoolTotals) -> u64> {
        match &*self.conditions {
            [] => Some(PoolTotals::all),
            [SqlCondition::Active] => Some(PoolTotals::active),
            _ => None,
        }
    }

    pub(super) fn strategy(&self) -> SearchStrategy {
        if self.conditions.iter().any(SqlCondition::is_exact) {
            SearchStrategy::Exact
        } else if self.rest().next().is_none() {
            SearchStrategy::Scan
        } else if self.is_answered_by_name_index() {
            SearchStrategy::ScanThenNames
        } else {
            SearchStrategy::ScanThenTerms
        }
    }

    /// Whether there is a condition on a name, and its index has all columns of conditions and order.
    fn is_answered_by_name_index(&self) -> bool {
        self.scan.is_covered()
            && self.conditions.iter().all(SqlCondition::is_covered)
            && self.conditions.iter().any(SqlCondition::is_of_names)
    }

    /// Whether the index of the order has all columns of the conditions.
    pub(super) fn is_answered_by_order_index(&self) -> bool {
        self.scan.is_covering() && self.conditions.iter().all(SqlCondition::is_covered)
    }

    /// The conditions that the scan does not cover.
    fn rest(&self) -> impl Iterator<Item = &SqlCondition<'a>> {
        let is_scanned = |condition: &&SqlCondition<'_>| condition.is_scanned(self.scan.column, &self.conditions);
        self.conditions.iter().filter(move |condition| !is_scanned(condition))
    }

    /// One row more than the page, to know whether more rows match.
    pub(super) fn rows(&self) -> i64 {
        i64::from(self.query.size) + 1
    }

    /// Writes the statement; columns: the query tag, the total, those of the table, the totals of the pool if wanted. The tag is part of the text, so that no
    /// other statement has the same text.
    pub(super) fn build(&self, total: TotalMode) -> QueryBuilder<Postgres> {
        let mut builder = QueryBuilder::new("WITH ");
        let sql = &mut builder;
        match self.strategy() {
            SearchStrategy::Scan => push_sql!(sql; @self.push_scanned(sql), ", picked AS (SELECT * FROM scanned)"),
            SearchStrategy::Exact => {
                push_sql!(sql; @self.push_gathered(sql, SearchStrategy::Exact), ", picked AS (SELECT * FROM gathered)");
            }
            strategy @ (SearchStrategy::ScanThenNames | SearchStrategy::ScanThenTerms) => {
                push_sql!(sql; @self.push_scanned(sql), ", ", @self.push_gathered(sql, strategy));
                push_sql!(sql; ", picked AS (SELECT * FROM scanned WHERE (SELECT count(*) FROM scanned) > ");
                push_sql!(sql; ?i64::from(self.query.size), " UNION ALL SELECT * FROM gathered)");
            }
        }
        if self.counts_by_terms_first(total) {
            push_sql!(sql; ", few AS MATERIALIZED (SELECT count(*) AS n FROM (SELECT 1 FROM ", @self.push_by_terms(sql));
            push_sql!(sql; " AS g WHERE ", @self.push_checked(sql, "g"));
            push_sql!(sql; " LIMIT ", ?self.budget.count_by_terms + 1, ") AS g)");
        }
        let (tag, page, table) = (self.tag.number(), self.table.page_alias(), self.table.name());
        push_sql!(sql; "SELECT {tag}::bigint AS query_tag, t.total", @self.table.push_columns(sql, self.pool));
        if total.has_pool_totals() {
            push_sql!(sql; ", {TOTALS_COLUMNS}");
        }
        push_sql!(sql; " FROM (SELECT ", @self.push_total(sql, total), ") AS t (total)");
        if total.has_pool_totals() {
            push_sql!(sql; " CROSS JOIN ", @push_totals(sql, self.table.totals(), self.pool));
        }
        push_sql!(sql; " LEFT JOIN LATERAL");
        push_sql!(sql; " (SELECT p.part, p.k, m.* FROM (SELECT p.part, p.k, p.crid FROM picked AS p");
        push_sql!(sql; " ORDER BY p.part, ", self.scan.within("k", "p"), " LIMIT ", ?self.rows());
        push_sql!(sql; ") AS p CROSS JOIN LATERAL (SELECT * FROM {table} AS m WHERE m.pool = ", ?self.pool.0);
        push_sql!(sql; " AND m.crid = p.crid", self.table.and_live("m"), " OFFSET 0) AS m) AS {page} ON true");
        push_sql!(sql; self.table.joins(), " ORDER BY {page}.part, ", self.scan.within("k", page));
        builder
    }

    fn push_scanned(&self, sql: &mut QueryBuilder<Postgres>) {
        let (key, table) = (self.scan.key(), self.table.name());
        let is_scanned = |condition: &&SqlCondition<'_>| condition.is_scanned(self.scan.column, &self.conditions);
        let (scanned, rest): (Vec<_>, Vec<_>) = self.conditions.iter().partition(is_scanned);
        let last = self.scan.offset.saturating_add(self.rows());
        let entries = if rest.is_empty() { last } else { self.entries(&rest) };
        let mut columns: Vec<&str> = rest.iter().map(|condition| condition.column()).collect();
        columns.sort_unstable();
        columns.dedup();
        if self.table.shares_terms() && columns.contains(&"search_terms") {
            columns.push("shares_search_terms");
        }
        push_sql!(sql; "scanned AS MATERIALIZED (SELECT w.part, w.k, w.crid FROM (SELECT * FROM (");
        for (n, part) in self.scan.parts().iter().enumerate() {
            let (union, part_number) = (if n == 0 { "" } else { " UNION ALL " }, *part as u8);
            push_sql!(sql; "{union}(SELECT {part_number} AS part, r.{key} AS k, r.crid");
            for column in columns.iter().filter(|column| **column != "crid") {
                push_sql!(sql; ", r.{column}");
            }
            push_sql!(sql; " FROM {table} AS r WHERE r.pool = ", ?self.pool.0, self.table.and_live("r"));
            self.scan.push_range(sql, "r", *part);
            for condition in &scanned {
                push_sql!(sql; " AND ", @condition.push(sql, self.table, "r", self.pool));
            }
            push_sql!(sql; " ORDER BY ", self.scan.within(key, "r"), " LIMIT ", ?entries, ")");
        }
        // If the first part exceeds the limit, the second part is not reached.
        push_sql!(sql; ") AS w LIMIT ", ?entries, ") AS w WHERE true");
        for condition in rest {
            push_sql!(sql; " AND ", @condition.push(sql, self.table, "w", self.pool));
        }
        push_sql!(sql; @self.push_limit(sql), ")");
    }

    pub(super) fn push_limit(&self, sql: &mut QueryBuilder<Postgres>) {
        push_sql!(sql; " LIMIT ", ?self.rows(), " OFFSET ", ?self.scan.offset);
    }

    /// The maximum number of entries of the scan. If the index alone decides, scanning deep is cheaper than sorting all
    /// matches.
    fn entries(&self, rest: &[&SqlCondition<'_>]) -> i64 {
        let (limit, deeper) = if rest.iter().any(|condition| condition.is_metadata()) {
            (self.budget.scan_terms, 0)
        } else if self.is_answered_by_order_index() {
            (self.budget.scan_index, 4)
        } else {
            (self.budget.scan_rows, 1)
        };
        limit
            .of_page(self.rows())
            .saturating_add(self.scan.offset.saturating_mul(deeper))
    }

    pub(super) fn push_by_terms(&self, sql: &mut QueryBuilder<Postgres>) {
        let wanted = search_terms::for_filter(self.pool, &self.query.filter);
        self.table.push_with_terms(sql, self.pool, &wanted, |sql, alias| {
            self.push_conditions(sql, alias, SqlCondition::is_of_keys);
        });
    }

    /// The matches, read from an index only: no other columns are used.
    pub(super) fn push_by_name(&self, sql: &mut QueryBuilder<Postgres>) {
        let table = self.table.name();
        push_sql!(sql; "(SELECT r.pool, r.crid, r.email_key, r.first_key, r.last_key FROM {table} AS r WHERE ");
        push_sql!(sql; @self.push_checked(sql, "r"), " OFFSET 0)");
    }

    pub(super) fn push_by_key(&self, sql: &mut QueryBuilder<Postgres>) {
        let table = self.table.name();
        push_sql!(sql; "(SELECT * FROM {table} AS r WHERE r.pool = ", ?self.pool.0, self.table.and_live("r"));
        push_sql!(sql; @self.push_conditions(sql, "r", SqlCondition::is_exact), " OFFSET 0)");
    }

    /// A condition for rows that have all search terms of the filter; the array is a sub-select, as in
    /// `Table::push_with_terms`.
    pub(super) fn push_having_terms(&self, sql: &mut QueryBuilder<Postgres>) {
        let terms = search_terms::for_filter(self.pool, &self.query.filter);
        push_sql!(sql; " AND r.search_terms @> (SELECT ", ?terms, "::bigint[])");
    }

    /// All conditions on a candidate: terms may collide, and grams ignore their order.
    pub(super) fn push_checked(&self, sql: &mut QueryBuilder<Postgres>, alias: &str) {
        push_sql!(sql; "{alias}.pool = ", ?self.pool.0, self.table.and_live(alias));
        // The index has just checked the metadata, and reading the terms of a row is expensive.
        self.push_conditions(sql, alias, |condition| {
            self.strategy() == SearchStrategy::Exact || !condition.is_metadata()
        });
    }

    pub(super) fn push_conditions(
        &self,
        sql: &mut QueryBuilder<Postgres>,
        alias: &str,
        which: impl Fn(&SqlCondition<'a>) -> bool,
    ) {
        for condition in self.conditions.iter().filter(|condition| which(condition)) {
            push_sql!(sql; " AND ", @condition.push(sql, self.table, alias, self.pool));
        }
    }

    /// The statement that is explained for an estimated total. Its output list shows the query tag.
    pub(super) fn build_estimate(&self) -> QueryBuilder<Postgres> {
        let mut sql = QueryBuilder::new("EXPLAIN (VERBOSE, FORMAT JSON) ");
        let by_terms = self.strategy() == SearchStrategy::ScanThenTerms;
        self.push_estimated(&mut sql, self.table.name(), by_terms);
        if by_terms && self.table.shares_terms() {
            sql.push(" UNION ALL ");
            self.push_estimated(&mut sql, Table::Registrations.name(), by_terms);
        }
        sql
    }

    fn push_estimated(&self, sql: &mut QueryBuilder<Postgres>, table: &str, by_terms: bool) {
        let tag = self.tag.number();
        push_sql!(sql; "SELECT {tag}::bigint FROM {table} AS r WHERE ", @self.push_checked(sql, "r"));
        if by_terms {
            // The array is a literal here: the estimate needs the statistics of its terms.
            push_sql!(sql; " AND r.search_terms @> ", ?search_terms::for_filter(self.pool, &self.query.filter));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use masthead_domain::{
        customer_registration_id::CustomerRegistrationId,
        email::EmailFragment,
        metadata::MetadataPair,
        order::{Direction, Order, SortColumn},
        query::{CountMode, EmailFilter, NamePrefix, Position, UserFilter},
    };

    use super::*;

    /// The statements of this table for every strategy, column and direction. All users of a mirror have the same state.
    pub(crate) fn statements(table: &Table<'_>) -> Vec<String> {
        let filters = [
            UserFilter::default(),
            UserFilter {
                crids: vec![CustomerRegistrationId::parse("1").unwrap()],
                ..UserFilter::default()
            },
            UserFilter {
                last_name: Some(NamePrefix::from_text("m")),
                ..UserFilter::default()
            },
            UserFilter {
                emails: vec![EmailFilter::Contains(EmailFragment::from_text("gmail"))],
                only_active: !table.shares_terms(),
                ..UserFilter::default()
            },
            UserFilter {
                metadata: vec![MetadataPair::new("city", "Oslo")],
                ..UserFilter::default()
            },
        ];
        let mut statements = Vec::new();
        for filter in filters {
            for column in SortColumn::ALL {
                for direction in [Direction::Ascending, Direction::Descending] {
                    let query = UserQuery {
                        filter: filter.clone(),
                        order: Order { column, direction },
                        position: Position::Offset(0),
                        size: 10,
                        count: CountMode::Exact,
                    };
                    let statement =
                        SearchStatement::new(table, PoolId(1), table.shares_terms(), &query, SearchBudget::MEASURED);
                    statements.push(statement.build(TotalMode::Counted).sql().as_str().to_owned());
                }
            }
        }
        statements
    }
}

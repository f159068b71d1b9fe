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
    table::Table,
};
use crate::{query_tag::QueryTag, search_terms};

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

    /// Writes the statement; columns: the query tag, the total, those of the table. The tag is part of the text, so that no
    /// other statement has the same text.
    pub(super) fn build(&self) -> QueryBuilder<Postgres> {
        let mut sql = QueryBuilder::new("WITH ");
        match self.strategy() {
            SearchStrategy::Scan => {
                self.push_scanned(&mut sql);
                sql.push(", picked AS (SELECT * FROM scanned)");
            }
            SearchStrategy::Exact => {
                self.push_gathered(&mut sql, SearchStrategy::Exact);
                sql.push(", picked AS (SELECT * FROM gathered)");
            }
            strategy @ (SearchStrategy::ScanThenNames | SearchStrategy::ScanThenTerms) => {
                self.push_scanned(&mut sql);
                sql.push(", ");
                self.push_gathered(&mut sql, strategy);
                sql.push(", picked AS (SELECT * FROM scanned WHERE (SELECT count(*) FROM scanned) > ")
                    .push_bind(i64::from(self.query.size))
                    .push(" UNION ALL SELECT * FROM gathered)");
            }
        }
        if self.counts_by_terms_first() {
            sql.push(", few AS MATERIALIZED (SELECT count(*) AS n FROM (SELECT 1 FROM ");
            self.push_by_terms(&mut sql);
            sql.push(" AS g WHERE ");
            self.push_checked(&mut sql, "g");
            sql.push(" LIMIT ")
                .push_bind(self.budget.count_by_terms + 1)
                .push(") AS g)");
        }
        sql.push(format_args!("SELECT {}::bigint, t.total", self.tag.number()));
        self.table.push_columns(&mut sql, self.pool);
        sql.push(" FROM (SELECT ");
        self.push_total(&mut sql);
        sql.push(
            ") AS t (total) LEFT JOIN LATERAL (SELECT p.part, p.k, m.* FROM (SELECT p.part, p.k, p.crid FROM picked AS p \
             ORDER BY p.part, ",
        )
        .push(self.scan.within("k", "p"))
        .push(" LIMIT ")
        .push_bind(self.rows())
        .push(format_args!(
            ") AS p CROSS JOIN LATERAL (SELECT * FROM {} AS m WHERE m.pool = ",
            self.table.name()
        ))
        .push_bind(self.pool.0)
        .push(format_args!(
            " AND m.crid = p.crid{} OFFSET 0) AS m) AS m ON true",
            self.table.and_live("m")
        ))
        .push(self.table.joins())
        .push(" ORDER BY m.part, ")
        .push(self.scan.within("k", "m"));
        sql
    }

    fn push_scanned(&self, sql: &mut QueryBuilder<Postgres>) {
        let is_scanned = |condition: &&SqlCondition<'_>| condition.is_scanned(self.scan.column, &self.conditions);
        let (scanned, rest): (Vec<_>, Vec<_>) = self.conditions.iter().partition(is_scanned);
        let last = self.scan.offset.saturating_add(self.rows());
        let entries = if rest.is_empty() { last } else { self.entries(&rest) };
        sql.push("scanned AS MATERIALIZED (SELECT w.part, w.k, w.crid FROM (SELECT * FROM (");
        for (n, part) in self.scan.parts().iter().enumerate() {
            sql.push(if n == 0 { "(SELECT " } else { " UNION ALL (SELECT " });
            sql.push(format_args!(
                "{} AS part, r.{} AS k, r.crid",
                *part as u8,
                self.scan.key()
            ));
            let mut columns: Vec<&str> = rest.iter().map(|condition| condition.column()).collect();
            columns.sort_unstable();
            columns.dedup();
            if self.table.shares_terms() && columns.contains(&"search_terms") {
                columns.push("shares_search_terms");
            }
            for column in columns.iter().filter(|column| **column != "crid") {
                sql.push(format_args!(", r.{column}"));
            }
            sql.push(format_args!(" FROM {} AS r WHERE r.pool = ", self.table.name()))
                .push_bind(self.pool.0)
                .push(self.table.and_live("r"));
            self.scan.push_range(sql, "r", *part);
            for condition in &scanned {
                sql.push(" AND ");
                condition.push(sql, self.table, "r", self.pool);
            }
            sql.push(" ORDER BY ")
                .push(self.scan.within(self.scan.key(), "r"))
                .push(" LIMIT ")
                .push_bind(entries)
                .push(")");
        }
        // If the first part exceeds the limit, the second part is not reached.
        sql.push(") AS w LIMIT ").push_bind(entries).push(") AS w WHERE true");
        for condition in rest {
            sql.push(" AND ");
            condition.push(sql, self.table, "w", self.pool);
        }
        sql.push(" LIMIT ")
            .push_bind(self.rows())
            .push(" OFFSET ")
            .push_bind(self.scan.offset)
            .push(")");
    }

    /// The maximum number of entries of the scan. If the index alone decides, scanning deep is cheaper than sorting all
    /// matches.
    fn entries(&self, rest: &[&SqlCondition<'_>]) -> i64 {
        let (limit, deeper) = if rest
            .iter()
            .any(|condition| matches!(condition, SqlCondition::Metadata(_)))
        {
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
        sql.push(format_args!(
            "(SELECT r.pool, r.crid, r.email_key, r.first_key, r.last_key FROM {} AS r WHERE ",
            self.table.name()
        ));
        self.push_checked(sql, "r");
        sql.push(" OFFSET 0)");
    }

    pub(super) fn push_by_key(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push(format_args!(
            "(SELECT * FROM {} AS r WHERE r.pool = ",
            self.table.name()
        ))
        .push_bind(self.pool.0)
        .push(self.table.and_live("r"));
        for condition in self.conditions.iter().filter(|condition| condition.is_exact()) {
            sql.push(" AND ");
            condition.push(sql, self.table, "r", self.pool);
        }
        sql.push(" OFFSET 0)");
    }

    /// All conditions on a candidate: terms may collide, and grams ignore their order.
    pub(super) fn push_checked(&self, sql: &mut QueryBuilder<Postgres>, alias: &str) {
        sql.push(format_args!("{alias}.pool = "))
            .push_bind(self.pool.0)
            .push(self.table.and_live(alias));
        // The index has just checked the metadata, and reading the terms of a row is expensive.
        self.push_conditions(sql, alias, |condition| {
            self.strategy() == SearchStrategy::Exact || !matches!(condition, SqlCondition::Metadata(_))
        });
    }

    pub(super) fn push_conditions(
        &self,
        sql: &mut QueryBuilder<Postgres>,
        alias: &str,
        which: impl Fn(&SqlCondition<'a>) -> bool,
    ) {
        for condition in self.conditions.iter().filter(|condition| which(condition)) {
            sql.push(" AND ");
            condition.push(sql, self.table, alias, self.pool);
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
        sql.push(format_args!(
            "SELECT {}::bigint FROM {table} AS r WHERE ",
            self.tag.number()
        ));
        self.push_checked(sql, "r");
        if by_terms {
            sql.push(" AND r.search_terms @> ")
                .push_bind(search_terms::for_filter(self.pool, &self.query.filter));
        }
    }
}

//! Collects the matches that the index scan has not reached: all if they are few, else those that the page can hold.
//!
//! Of many matches, the first ones in the table are a sample. The page ends at the latest where the sample has enough rows
//! for it; matches beyond this bound are not read (ADR 0079).

use sqlx::{Postgres, QueryBuilder};

use super::{
    index_scan::{FIRST_BEYOND_ASCII, SortPart},
    sql::push_sql,
    statement::{SearchStatement, SearchStrategy},
};
use crate::search_terms;

impl SearchStatement<'_> {
    /// Writes the CTEs that end in `gathered`, the page's rows.
    pub(super) fn push_gathered(&self, sql: &mut QueryBuilder<Postgres>, strategy: SearchStrategy) {
        match self.sample(strategy) {
            None => push_sql!(sql; "gathered AS MATERIALIZED (SELECT * FROM (", @self.push_matches(sql, strategy)),
            Some(sample) => {
                push_sql!(sql; "sampled AS MATERIALIZED (", @self.push_matches(sql, strategy), " LIMIT ", ?sample);
                push_sql!(sql; "), bound AS MATERIALIZED (SELECT s.part, s.k, s.crid FROM sampled AS s");
                push_sql!(sql; " WHERE (SELECT count(*) FROM sampled) = ", ?sample, @self.push_sorted(sql, "s"));
                push_sql!(sql; " LIMIT 1 OFFSET ", ?self.scan.offset + self.rows() - 1, ")");
                if self.scan.is_covering() {
                    self.push_earlier_initials(sql);
                }
                push_sql!(sql; ", gathered AS MATERIALIZED (SELECT * FROM (SELECT * FROM sampled");
                push_sql!(sql; " WHERE NOT EXISTS (SELECT FROM bound)", @self.push_bounded(sql));
            }
        }
        push_sql!(sql; ") AS g", @self.push_sorted(sql, "g"), @self.push_limit(sql), ")");
    }

    /// The sample size; `None` if all matches are read.
    fn sample(&self, strategy: SearchStrategy) -> Option<i64> {
        let sample = self.budget.sample.of_page(self.rows());
        // A bound that excludes little costs more than it saves.
        let pays = self.scan.offset.saturating_add(self.rows()) <= sample / 4;
        // Shared search terms are found in the index of the other table, which does not have the orders of this one.
        (strategy == SearchStrategy::ScanThenTerms && pays && !self.table.shares_terms()).then_some(sample)
    }

    fn push_sorted(&self, sql: &mut QueryBuilder<Postgres>, alias: &str) {
        push_sql!(sql; " ORDER BY {alias}.part, ", self.scan.within("k", alias));
    }

    fn push_matches(&self, sql: &mut QueryBuilder<Postgres>, strategy: SearchStrategy) {
        let (key, part) = (self.scan.key(), self.scan.part_of("g"));
        push_sql!(sql; "SELECT {part} AS part, g.{key} AS k, g.crid FROM ");
        match strategy {
            SearchStrategy::Exact => self.push_by_key(sql),
            SearchStrategy::ScanThenNames => self.push_by_name(sql),
            SearchStrategy::Scan | SearchStrategy::ScanThenTerms => self.push_by_terms(sql),
        }
        push_sql!(sql; " AS g WHERE true");
        if strategy != SearchStrategy::ScanThenNames {
            push_sql!(sql; " AND ", @self.push_checked(sql, "g"));
        }
        if strategy != SearchStrategy::Exact {
            // A condition without columns: Postgres tests it once, before it reads anything.
            push_sql!(sql; " AND (SELECT count(*) FROM scanned) <= ", ?i64::from(self.query.size));
        }
        if self.scan.is_after() {
            push_sql!(sql; " AND (false");
            for part in self.scan.parts() {
                push_sql!(sql; " OR (true", @self.scan.push_range(sql, "g", *part), ")");
            }
            push_sql!(sql; ")");
        }
    }

    /// The matches up to the bound, each after `UNION ALL`: from the search-term index combined with another index.
    fn push_bounded(&self, sql: &mut QueryBuilder<Postgres>) {
        let (parts, key) = (self.scan.parts(), self.scan.key());
        let (filled, empty) = (parts.contains(&SortPart::Filled), parts.contains(&SortPart::Empty));
        let is_in = |part: SortPart| format!("(SELECT part FROM bound) = {}", part as u8);
        if filled {
            self.push_branch(sql, SortPart::Filled, &is_in(SortPart::Filled), |sql| {
                // An index that has all columns of the conditions is read faster than the lists of search terms.
                if !self.is_answered_by_order_index() {
                    self.push_having_terms(sql);
                }
                self.scan.push_up_to(sql, "r", SortPart::Filled);
            });
        }
        if filled && self.scan.is_covering() {
            self.push_branch(sql, SortPart::Filled, "EXISTS (SELECT FROM bound)", |sql| {
                self.push_having_terms(sql);
                push_sql!(sql; " AND r.search_terms && (SELECT terms FROM earlier_initials)");
            });
            self.push_branch(sql, SortPart::Filled, &self.scan.are_beyond_ascii_earlier(), |sql| {
                self.push_having_terms(sql);
                push_sql!(sql; " AND r.{key} >= chr({FIRST_BEYOND_ASCII})");
            });
        } else if filled && empty {
            self.push_branch(sql, SortPart::Filled, &is_in(SortPart::Empty), |sql| {
                self.push_having_terms(sql);
            });
        }
        if empty {
            self.push_branch(sql, SortPart::Empty, &is_in(SortPart::Empty), |sql| {
                self.push_having_terms(sql);
                self.scan.push_up_to(sql, "r", SortPart::Empty);
            });
        }
    }

    /// The matches in one part, restricted by `narrow`, if the condition `given` on the bound holds.
    fn push_branch(
        &self,
        sql: &mut QueryBuilder<Postgres>,
        part: SortPart,
        given: &str,
        narrow: impl FnOnce(&mut QueryBuilder<Postgres>),
    ) {
        let (part_number, key, table) = (part as u8, self.scan.key(), self.table.name());
        push_sql!(sql; " UNION ALL SELECT {part_number} AS part, r.{key} AS k, r.crid FROM {table} AS r WHERE ");
        self.push_checked(sql, "r");
        self.scan.push_range(sql, "r", part);
        narrow(sql);
        push_sql!(sql; " AND ", given);
    }

    /// The search terms of the ASCII initials that come before the initial of the bound and occur in the table.
    fn push_earlier_initials(&self, sql: &mut QueryBuilder<Postgres>) {
        let (key, table) = (self.scan.key(), self.table.name());
        let initials = search_terms::for_initials(self.pool, self.scan.column);
        push_sql!(sql; ", earlier_initials AS MATERIALIZED (SELECT array_agg(i.term) AS terms FROM bound AS b");
        push_sql!(sql; " CROSS JOIN unnest(", ?initials, "::bigint[]) WITH ORDINALITY AS i (term, code)");
        push_sql!(sql; " CROSS JOIN LATERAL (SELECT FROM {table} AS r WHERE r.pool = ", ?self.pool.0);
        push_sql!(sql; self.table.and_live("r"), " AND r.{key} >= chr(i.code::int) AND r.{key} < chr(i.code::int + 1)");
        push_sql!(sql; " ORDER BY r.{key} LIMIT 1) AS r WHERE ", self.scan.is_earlier("i.code", "b"), ")");
    }
}

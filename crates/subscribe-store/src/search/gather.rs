//! Collects the matches that the index scan has not reached: all if they are few, else those that the page can hold.
//!
//! Of many matches, the first ones in the table are a sample. The page ends at the latest where the sample has enough rows
//! for it; matches beyond this bound are not read (ADR 0079).

use sqlx::{Postgres, QueryBuilder};

use super::{
    index_scan::{FIRST_BEYOND_ASCII, SortPart},
    statement::{SearchStatement, SearchStrategy},
};
use crate::search_terms;

impl SearchStatement<'_> {
    /// Writes the CTEs that end in `gathered`, the page's rows.
    pub(super) fn push_gathered(&self, sql: &mut QueryBuilder<Postgres>, strategy: SearchStrategy) {
        let sample = self.sample(strategy);
        sql.push(if sample.is_some() {
            "sampled AS MATERIALIZED ("
        } else {
            "gathered AS MATERIALIZED (SELECT * FROM ("
        });
        self.push_matches(sql, strategy);
        if let Some(sample) = sample {
            sql.push(" LIMIT ").push_bind(sample).push(
                "), bound AS MATERIALIZED (SELECT s.part, s.k, s.crid FROM sampled AS s WHERE (SELECT count(*) FROM sampled) = ",
            );
            sql.push_bind(sample);
            self.push_sorted(sql, "s");
            sql.push(" LIMIT 1 OFFSET ")
                .push_bind(self.scan.offset + self.rows() - 1)
                .push(")");
            if self.scan.is_covering() {
                self.push_earlier_initials(sql);
            }
            sql.push(
                ", gathered AS MATERIALIZED (SELECT * FROM (SELECT * FROM sampled WHERE NOT EXISTS (SELECT FROM bound)",
            );
            self.push_bounded(sql);
        }
        sql.push(") AS g");
        self.push_sorted(sql, "g");
        sql.push(" LIMIT ")
            .push_bind(self.rows())
            .push(" OFFSET ")
            .push_bind(self.scan.offset)
            .push(")");
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
        sql.push(format_args!(" ORDER BY {alias}.part, {}", self.scan.within("k", alias)));
    }

    /// All matches that the page can hold.
    fn push_matches(&self, sql: &mut QueryBuilder<Postgres>, strategy: SearchStrategy) {
        let key = self.scan.key();
        sql.push(format_args!(
            "SELECT {} AS part, g.{key} AS k, g.crid FROM ",
            self.scan.part_of("g")
        ));
        match strategy {
            SearchStrategy::Exact => self.push_by_key(sql),
            SearchStrategy::ScanThenNames => self.push_by_name(sql),
            SearchStrategy::Scan | SearchStrategy::ScanThenTerms => self.push_by_terms(sql),
        }
        sql.push(" AS g WHERE true");
        if strategy != SearchStrategy::ScanThenNames {
            sql.push(" AND ");
            self.push_checked(sql, "g");
        }
        if strategy != SearchStrategy::Exact {
            // A condition without columns: Postgres tests it once, before it reads anything.
            sql.push(" AND (SELECT count(*) FROM scanned) <= ")
                .push_bind(i64::from(self.query.size));
        }
        if self.scan.is_after() {
            sql.push(" AND (");
            for (n, part) in self.scan.parts().iter().enumerate() {
                sql.push(if n == 0 { "(true" } else { " OR (true" });
                self.scan.push_range(sql, "g", *part);
                sql.push(")");
            }
            sql.push(")");
        }
    }

    /// The matches up to the bound, each after `UNION ALL`: from the search-term index combined with another index.
    fn push_bounded(&self, sql: &mut QueryBuilder<Postgres>) {
        let parts = self.scan.parts();
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
                sql.push(" AND r.search_terms && (SELECT terms FROM earlier_initials)");
            });
            self.push_branch(sql, SortPart::Filled, &self.scan.are_beyond_ascii_earlier(), |sql| {
                self.push_having_terms(sql);
                sql.push(format_args!(" AND r.{} >= chr({FIRST_BEYOND_ASCII})", self.scan.key()));
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
        let key = self.scan.key();
        sql.push(format_args!(
            " UNION ALL SELECT {} AS part, r.{key} AS k, r.crid FROM {} AS r WHERE ",
            part as u8,
            self.table.name(),
        ));
        self.push_checked(sql, "r");
        self.scan.push_range(sql, "r", part);
        narrow(sql);
        sql.push(" AND ").push(given);
    }

    /// The array is a sub-select, as in `Table::push_with_terms`.
    fn push_having_terms(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push(" AND r.search_terms @> (SELECT ")
            .push_bind(search_terms::for_filter(self.pool, &self.query.filter))
            .push("::bigint[])");
    }

    /// The search terms of the ASCII initials that come before the initial of the bound and occur in the table.
    fn push_earlier_initials(&self, sql: &mut QueryBuilder<Postgres>) {
        let key = self.scan.key();
        sql.push(", earlier_initials AS MATERIALIZED (SELECT array_agg(i.term) AS terms FROM bound AS b CROSS JOIN unnest(")
            .push_bind(search_terms::for_initials(self.pool, self.scan.column))
            .push(format_args!(
                ") WITH ORDINALITY AS i (term, code) CROSS JOIN LATERAL (SELECT FROM {} AS r WHERE r.pool = ",
                self.table.name()
            ))
            .push_bind(self.pool.0)
            .push(self.table.and_live("r"))
            .push(format_args!(
                " AND r.{key} >= chr(i.code::int) AND r.{key} < chr(i.code::int + 1) ORDER BY r.{key} LIMIT 1) AS r WHERE {})",
                self.scan.is_earlier("i.code", "b")
            ));
    }
}

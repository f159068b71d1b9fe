//! The matches that a walk has not met: all of them where they are few, else those that the page can hold.
//!
//! Of many matches, the first few that the table happens to hold are a sample. As many of these as the page has rows are a bound:
//! the page ends at the last of them or sooner, and no match beyond it is read. ADR 0079 says why, and what it saves.

use sqlx::{Postgres, QueryBuilder};

use super::{
    order::{FIRST_BEYOND_ASCII, Part},
    statement::{Statement, Way},
};
use crate::tokens;

impl Statement<'_> {
    /// Writes the tables that end in `gathered`, the page's rows.
    pub(super) fn push_gathered(&self, sql: &mut QueryBuilder<Postgres>, way: Way) {
        let sample = self.sample(way);
        sql.push(if sample.is_some() {
            "sampled AS MATERIALIZED ("
        } else {
            "gathered AS MATERIALIZED (SELECT * FROM ("
        });
        self.push_matches(sql, way);
        if let Some(sample) = sample {
            sql.push(" LIMIT ").push_bind(sample).push(
                "), bound AS MATERIALIZED (SELECT s.part, s.k, s.crid FROM sampled AS s WHERE (SELECT count(*) FROM sampled) = ",
            );
            sql.push_bind(sample);
            self.push_sorted(sql, "s");
            sql.push(" LIMIT 1 OFFSET ")
                .push_bind(self.walk.offset + self.rows() - 1)
                .push(")");
            if self.walk.is_covering() {
                self.push_sooner(sql);
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
            .push_bind(self.walk.offset)
            .push(")");
    }

    /// How many matches are looked at before their order decides which others are; none where all are.
    fn sample(&self, way: Way) -> Option<i64> {
        let sample = self.budget.sample.of_page(self.rows());
        // A bound that keeps nearly all costs more than it saves.
        let pays = self.walk.offset.saturating_add(self.rows()) <= sample / 4;
        // Tokens that another row keeps are found by the index of that row's table, which has none of our orders.
        (way == Way::WalkThenGather && pays && !self.table.shares_tokens()).then_some(sample)
    }

    fn push_sorted(&self, sql: &mut QueryBuilder<Postgres>, alias: &str) {
        sql.push(format_args!(" ORDER BY {alias}.part, {}", self.walk.within("k", alias)));
    }

    /// Every match that the page can hold.
    fn push_matches(&self, sql: &mut QueryBuilder<Postgres>, way: Way) {
        let key = self.walk.key();
        sql.push(format_args!(
            "SELECT {} AS part, g.{key} AS k, g.crid FROM ",
            self.walk.part_of("g")
        ));
        match way {
            Way::Exact => self.push_by_key(sql),
            Way::WalkThenName => self.push_by_name(sql),
            Way::Walk | Way::WalkThenGather => self.push_by_tokens(sql),
        }
        sql.push(" AS g WHERE true");
        if way != Way::WalkThenName {
            sql.push(" AND ");
            self.push_checked(sql, "g");
        }
        if way != Way::Exact {
            // A condition without columns is tested once, before anything is read.
            sql.push(" AND (SELECT count(*) FROM walked) <= ")
                .push_bind(i64::from(self.query.size));
        }
        if self.walk.is_after() {
            sql.push(" AND (");
            for (n, part) in self.walk.parts().iter().enumerate() {
                sql.push(if n == 0 { "(true" } else { " OR (true" });
                self.walk.push_range(sql, "g", *part);
                sql.push(")");
            }
            sql.push(")");
        }
    }

    /// The matches up to the bound, each after `UNION ALL`: what both the index of tokens and another one lead to.
    fn push_bounded(&self, sql: &mut QueryBuilder<Postgres>) {
        let parts = self.walk.parts();
        let (filled, empty) = (parts.contains(&Part::Filled), parts.contains(&Part::Empty));
        let is_in = |part: Part| format!("(SELECT part FROM bound) = {}", part as u8);
        if filled {
            self.push_branch(sql, Part::Filled, &is_in(Part::Filled), |sql| {
                // An index that can tell whether a row matches is read faster than the lists of tokens.
                if !self.is_told_by_index() {
                    self.push_having_tokens(sql);
                }
                self.walk.push_up_to(sql, "r", Part::Filled);
            });
        }
        if filled && self.walk.is_covering() {
            self.push_branch(sql, Part::Filled, "EXISTS (SELECT FROM bound)", |sql| {
                self.push_having_tokens(sql);
                sql.push(" AND r.tokens && (SELECT tokens FROM sooner)");
            });
            self.push_branch(sql, Part::Filled, &self.walk.are_others_sooner(), |sql| {
                self.push_having_tokens(sql);
                sql.push(format_args!(" AND r.{} >= chr({FIRST_BEYOND_ASCII})", self.walk.key()));
            });
        } else if filled && empty {
            self.push_branch(sql, Part::Filled, &is_in(Part::Empty), |sql| {
                self.push_having_tokens(sql);
            });
        }
        if empty {
            self.push_branch(sql, Part::Empty, &is_in(Part::Empty), |sql| {
                self.push_having_tokens(sql);
                self.walk.push_up_to(sql, "r", Part::Empty);
            });
        }
    }

    /// The matches in one part that the condition narrows it to, where what `given` says of the bound is true.
    fn push_branch(
        &self,
        sql: &mut QueryBuilder<Postgres>,
        part: Part,
        given: &str,
        narrow: impl FnOnce(&mut QueryBuilder<Postgres>),
    ) {
        let key = self.walk.key();
        sql.push(format_args!(
            " UNION ALL SELECT {} AS part, r.{key} AS k, r.crid FROM {} AS r WHERE ",
            part as u8,
            self.table.name(),
        ));
        self.push_checked(sql, "r");
        self.walk.push_range(sql, "r", part);
        narrow(sql);
        sql.push(" AND ").push(given);
    }

    /// As in `Table::push_with_tokens`, the array is an unknown to the planner.
    fn push_having_tokens(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push(" AND r.tokens @> (SELECT ")
            .push_bind(tokens::of_filter(self.pool, &self.query.filter))
            .push("::bigint[])");
    }

    /// The tokens of the ASCII initials that come sooner than that of the bound, of those that any row has.
    fn push_sooner(&self, sql: &mut QueryBuilder<Postgres>) {
        let key = self.walk.key();
        sql.push(", sooner AS MATERIALIZED (SELECT array_agg(i.token) AS tokens FROM bound AS b CROSS JOIN unnest(")
            .push_bind(tokens::of_initials(self.pool, self.walk.column))
            .push(format_args!(
                ") WITH ORDINALITY AS i (token, code) CROSS JOIN LATERAL (SELECT FROM {} AS r WHERE r.pool = ",
                self.table.name()
            ))
            .push_bind(self.pool.0)
            .push(self.table.and_live("r"))
            .push(format_args!(
                " AND r.{key} >= chr(i.code::int) AND r.{key} < chr(i.code::int + 1) ORDER BY r.{key} LIMIT 1) AS r WHERE {})",
                self.walk.is_sooner("i.code", "b")
            ));
    }
}

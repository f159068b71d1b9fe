//! The total of a list, computed in the statement of its page.

use masthead_domain::query::{CountMode, Position};
use sqlx::{Postgres, QueryBuilder};

use super::{
    condition::SqlCondition,
    statement::{SearchStatement, SearchStrategy},
};
use crate::search_terms;

impl SearchStatement<'_> {
    pub(super) fn counts_by_terms_first(&self) -> bool {
        self.query.count == CountMode::Exact
            && self.strategy() == SearchStrategy::ScanThenTerms
            && !self.terms_decide()
            && self.index_covers_conditions()
    }

    /// Whether the search-term index alone can count the matches; not if another table's terms count too.
    fn terms_decide(&self) -> bool {
        search_terms::decide(&self.query.filter) && !self.table.shares_terms()
    }

    fn index_covers_conditions(&self) -> bool {
        !self
            .conditions
            .iter()
            .any(|condition| matches!(condition, SqlCondition::Metadata(_)))
    }

    /// The total, or NULL. A page that is not full determines it.
    pub(super) fn push_total(&self, sql: &mut QueryBuilder<Postgres>) {
        if self.query.count != CountMode::Exact {
            if self.query.count == CountMode::Estimate && matches!(self.query.position, Position::Offset(_)) {
                sql.push("CASE WHEN ");
                self.push_total_of_last_page(sql);
                sql.push(" END");
            } else {
                sql.push("NULL::bigint");
            }
            return;
        }
        if matches!(self.query.position, Position::Offset(_)) {
            sql.push("CASE WHEN ");
            self.push_total_of_last_page(sql);
            sql.push(" ELSE ");
            self.push_count(sql);
            sql.push(" END");
        } else {
            self.push_count(sql);
        }
    }

    fn push_total_of_last_page(&self, sql: &mut QueryBuilder<Postgres>) {
        let least = i64::from(self.scan.offset > 0);
        sql.push("(SELECT count(*) FROM picked) BETWEEN ")
            .push_bind(least)
            .push(" AND ")
            .push_bind(i64::from(self.query.size))
            .push(" THEN ")
            .push_bind(self.scan.offset)
            .push(" + (SELECT count(*) FROM picked)");
    }

    fn push_count(&self, sql: &mut QueryBuilder<Postgres>) {
        match self.strategy() {
            SearchStrategy::Exact => {
                sql.push("(SELECT count(*) FROM ");
                self.push_by_key(sql);
                sql.push(" AS g WHERE ");
                self.push_checked(sql, "g");
                sql.push(")");
            }
            SearchStrategy::ScanThenTerms if self.terms_decide() => {
                // No row is read: Postgres counts in the index what is visible to all transactions.
                sql.push(format_args!(
                    "(SELECT count(*) FROM {} AS r WHERE r.search_terms @> (SELECT ",
                    self.table.name()
                ))
                .push_bind(search_terms::for_filter(self.pool, &self.query.filter))
                .push("::bigint[]))");
            }
            SearchStrategy::ScanThenTerms if !self.index_covers_conditions() => {
                sql.push("(SELECT count(*) FROM ");
                self.push_by_terms(sql);
                sql.push(" AS g WHERE ");
                self.push_checked(sql, "g");
                sql.push(")");
            }
            SearchStrategy::ScanThenTerms => {
                sql.push("CASE WHEN (SELECT n FROM few) <= ")
                    .push_bind(self.budget.count_by_terms)
                    .push(" THEN (SELECT n FROM few) ELSE ");
                self.push_count_along(sql);
                sql.push(" END");
            }
            SearchStrategy::Scan | SearchStrategy::ScanThenNames => self.push_count_along(sql),
        }
    }

    fn push_count_along(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push(format_args!("(SELECT count(*) FROM {} AS r WHERE ", self.table.name()));
        self.push_checked(sql, "r");
        sql.push(")");
    }
}

//! The total of a list, computed in the statement of its page.

use masthead_domain::query::Position;
use sqlx::{Postgres, QueryBuilder};

use super::{
    condition::SqlCondition,
    sql::push_sql,
    statement::{SearchStatement, SearchStrategy, TotalMode},
};
use crate::search_terms;

impl SearchStatement<'_> {
    pub(super) fn counts_by_terms_first(&self, total: TotalMode) -> bool {
        total == TotalMode::Counted
            && self.strategy() == SearchStrategy::ScanThenTerms
            && !self.terms_decide()
            && self.index_covers_conditions()
    }

    /// Whether the search-term index alone can count the matches; not if another table's terms count too.
    fn terms_decide(&self) -> bool {
        search_terms::decide(&self.query.filter) && !self.table.shares_terms()
    }

    fn index_covers_conditions(&self) -> bool {
        !self.conditions.iter().any(SqlCondition::is_metadata)
    }

    /// The total, or NULL. A page that is not full determines it.
    pub(super) fn push_total(&self, sql: &mut QueryBuilder<Postgres>, total: TotalMode) {
        let by_page = matches!(self.query.position, Position::Offset(_));
        match total {
            TotalMode::Counted if by_page => {
                push_sql!(sql; @self.push_total_of_last_page(sql), " ELSE ", @self.push_count(sql), " END");
            }
            TotalMode::Counted => self.push_count(sql),
            TotalMode::OfPage | TotalMode::Maintained if by_page => {
                push_sql!(sql; @self.push_total_of_last_page(sql), " END");
            }
            TotalMode::OfPage | TotalMode::Maintained | TotalMode::Unwanted => push_sql!(sql; "NULL::bigint"),
        }
    }

    fn push_total_of_last_page(&self, sql: &mut QueryBuilder<Postgres>) {
        let least = i64::from(self.scan.offset > 0);
        push_sql!(sql; "CASE WHEN (SELECT count(*) FROM picked) BETWEEN ", ?least, " AND ", ?i64::from(self.query.size));
        push_sql!(sql; " THEN ", ?self.scan.offset, " + (SELECT count(*) FROM picked)");
    }

    fn push_count(&self, sql: &mut QueryBuilder<Postgres>) {
        let counted = "(SELECT count(*) FROM ";
        match self.strategy() {
            SearchStrategy::Exact => {
                push_sql!(sql; counted, @self.push_by_key(sql), " AS g WHERE ", @self.push_checked(sql, "g"), ")");
            }
            SearchStrategy::ScanThenTerms if self.terms_decide() => {
                // No row is read: Postgres counts in the index what is visible to all transactions.
                push_sql!(sql; counted, self.table.name(), " AS r WHERE true", @self.push_having_terms(sql), ")");
            }
            SearchStrategy::ScanThenTerms if !self.index_covers_conditions() => {
                push_sql!(sql; counted, @self.push_by_terms(sql), " AS g WHERE ", @self.push_checked(sql, "g"), ")");
            }
            SearchStrategy::ScanThenTerms => {
                push_sql!(sql; "CASE WHEN (SELECT n FROM few) <= ", ?self.budget.count_by_terms);
                push_sql!(sql; " THEN (SELECT n FROM few) ELSE ", @self.push_count_along(sql), " END");
            }
            SearchStrategy::Scan | SearchStrategy::ScanThenNames => self.push_count_along(sql),
        }
    }

    fn push_count_along(&self, sql: &mut QueryBuilder<Postgres>) {
        let table = self.table.name();
        push_sql!(sql; "(SELECT count(*) FROM {table} AS r WHERE ", @self.push_checked(sql, "r"), ")");
    }
}

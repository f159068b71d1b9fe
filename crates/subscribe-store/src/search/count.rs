//! The total of a list, in the statement of its page: by whichever index has all that it takes.

use masthead_domain::query::{CountMode, Position};
use sqlx::{Postgres, QueryBuilder};

use super::{
    condition::Condition,
    statement::{Statement, Way},
};
use crate::tokens;

impl Statement<'_> {
    pub(super) fn counts_by_tokens_first(&self) -> bool {
        self.query.count == CountMode::Exact
            && self.way() == Way::WalkThenGather
            && !self.tokens_say_all()
            && self.index_covers_conditions()
    }

    /// Whether the matches can be counted in the index of tokens alone; not where another table's tokens count as well.
    fn tokens_say_all(&self) -> bool {
        tokens::say_all(&self.query.filter) && !self.table.shares_tokens()
    }

    fn index_covers_conditions(&self) -> bool {
        !self
            .conditions
            .iter()
            .any(|condition| matches!(condition, Condition::Metadata(_)))
    }

    /// The total, or NULL. A page that is not full tells it by itself.
    pub(super) fn push_total(&self, sql: &mut QueryBuilder<Postgres>) {
        if self.query.count != CountMode::Exact {
            if self.query.count == CountMode::Estimate && matches!(self.query.position, Position::Offset(_)) {
                sql.push("CASE WHEN ");
                self.push_page_tells(sql);
                sql.push(" END");
            } else {
                sql.push("NULL::bigint");
            }
            return;
        }
        if matches!(self.query.position, Position::Offset(_)) {
            sql.push("CASE WHEN ");
            self.push_page_tells(sql);
            sql.push(" ELSE ");
            self.push_count(sql);
            sql.push(" END");
        } else {
            self.push_count(sql);
        }
    }

    fn push_page_tells(&self, sql: &mut QueryBuilder<Postgres>) {
        let least = i64::from(self.walk.offset > 0);
        sql.push("(SELECT count(*) FROM picked) BETWEEN ")
            .push_bind(least)
            .push(" AND ")
            .push_bind(i64::from(self.query.size))
            .push(" THEN ")
            .push_bind(self.walk.offset)
            .push(" + (SELECT count(*) FROM picked)");
    }

    fn push_count(&self, sql: &mut QueryBuilder<Postgres>) {
        match self.way() {
            Way::Exact => {
                sql.push("(SELECT count(*) FROM ");
                self.push_by_key(sql);
                sql.push(" AS g WHERE ");
                self.push_checked(sql, "g");
                sql.push(")");
            }
            Way::WalkThenGather if self.tokens_say_all() => {
                // Without a look at the rows, Postgres counts in the index what is visible to all.
                sql.push(format_args!(
                    "(SELECT count(*) FROM {} AS r WHERE r.tokens @> (SELECT ",
                    self.table.name()
                ))
                .push_bind(tokens::of_filter(self.pool, &self.query.filter))
                .push("::bigint[]))");
            }
            Way::WalkThenGather if !self.index_covers_conditions() => {
                sql.push("(SELECT count(*) FROM ");
                self.push_by_tokens(sql);
                sql.push(" AS g WHERE ");
                self.push_checked(sql, "g");
                sql.push(")");
            }
            Way::WalkThenGather => {
                sql.push("CASE WHEN (SELECT n FROM few) <= ")
                    .push_bind(self.budget.count_by_tokens)
                    .push(" THEN (SELECT n FROM few) ELSE ");
                self.push_count_along(sql);
                sql.push(" END");
            }
            Way::Walk | Way::WalkThenName => self.push_count_along(sql),
        }
    }

    fn push_count_along(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push(format_args!("(SELECT count(*) FROM {} AS r WHERE ", self.table.name()));
        self.push_checked(sql, "r");
        sql.push(")");
    }
}

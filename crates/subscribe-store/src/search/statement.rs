//! The one statement of a list: the page and its total, on one snapshot. ADRs 0010 and 0079 say why it has this shape.
//!
//! `walked` goes through the index of the order, row by row and no further than a budget, and keeps what meets the
//! conditions. Only when that has not filled the page, `gathered` takes the matches from the index of a name, where one is asked
//! for, or else from that of tokens, and sorts.

use masthead_domain::{query::UserQuery, tenant::PoolId};
use sqlx::{Postgres, QueryBuilder};

use super::{
    budget::Budget,
    condition::{self, Condition},
    order::Walk,
    table::Table,
};
use crate::{question::Question, tokens};

/// A list request of one pool.
pub(super) struct Statement<'a> {
    pub(super) table: &'a Table<'a>,
    pub(super) pool: PoolId,
    pub(super) query: &'a UserQuery,
    pub(super) walk: Walk<'a>,
    pub(super) conditions: Vec<Condition<'a>>,
    pub(super) budget: Budget,
    pub(super) question: Question,
}

/// How a page is come by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Along the order: every row in the range is a match.
    Walk,
    /// One index entry leads to all matches.
    Exact,
    /// Along the order for a while, then along the index of a name, which alone tells all that is asked.
    WalkThenName,
    /// Along the order for a while, then by tokens.
    WalkThenGather,
}

impl<'a> Statement<'a> {
    pub(super) fn new(
        table: &'a Table<'a>,
        pool: PoolId,
        same_state: bool,
        query: &'a UserQuery,
        budget: Budget,
    ) -> Self {
        Self {
            table,
            pool,
            query,
            walk: Walk::of(query.order, &query.position, same_state),
            conditions: condition::of(&query.filter),
            budget,
            question: Question::new(),
        }
    }

    pub(super) fn way(&self) -> Way {
        if self.conditions.iter().any(Condition::is_exact) {
            Way::Exact
        } else if self.rest().next().is_none() {
            Way::Walk
        } else if self.is_told_by_name() {
            Way::WalkThenName
        } else {
            Way::WalkThenGather
        }
    }

    /// Whether a name is asked for, and its index has all that conditions and order look at.
    fn is_told_by_name(&self) -> bool {
        self.walk.is_covered()
            && self.conditions.iter().all(Condition::is_covered)
            && self.conditions.iter().any(Condition::is_of_name)
    }

    /// Whether the index of the order has all that the conditions look at.
    pub(super) fn is_told_by_index(&self) -> bool {
        self.walk.is_covering() && self.conditions.iter().all(Condition::is_covered)
    }

    /// The conditions that the walk does not keep to by itself.
    fn rest(&self) -> impl Iterator<Item = &Condition<'a>> {
        let is_walked = |condition: &&Condition<'_>| condition.is_walked(self.walk.column, &self.conditions);
        self.conditions.iter().filter(move |condition| !is_walked(condition))
    }

    /// One more than the page, to know whether more match.
    pub(super) fn rows(&self) -> i64 {
        i64::from(self.query.size) + 1
    }

    /// Writes the statement: the question's number first, then the total, then the columns of the table. The number stands in
    /// the text, which then is no other statement's.
    pub(super) fn build(&self) -> QueryBuilder<Postgres> {
        let mut sql = QueryBuilder::new("WITH ");
        match self.way() {
            Way::Walk => {
                self.push_walked(&mut sql);
                sql.push(", picked AS (SELECT * FROM walked)");
            }
            Way::Exact => {
                self.push_gathered(&mut sql, Way::Exact);
                sql.push(", picked AS (SELECT * FROM gathered)");
            }
            way @ (Way::WalkThenName | Way::WalkThenGather) => {
                self.push_walked(&mut sql);
                sql.push(", ");
                self.push_gathered(&mut sql, way);
                sql.push(", picked AS (SELECT * FROM walked WHERE (SELECT count(*) FROM walked) > ")
                    .push_bind(i64::from(self.query.size))
                    .push(" UNION ALL SELECT * FROM gathered)");
            }
        }
        if self.counts_by_tokens_first() {
            sql.push(", few AS MATERIALIZED (SELECT count(*) AS n FROM (SELECT 1 FROM ");
            self.push_by_tokens(&mut sql);
            sql.push(" AS g WHERE ");
            self.push_checked(&mut sql, "g");
            sql.push(" LIMIT ")
                .push_bind(self.budget.count_by_tokens + 1)
                .push(") AS g)");
        }
        sql.push(format_args!("SELECT {}::bigint, t.total", self.question.number()));
        self.table.push_columns(&mut sql, self.pool);
        sql.push(" FROM (SELECT ");
        self.push_total(&mut sql);
        sql.push(
            ") AS t (total) LEFT JOIN LATERAL (SELECT p.part, p.k, m.* FROM (SELECT p.part, p.k, p.crid FROM picked AS p \
             ORDER BY p.part, ",
        )
        .push(self.walk.within("k", "p"))
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
        .push(self.walk.within("k", "m"));
        sql
    }

    fn push_walked(&self, sql: &mut QueryBuilder<Postgres>) {
        let is_walked = |condition: &&Condition<'_>| condition.is_walked(self.walk.column, &self.conditions);
        let (walked, rest): (Vec<_>, Vec<_>) = self.conditions.iter().partition(is_walked);
        let last = self.walk.offset.saturating_add(self.rows());
        let entries = if rest.is_empty() { last } else { self.entries(&rest) };
        sql.push("walked AS MATERIALIZED (SELECT w.part, w.k, w.crid FROM (SELECT * FROM (");
        for (n, part) in self.walk.parts().iter().enumerate() {
            sql.push(if n == 0 { "(SELECT " } else { " UNION ALL (SELECT " });
            sql.push(format_args!(
                "{} AS part, r.{} AS k, r.crid",
                *part as u8,
                self.walk.key()
            ));
            let mut columns: Vec<&str> = rest.iter().map(|condition| condition.column()).collect();
            columns.sort_unstable();
            columns.dedup();
            if self.table.shares_tokens() && columns.contains(&"tokens") {
                columns.push("shares_tokens");
            }
            for column in columns.iter().filter(|column| **column != "crid") {
                sql.push(format_args!(", r.{column}"));
            }
            sql.push(format_args!(" FROM {} AS r WHERE r.pool = ", self.table.name()))
                .push_bind(self.pool.0)
                .push(self.table.and_live("r"));
            self.walk.push_range(sql, "r", *part);
            for condition in &walked {
                sql.push(" AND ");
                condition.push(sql, self.table, "r", self.pool);
            }
            sql.push(" ORDER BY ")
                .push(self.walk.within(self.walk.key(), "r"))
                .push(" LIMIT ")
                .push_bind(entries)
                .push(")");
        }
        // Where the first part goes on beyond the budget, nothing of the second is met.
        sql.push(") AS w LIMIT ").push_bind(entries).push(") AS w WHERE true");
        for condition in rest {
            sql.push(" AND ");
            condition.push(sql, self.table, "w", self.pool);
        }
        sql.push(" LIMIT ")
            .push_bind(self.rows())
            .push(" OFFSET ")
            .push_bind(self.walk.offset)
            .push(")");
    }

    /// How many entries the walk may look at. Where the index alone decides, walking deep is cheaper than sorting all.
    fn entries(&self, rest: &[&Condition<'_>]) -> i64 {
        let (walk, deeper) = if rest.iter().any(|condition| matches!(condition, Condition::Metadata(_))) {
            (self.budget.walk_tokens, 0)
        } else if self.is_told_by_index() {
            (self.budget.walk_index, 4)
        } else {
            (self.budget.walk_rows, 1)
        };
        walk.of_page(self.rows())
            .saturating_add(self.walk.offset.saturating_mul(deeper))
    }

    pub(super) fn push_by_tokens(&self, sql: &mut QueryBuilder<Postgres>) {
        let wanted = tokens::of_filter(self.pool, &self.query.filter);
        self.table.push_with_tokens(sql, self.pool, &wanted, |sql, alias| {
            self.push_conditions(sql, alias, Condition::is_of_keys);
        });
    }

    /// The matches, read from an index alone: no column but its own is asked for.
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

    /// Every condition, on a candidate: tokens may collide, and grams say nothing of their order.
    pub(super) fn push_checked(&self, sql: &mut QueryBuilder<Postgres>, alias: &str) {
        sql.push(format_args!("{alias}.pool = "))
            .push_bind(self.pool.0)
            .push(self.table.and_live(alias));
        // What metadata says the index has just said, and a row's tokens are dear to fetch.
        self.push_conditions(sql, alias, |condition| {
            self.way() == Way::Exact || !matches!(condition, Condition::Metadata(_))
        });
    }

    pub(super) fn push_conditions(
        &self,
        sql: &mut QueryBuilder<Postgres>,
        alias: &str,
        which: impl Fn(&Condition<'a>) -> bool,
    ) {
        for condition in self.conditions.iter().filter(|condition| which(condition)) {
            sql.push(" AND ");
            condition.push(sql, self.table, alias, self.pool);
        }
    }

    /// What the planner is asked for an estimate of the total. The plan shows what it selects: the question's number.
    pub(super) fn build_estimate(&self) -> QueryBuilder<Postgres> {
        let mut sql = QueryBuilder::new("EXPLAIN (VERBOSE, FORMAT JSON) ");
        let by_tokens = self.way() == Way::WalkThenGather;
        self.push_estimated(&mut sql, self.table.name(), by_tokens);
        if by_tokens && self.table.shares_tokens() {
            sql.push(" UNION ALL ");
            self.push_estimated(&mut sql, Table::Registrations.name(), by_tokens);
        }
        sql
    }

    fn push_estimated(&self, sql: &mut QueryBuilder<Postgres>, table: &str, by_tokens: bool) {
        sql.push(format_args!(
            "SELECT {}::bigint FROM {table} AS r WHERE ",
            self.question.number()
        ));
        self.push_checked(sql, "r");
        if by_tokens {
            sql.push(" AND r.tokens @> ")
                .push_bind(tokens::of_filter(self.pool, &self.query.filter));
        }
    }
}

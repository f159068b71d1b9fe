//! The statements of the commonest pages, which read their rows where they find them: few nodes to start, and none of a second
//! look-up of rows that were just read.

use sqlx::{Postgres, QueryBuilder};

use super::{
    sort_order::BoundRange,
    sql::push_sql,
    statement::{SearchStatement, SearchStep, TotalMode},
};
use crate::query_tag::QueryTag;

/// Rows before a page that are rather read than found in the index alone, which costs a look-up of each row of the page.
const NEAR: i64 = 100;

impl SearchStatement<'_> {
    /// Whether the page is read from the index of the order, row by row: all entries match, users with equal values are few, and
    /// the page is near the position.
    pub(super) fn is_read_in_order(&self) -> bool {
        self.conditions
            .iter()
            .all(|condition| self.is_range_of_order(condition))
            && self.order.sorts_by_index()
            && self.order.offset <= NEAR
    }

    /// Whether no row comes before the page.
    pub(super) const fn is_first_page(&self) -> bool {
        self.order.offset == 0 && !self.order.is_after()
    }

    /// Whether this step has its rows from [`push_direct`](Self::push_direct).
    pub(super) const fn is_direct(&self, step: SearchStep<'_>) -> bool {
        match step {
            SearchStep::WholeScan => true,
            SearchStep::GatherFew { .. } => self.is_first_page(),
            _ => false,
        }
    }

    /// Writes the item of a `FROM` list with the rows of the page, in any order: `part`, `k`, the columns of the table, and what
    /// the step counts.
    pub(super) fn push_direct(&self, sql: &mut QueryBuilder<Postgres>, step: SearchStep<'_>) {
        match step {
            SearchStep::GatherFew { most } => self.push_few(sql, most),
            _ => self.push_whole_scan(sql),
        }
    }

    /// Writes the statement for the rows of the first part of the order; columns: as of [`build`](Self::build). It has no row where the
    /// page is empty.
    pub(super) fn build_in_order(&self, total: TotalMode, tag: QueryTag) -> QueryBuilder<Postgres> {
        let (key, table, page) = (self.order.key(), self.table.name(), self.table.page_alias());
        let mut builder = QueryBuilder::new("SELECT ");
        let sql = &mut builder;
        self.push_result_columns(sql, total, tag);
        push_sql!(sql; @self.push_totals(sql, total), " FROM (SELECT r.{key} AS k, r.* FROM {table} AS r WHERE ");
        push_sql!(sql; @self.push_pool(sql, "r"));
        let parts = self.parts();
        if let Some(part) = parts.first() {
            push_sql!(sql; @self.push_part_after(sql, *part), @self.push_all(sql, &self.conditions.iter().collect::<Vec<_>>(), "r"));
            push_sql!(sql; " ORDER BY ", self.order.within_part(*part, "r"), @self.push_page(sql), ") AS {page}", self.table.joins());
            push_sql!(sql; " ORDER BY ", self.order.within_part(*part, page));
        }
        builder
    }

    /// The entries of the whole pool that match, counted, and the rows of the first ones.
    fn push_whole_scan(&self, sql: &mut QueryBuilder<Postgres>) {
        let table = self.table.name();
        push_sql!(sql; "(SELECT e.part, e.k, e.matched, m.* FROM (SELECT a.part, a.k, a.crid, count(*) OVER () AS matched FROM (");
        push_sql!(sql; @self.push_entries(sql, None), ") AS a WHERE a.is_match LIMIT ", ?self.rows());
        push_sql!(sql; ") AS e CROSS JOIN LATERAL (SELECT * FROM {table} AS m WHERE m.pool = ", ?self.pool.0);
        push_sql!(sql; " AND m.crid = e.crid", self.table.and_live("m"), " OFFSET 0) AS m)");
    }

    /// The matches with their number. The limit is one of matches, before they are counted and sorted.
    fn push_few(&self, sql: &mut QueryBuilder<Postgres>, most: i64) {
        let (key, number) = (self.order.key(), self.order.number_of("r"));
        push_sql!(sql; "(SELECT c.*, count(*) OVER () AS matched FROM (SELECT {number} AS part, r.{key} AS k, r.* FROM ");
        self.push_selected(sql, SearchStep::GatherFew { most }, BoundRange::UpTo);
        push_sql!(sql; " LIMIT ", ?most + 1, ") AS c ORDER BY ", self.order.picked("c"), " LIMIT ", ?self.rows(), ")");
    }
}

//! Gatherings: the matches that indexes select, all, a sample of them, or those up to a bound of the page.

use masthead_domain::order::SortColumn;
use sqlx::{Postgres, QueryBuilder};

use super::{
    condition::SqlCondition,
    needle::{Grams, NeedleCondition},
    sort_order::BoundRange,
    sql::push_sql,
    statement::{SearchStatement, SearchStep},
};
use crate::search_terms;

/// How an index selects candidates.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Selection {
    /// One key.
    Key,
    /// The search index, ranges of other indexes, or both.
    Indexes,
    /// All entries of the index of addresses, which has what the conditions need, and then the rows of the matches.
    AddressIndex,
    /// The same without the rows: the index has what the order needs, too.
    AddressIndexOnly,
}

impl SearchStatement<'_> {
    /// Whether an index selects the matches.
    pub(super) fn can_gather(&self) -> bool {
        self.selection(SearchStep::Gather).is_some()
    }

    /// Whether one index selects the matches, by one plan for all values: the search index by whole parts of addresses and terms, or
    /// a range of a b-tree.
    pub(super) fn can_gather_few(&self) -> bool {
        let ranges = self.conditions.iter().filter(|one| one.range().is_some()).count();
        let has_parts = self.conditions.iter().any(|one| one.grams().is_some());
        let is_searched = has_parts || !self.terms.is_empty();
        let are_whole = self
            .conditions
            .iter()
            .all(|one| one.grams().is_none() || one.selective_part().is_some());
        !self.is_exact() && !self.is_scan_enough() && are_whole && (if is_searched { ranges == 0 } else { ranges == 1 })
    }

    /// Whether a bound limits what is gathered: the search index alone selects the matches, since ranges of two b-trees are not
    /// intersected.
    pub(super) fn can_bound(&self) -> bool {
        self.order.can_bound()
            && self.selection(SearchStep::GatherMany) == Some(Selection::Indexes)
            && !self.has_range()
    }

    /// Whether one of the conditions is a range of a b-tree.
    fn has_range(&self) -> bool {
        self.conditions.iter().any(|condition| condition.range().is_some())
    }

    fn selection(&self, step: SearchStep<'_>) -> Option<Selection> {
        let count = |is_one: fn(&SqlCondition<'_>) -> bool| self.conditions.iter().filter(|one| is_one(one)).count();
        let ranges = count(|condition| condition.range().is_some());
        let in_address_index = count(|condition| !condition.is_in_address_index()) == 0;
        let is_sorted_in_index = matches!(
            self.order.column,
            SortColumn::CustomerRegistrationId | SortColumn::FirstName | SortColumn::LastName
        );
        let in_search_index = !self.terms.is_empty() || count(|condition| condition.grams().is_some()) > 0;
        if self.is_exact() {
            Some(Selection::Key)
        } else if step == SearchStep::GatherMany && in_address_index && is_sorted_in_index {
            Some(Selection::AddressIndexOnly)
        } else if in_search_index || ranges == 1 || !in_address_index {
            (in_search_index || ranges > 0).then_some(Selection::Indexes)
        } else {
            // Ranges of two b-trees are not intersected. The scan of the order by address would read the same.
            (ranges > 0 || self.order.column != SortColumn::Email).then_some(Selection::AddressIndex)
        }
    }

    /// Writes the matches and the page among them, as the CTEs `matches` and `picked`.
    pub(super) fn push_gathering(&self, sql: &mut QueryBuilder<Postgres>, step: SearchStep<'_>) {
        if let SearchStep::GatherUpTo(_) = step {
            // Without a count of them, matches are sorted as they are read. All have a value.
            push_sql!(sql; "picked AS MATERIALIZED (SELECT g.part, g.k, g.crid FROM (", @self.push_matches(sql, step));
            push_sql!(sql; " OFFSET 0) AS g WHERE true", @self.push_gathered_after(sql));
            push_sql!(sql; " ORDER BY ", self.order.of_one_part("g"), @self.push_page(sql), ")");
            return;
        }
        // Candidates are planned apart from the limit: reading another index to the first matches may cost as much as to all.
        let sample = if let SearchStep::Sample { most, bound } = step {
            Some((most, bound))
        } else {
            None
        };
        let name = if sample.is_some() { "candidates" } else { "matches" };
        push_sql!(sql; "{name} AS MATERIALIZED (", @self.push_matches(sql, step));
        if let SearchStep::GatherFew { most } = step {
            push_sql!(sql; " LIMIT ", ?most + 1);
        }
        let Some((most, bound)) = sample else {
            push_sql!(sql; "), picked AS MATERIALIZED (SELECT g.part, g.k, g.crid FROM matches AS g WHERE true");
            push_sql!(sql; @self.push_gathered_after(sql), " ORDER BY ", self.order.picked("g"), @self.push_page(sql), ")");
            return;
        };
        push_sql!(sql; "), matches AS MATERIALIZED (SELECT * FROM candidates AS c LIMIT ", ?most + 1);
        push_sql!(sql; "), picked AS MATERIALIZED (SELECT g.part, g.k, g.crid FROM (SELECT *, row_number() OVER (ORDER BY ");
        push_sql!(sql; self.order.picked("g"), ") AS n FROM matches AS g WHERE true", @self.push_gathered_after(sql));
        push_sql!(sql; ") AS g WHERE CASE WHEN (SELECT count(*) FROM matches) <= ", ?most, " THEN g.n > ", ?self.order.offset);
        push_sql!(sql; " AND g.n <= ", ?self.wanted(), " ELSE g.n = ", ?bound, " END)");
    }

    /// The matches: `part`, `k` and `crid`.
    fn push_matches(&self, sql: &mut QueryBuilder<Postgres>, step: SearchStep<'_>) {
        let (key, number) = (self.order.key(), self.order.number_of("r"));
        let ranges = match step {
            SearchStep::GatherUpTo(_) => self.order.bound_ranges(),
            _ => &[BoundRange::UpTo],
        };
        for (n, range) in ranges.iter().enumerate() {
            push_sql!(sql; if n == 0 { "" } else { " UNION ALL " }, "SELECT {number} AS part, r.{key} AS k, r.crid FROM ");
            self.push_selected(sql, step, *range);
        }
    }

    /// The condition that a gathered row comes after the cursor, with a leading `AND`.
    fn push_gathered_after(&self, sql: &mut QueryBuilder<Postgres>) {
        if !self.order.is_after() {
            return;
        }
        push_sql!(sql; " AND (false");
        for part in self.order.parts() {
            let number = self.order.number(part);
            push_sql!(sql; " OR (g.part = {number}", @self.order.push_after(sql, ("g", "k"), part), ")");
        }
        push_sql!(sql; ")");
    }

    /// The rows `r` that match, read by the indexes of the selection.
    pub(super) fn push_selected(&self, sql: &mut QueryBuilder<Postgres>, step: SearchStep<'_>, range: BoundRange) {
        let table = self.table.name();
        match self.selection(step) {
            Some(Selection::AddressIndex) => {
                push_sql!(sql; "(SELECT i.crid FROM {table} AS i WHERE ", @self.push_pool(sql, "i"), @self.push_conditions(sql, "i"));
                push_sql!(sql; " OFFSET 0) AS i CROSS JOIN LATERAL (SELECT * FROM {table} AS r WHERE ");
                push_sql!(sql; @self.push_pool(sql, "r"), " AND r.crid = i.crid OFFSET 0) AS r");
            }
            Some(Selection::AddressIndexOnly) => {
                push_sql!(sql; "{table} AS r WHERE ", @self.push_pool(sql, "r"), @self.push_conditions(sql, "r"));
            }
            Some(Selection::Key) | None => {
                let exact: Vec<_> = self
                    .conditions
                    .iter()
                    .filter(|condition| condition.is_exact())
                    .collect();
                push_sql!(sql; "(SELECT * FROM {table} AS r WHERE ", @self.push_pool(sql, "r"), @self.push_all(sql, &exact, "r"));
                push_sql!(sql; " OFFSET 0) AS r WHERE true", @self.push_conditions(sql, "r"));
            }
            Some(Selection::Indexes) => {
                push_sql!(sql; "{table} AS r WHERE true", @self.push_pool_of_indexes(sql, step), @self.push_candidates(sql));
                if let SearchStep::GatherUpTo(bound) = step {
                    push_sql!(sql; " AND r.pool = ", ?self.pool.0, @self.order.push_up_to(sql, "r", bound, range));
                }
            }
        }
    }

    /// The pool of candidates: as the column of other indexes only if one of them has a range, and as the expression that only the
    /// search index has. Few candidates of a pool that has much of the table are compared as rows: their entries in the list of such
    /// a pool cost more than the rows of other pools.
    fn push_pool_of_indexes(&self, sql: &mut QueryBuilder<Postgres>, step: SearchStep<'_>) {
        if self.has_range() {
            push_sql!(sql; " AND r.pool = ", ?self.pool.0);
        }
        if !self.terms.is_empty() || self.conditions.iter().any(|condition| condition.grams().is_some()) {
            // No index is on `pool - 0`.
            let in_row = self.is_large_pool && matches!(step, SearchStep::GatherFew { .. });
            push_sql!(sql; if in_row { " AND (r.pool - 0) = " } else { " AND (r.pool + 0) = " }, ?self.pool.0);
        }
        push_sql!(sql; self.table.and_live("r"));
    }

    /// The conditions by which the search index selects candidates, and what these are checked for.
    pub(super) fn push_candidates(&self, sql: &mut QueryBuilder<Postgres>) {
        self.push_search_conditions(sql);
        for condition in &self.conditions {
            push_sql!(sql; " AND ", @condition.push_recheck(sql, self.table, "r"));
        }
    }

    /// The conditions by which the search index selects candidates.
    fn push_search_conditions(&self, sql: &mut QueryBuilder<Postgres>) {
        self.push_terms(sql);
        for condition in self.conditions.iter().filter_map(SqlCondition::grams) {
            if condition.has_many_grams() && !self.terms.is_empty() {
                // What the terms select is rather checked.
                continue;
            }
            let NeedleCondition { grams, or_not_ascii } = condition;
            push_sql!(sql; " AND (address_grams(r.email_key) ");
            match grams {
                Grams::All(grams) => push_sql!(sql; "@> ", ?grams.clone()),
                Grams::Any(grams) => push_sql!(sql; "&& ", ?grams.clone()),
            }
            if *or_not_ascii {
                push_sql!(sql; " OR r.search_terms @> ", ?vec![search_terms::not_printable_ascii()]);
            }
            push_sql!(sql; ")");
        }
    }

    fn push_terms(&self, sql: &mut QueryBuilder<Postgres>) {
        if !self.terms.is_empty() {
            push_sql!(sql; " AND r.search_terms @> ", ?self.terms.clone());
        }
    }

    /// Conditions that the planner expects as many rows to meet as the filter. Parts of addresses are patterns: statistics of grams know
    /// nothing of two that occur together.
    pub(super) fn push_estimated(&self, sql: &mut QueryBuilder<Postgres>) {
        self.push_terms(sql);
        for condition in &self.conditions {
            if let Some(pattern) = condition.email_pattern() {
                push_sql!(sql; " AND r.email_key LIKE ", ?pattern);
            }
            push_sql!(sql; " AND ", @condition.push_recheck(sql, self.table, "r"));
        }
    }

    /// The conditions of the filter, with a leading `AND` each.
    fn push_conditions(&self, sql: &mut QueryBuilder<Postgres>, alias: &str) {
        self.push_all(sql, &self.conditions.iter().collect::<Vec<_>>(), alias);
    }

    /// Whether the index of addresses has all columns of the conditions, so that it counts without reading rows.
    pub(super) fn is_counted_in_index(&self) -> bool {
        self.conditions.iter().all(SqlCondition::is_in_address_index)
    }

    /// The number of all matches.
    pub(super) fn push_count(&self, sql: &mut QueryBuilder<Postgres>) {
        push_sql!(sql; "(SELECT count(*) FROM ");
        match self.selection(SearchStep::GatherMany) {
            Some(Selection::Indexes | Selection::Key) if !self.is_counted_in_index() || self.is_exact() => {
                self.push_selected(sql, SearchStep::Gather, BoundRange::UpTo);
            }
            _ => {
                push_sql!(sql; self.table.name(), " AS r WHERE ", @self.push_pool(sql, "r"), @self.push_conditions(sql, "r"));
            }
        }
        push_sql!(sql; ")");
    }
}

#[cfg(test)]
mod tests {
    use masthead_domain::{
        email::EmailFragment,
        metadata::MetadataPair,
        order::Order,
        query::{CountMode, EmailFilter, Position, UserFilter, UserQuery},
        tenant::PoolId,
    };

    use super::*;
    use crate::{query_tag::QueryTag, search::statement::TotalMode, search::table::Table};

    #[test]
    fn two_bytes_select_only_where_nothing_else_does() {
        let selects = |part: &str, metadata: Vec<MetadataPair>| {
            let query = UserQuery {
                filter: UserFilter {
                    emails: vec![EmailFilter::Contains(EmailFragment::from_text(part))],
                    metadata,
                    ..UserFilter::default()
                },
                order: Order::default(),
                position: Position::Offset(0),
                size: 10,
                count: CountMode::None,
            };
            let statement = SearchStatement::new(&Table::Registrations, PoolId(1), false, &query);
            let sql = statement.build(SearchStep::Gather, TotalMode::Unwanted, QueryTag::new());
            sql.sql().as_str().contains("address_grams")
        };
        let city = || vec![MetadataPair::new("city", "Oslo")];
        assert!(selects("qj", Vec::new()) && selects("qjx", city()));
        assert!(!selects("qj", city()));
    }
}

//! All registrations of a filter, without pages: the conditions of exports.

use masthead_domain::{
    order::Order,
    query::{CountMode, Position, UserFilter, UserQuery},
    tenant::PoolId,
};
use sqlx::{Postgres, QueryBuilder};

use super::{sql::push_sql, statement::SearchStatement, table::Table};

/// Writes the conditions of a live registration `r` of the pool that may match the filter, as an expression of SQL. Each row must
/// still be checked: different metadata pairs may share a search term.
pub(crate) fn push_all_matches(sql: &mut QueryBuilder<Postgres>, pool: PoolId, filter: &UserFilter) {
    let query = UserQuery {
        filter: filter.clone(),
        order: Order::default(),
        position: Position::Offset(0),
        size: 1,
        count: CountMode::None,
    };
    let table = Table::Registrations;
    let statement = SearchStatement::new(&table, pool, false, &query);
    // A sub-select, so that the planner does not know its value: the statistics have no rows of a new pool.
    push_sql!(sql; "r.pool = (SELECT ", ?pool.0, "::bigint)", table.and_live("r"));
    if !statement.terms.is_empty() || statement.conditions.iter().any(|one| one.grams().is_some()) {
        // The expression that only the search index has.
        push_sql!(sql; " AND (r.pool + 0) = ", ?pool.0);
    }
    statement.push_candidates(sql);
}

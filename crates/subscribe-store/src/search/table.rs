//! The two tables that answer lists: both have the same key columns and search terms.

use masthead_domain::tenant::PoolId;
use sqlx::{Postgres, QueryBuilder};

use super::sql::push_sql;
use crate::{row::account_columns, totals::TotalsSource};

pub(crate) enum Table<'a> {
    Registrations,
    /// The mirror, if it belongs to this provider and precedence, and is complete.
    Mirror {
        provider: &'a str,
        precedence: &'a str,
    },
}

impl Table<'_> {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Registrations => "registrations",
            Self::Mirror { .. } => "mirror_entries",
        }
    }

    pub(super) const fn totals(&self) -> TotalsSource {
        match self {
            Self::Registrations => TotalsSource::Registrations,
            Self::Mirror { .. } => TotalsSource::Mirror,
        }
    }

    /// Whether some rows share the search terms of the registration with the same id.
    pub(super) const fn shares_terms(&self) -> bool {
        match self {
            Self::Registrations => false,
            Self::Mirror { .. } => true,
        }
    }

    /// The search terms of a row, wherever they are stored.
    pub(super) fn push_terms(&self, sql: &mut QueryBuilder<Postgres>, alias: &str, pool: PoolId) {
        if self.shares_terms() {
            push_sql!(sql; "CASE WHEN {alias}.shares_search_terms THEN (SELECT s.search_terms FROM registrations AS s");
            push_sql!(sql; " WHERE s.pool = ", ?pool.0, " AND s.crid = {alias}.crid AND s.deleted_at IS NULL)");
            push_sql!(sql; " ELSE {alias}.search_terms END");
        } else {
            push_sql!(sql; "{alias}.search_terms");
        }
    }

    /// The rows that have all of these terms, as a table. The array is a sub-select: with known terms the planner would use
    /// its statistics of common ones and read whole tables. `OFFSET 0` keeps other conditions out. If the terms are shared,
    /// `check` adds conditions on the registration's keys, which are the same, so that a false candidate costs no second
    /// row.
    pub(super) fn push_with_terms(
        &self,
        sql: &mut QueryBuilder<Postgres>,
        pool: PoolId,
        terms: &[i64],
        check: impl FnOnce(&mut QueryBuilder<Postgres>, &str),
    ) {
        let having = |sql: &mut QueryBuilder<Postgres>, table: &str| {
            push_sql!(sql; "SELECT * FROM {table} AS r WHERE r.search_terms @> (SELECT ", ?terms.to_vec(), "::bigint[])");
        };
        push_sql!(sql; "(", @having(sql, self.name()));
        if self.shares_terms() {
            push_sql!(sql; " UNION ALL SELECT d.* FROM (", @having(sql, Self::Registrations.name()), " OFFSET 0) AS r");
            push_sql!(sql; " CROSS JOIN LATERAL (SELECT * FROM mirror_entries AS d WHERE d.pool = ", ?pool.0);
            push_sql!(sql; " AND d.crid = r.crid AND d.shares_search_terms OFFSET 0) AS d WHERE r.pool = ", ?pool.0);
            push_sql!(sql; Self::Registrations.and_live("r"), @check(sql, "r"));
        }
        push_sql!(sql; " OFFSET 0)");
    }

    /// A condition for live rows, with a leading `AND`.
    pub(super) fn and_live(&self, alias: &str) -> String {
        match self {
            Self::Registrations => format!(" AND {alias}.deleted_at IS NULL"),
            Self::Mirror { .. } => String::new(),
        }
    }

    /// The columns of a page's row, each with a leading comma: an account; for the mirror its `as_of`, the entry, the
    /// account, and whether the mirror is complete.
    pub(super) fn push_columns(&self, sql: &mut QueryBuilder<Postgres>, pool: PoolId) {
        match self {
            Self::Registrations => push_sql!(sql; concat!(", ", account_columns!())),
            Self::Mirror { provider, precedence } => {
                push_sql!(sql; ", (SELECT s.as_of FROM mirrors AS s WHERE s.entered_to IS NULL AND s.pool = ", ?pool.0);
                push_sql!(sql; " AND s.provider = ", ?(*provider).to_owned(), " AND s.precedence = ");
                push_sql!(sql; ?(*precedence).to_owned(), ") AS as_of, m.pool AS entry_pool, m.crid AS entry_crid,");
                push_sql!(sql; " m.profile_as_of, m.profile, ", account_columns!());
                push_sql!(sql; ", (SELECT s.whole AND s.braked_at IS NULL FROM mirrors AS s WHERE s.pool = ", ?pool.0);
                push_sql!(sql; ") AS whole");
            }
        }
    }

    /// The alias of a page's row: [`account_columns!`] reads registrations from `r`.
    pub(super) const fn page_alias(&self) -> &'static str {
        match self {
            Self::Registrations => "r",
            Self::Mirror { .. } => "m",
        }
    }

    pub(super) const fn joins(&self) -> &'static str {
        match self {
            Self::Registrations => "",
            Self::Mirror { .. } => {
                " LEFT JOIN LATERAL (SELECT * FROM registrations AS r WHERE r.pool = m.pool AND r.id = m.registration_id \
                 AND r.deleted_at IS NULL OFFSET 0) AS r ON true"
            }
        }
    }
}

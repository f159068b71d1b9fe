//! The two tables that answer lists: both have the same key columns and search terms.

use masthead_domain::tenant::PoolId;
use sqlx::{Postgres, QueryBuilder};

use crate::row::account_columns;

/// The table of a list.
pub(crate) enum Table<'a> {
    /// The registrations.
    Registrations,
    /// The mirror, if it belongs to this provider and precedence, and is complete.
    Mirror {
        /// The name of the provider.
        provider: &'a str,
        /// The canonical form of the precedence.
        precedence: &'a str,
    },
}

impl Table<'_> {
    /// Its name.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Registrations => "registrations",
            Self::Mirror { .. } => "mirror_entries",
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
        if !self.shares_terms() {
            sql.push(format_args!("{alias}.search_terms"));
            return;
        }
        sql.push(format_args!(
            "CASE WHEN {alias}.shares_search_terms THEN (SELECT s.search_terms FROM registrations AS s WHERE s.pool = "
        ))
        .push_bind(pool.0)
        .push(format_args!(
            " AND s.crid = {alias}.crid AND s.deleted_at IS NULL) ELSE {alias}.search_terms END"
        ));
    }

    /// The rows that have all of these terms, as a table. The array is a sub-select: with known terms the planner would use
    /// its statistics of common ones and read whole tables. `OFFSET 0` keeps other conditions out. If the terms are shared,
    /// `check` adds conditions on the registration's keys, which are the same, so that a false candidate costs no second
    /// row.
    pub(super) fn push_with_terms(
        &self,
        sql: &mut QueryBuilder<Postgres>,
        pool: PoolId,
        search_terms: &[i64],
        check: impl FnOnce(&mut QueryBuilder<Postgres>, &str),
    ) {
        let having = |sql: &mut QueryBuilder<Postgres>, table: &str| {
            sql.push(format_args!(
                "SELECT * FROM {table} AS r WHERE r.search_terms @> (SELECT "
            ))
            .push_bind(search_terms.to_vec())
            .push("::bigint[])");
        };
        sql.push("(");
        having(sql, self.name());
        if self.shares_terms() {
            sql.push(" UNION ALL SELECT d.* FROM (");
            having(sql, Self::Registrations.name());
            sql.push(" OFFSET 0) AS r CROSS JOIN LATERAL (SELECT * FROM mirror_entries AS d WHERE d.pool = ")
                .push_bind(pool.0)
                .push(" AND d.crid = r.crid AND d.shares_search_terms OFFSET 0) AS d WHERE r.pool = ")
                .push_bind(pool.0)
                .push(Self::Registrations.and_live("r"));
            check(sql, "r");
        }
        sql.push(" OFFSET 0)");
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
            Self::Registrations => {
                sql.push(concat!(", ", account_columns!("m")));
            }
            Self::Mirror { provider, precedence } => {
                sql.push(", (SELECT s.as_of FROM mirrors AS s WHERE s.entered_to IS NULL AND s.pool = ")
                    .push_bind(pool.0)
                    .push(" AND s.provider = ")
                    .push_bind((*provider).to_owned())
                    .push(" AND s.precedence = ")
                    .push_bind((*precedence).to_owned())
                    .push(concat!(
                        "), m.pool, m.crid, m.profile_as_of, m.profile, ",
                        account_columns!("r"),
                        ", (SELECT s.whole AND s.braked_at IS NULL FROM mirrors AS s WHERE s.pool = "
                    ))
                    .push_bind(pool.0)
                    .push(")");
            }
        }
    }

    /// Further joins for a page's row.
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

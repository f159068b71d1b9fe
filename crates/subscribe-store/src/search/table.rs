//! The two tables that lists are answered from: the same keys and tokens under the same names, and what a page needs of each.

use masthead_domain::tenant::PoolId;
use sqlx::{Postgres, QueryBuilder};

use crate::row::account_columns;

/// Which table a list is answered from.
pub(crate) enum Table<'a> {
    /// The registrations.
    Registrations,
    /// The users of both sides, while the pool's directory is this provider's, merged by this precedence, and complete.
    Directory {
        /// The provider's name.
        provider: &'a str,
        /// The precedence's canonical text.
        precedence: &'a str,
    },
}

impl Table<'_> {
    /// Its name.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Registrations => "registrations",
            Self::Directory { .. } => "directory_entries",
        }
    }

    /// Whether some rows leave their tokens to the registration of the same id.
    pub(super) const fn shares_tokens(&self) -> bool {
        match self {
            Self::Registrations => false,
            Self::Directory { .. } => true,
        }
    }

    /// The tokens of a row, wherever they are.
    pub(super) fn push_tokens(&self, sql: &mut QueryBuilder<Postgres>, alias: &str, pool: PoolId) {
        if !self.shares_tokens() {
            sql.push(format_args!("{alias}.tokens"));
            return;
        }
        sql.push(format_args!(
            "CASE WHEN {alias}.shares_tokens THEN (SELECT s.tokens FROM registrations AS s WHERE s.pool = "
        ))
        .push_bind(pool.0)
        .push(format_args!(
            " AND s.crid = {alias}.crid AND s.deleted_at IS NULL) ELSE {alias}.tokens END"
        ));
    }

    /// The rows that have every one of these tokens, as a table. The array is an unknown to the planner, whose guess is then
    /// always the index: its statistics of common tokens would make it read whole tables. `OFFSET 0` keeps all other
    /// conditions out. Where tokens are another row's, `check` writes conditions on that row's keys, which are the same: a
    /// candidate that only its grams have brought costs no second row then.
    pub(super) fn push_with_tokens(
        &self,
        sql: &mut QueryBuilder<Postgres>,
        pool: PoolId,
        tokens: &[i64],
        check: impl FnOnce(&mut QueryBuilder<Postgres>, &str),
    ) {
        let having = |sql: &mut QueryBuilder<Postgres>, table: &str| {
            sql.push(format_args!("SELECT * FROM {table} AS r WHERE r.tokens @> (SELECT "))
                .push_bind(tokens.to_vec())
                .push("::bigint[])");
        };
        sql.push("(");
        having(sql, self.name());
        if self.shares_tokens() {
            sql.push(" UNION ALL SELECT d.* FROM (");
            having(sql, Self::Registrations.name());
            sql.push(" OFFSET 0) AS r CROSS JOIN LATERAL (SELECT * FROM directory_entries AS d WHERE d.pool = ")
                .push_bind(pool.0)
                .push(" AND d.crid = r.crid AND d.shares_tokens OFFSET 0) AS d WHERE r.pool = ")
                .push_bind(pool.0)
                .push(Self::Registrations.and_live("r"));
            check(sql, "r");
        }
        sql.push(" OFFSET 0)");
    }

    /// A condition for the rows that count, with `AND` before it.
    pub(super) fn and_live(&self, alias: &str) -> String {
        match self {
            Self::Registrations => format!(" AND {alias}.deleted_at IS NULL"),
            Self::Directory { .. } => String::new(),
        }
    }

    /// The columns of a page's row, each with a comma before it: of registrations those of an account; of the directory
    /// when it was true, the entry's own, the registration's account, and whether it is whole.
    pub(super) fn push_columns(&self, sql: &mut QueryBuilder<Postgres>, pool: PoolId) {
        match self {
            Self::Registrations => {
                sql.push(concat!(", ", account_columns!("m")));
            }
            Self::Directory { provider, precedence } => {
                sql.push(", (SELECT s.as_of FROM directories AS s WHERE s.entered_to IS NULL AND s.pool = ")
                    .push_bind(pool.0)
                    .push(" AND s.provider = ")
                    .push_bind((*provider).to_owned())
                    .push(" AND s.precedence = ")
                    .push_bind((*precedence).to_owned())
                    .push(concat!(
                        "), m.pool, m.crid, m.profile_as_of, m.profile, ",
                        account_columns!("r"),
                        ", (SELECT s.whole AND s.braked_at IS NULL FROM directories AS s WHERE s.pool = "
                    ))
                    .push_bind(pool.0)
                    .push(")");
            }
        }
    }

    /// What else is joined to a page's row.
    pub(super) const fn joins(&self) -> &'static str {
        match self {
            Self::Registrations => "",
            Self::Directory { .. } => {
                " LEFT JOIN LATERAL (SELECT * FROM registrations AS r WHERE r.pool = m.pool AND r.id = m.registration_id \
                 AND r.deleted_at IS NULL OFFSET 0) AS r ON true"
            }
        }
    }
}

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

    /// A condition for the rows that count, with `AND` before it.
    pub(super) fn and_live(&self, alias: &str) -> String {
        match self {
            Self::Registrations => format!(" AND {alias}.deleted_at IS NULL"),
            Self::Directory { .. } => String::new(),
        }
    }

    /// The columns of a page's row, each with a comma before it: of registrations those of an account; of the directory
    /// when it was true, the entry's own, and the registration's account.
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
                        account_columns!("r")
                    ));
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

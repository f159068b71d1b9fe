//! The two tables that answer lists: both have the same key columns and search index.

use masthead_domain::tenant::PoolId;
use sqlx::{Postgres, QueryBuilder, postgres::PgRow};

use super::sql::push_sql;
use crate::{
    row::{account_columns, is_empty},
    totals::TotalsSource,
};

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

    /// Whether the indexes of names sort equal names by id.
    pub(super) const fn sorts_names_by_id(&self) -> bool {
        match self {
            Self::Registrations => false,
            Self::Mirror { .. } => true,
        }
    }

    /// Whether its rows have the metadata, which those of a mirror have in two parts.
    pub(super) const fn has_metadata(&self) -> bool {
        match self {
            Self::Registrations => true,
            Self::Mirror { .. } => false,
        }
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

    /// Whether a row has no user, as the only row of an empty page.
    pub(super) fn is_empty_row(&self, row: &PgRow) -> bool {
        let first = match self {
            Self::Registrations => 2,
            Self::Mirror { .. } => 3,
        };
        is_empty(row, first)
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

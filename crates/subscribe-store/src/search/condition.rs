//! The conditions of a filter as SQL: each candidate row is checked against them.

use masthead_domain::{
    metadata::MetadataPair,
    order::SortColumn,
    query::{EmailFilter, UserFilter},
    state::UserState,
    tenant::PoolId,
};
use sqlx::{Postgres, QueryBuilder};

use super::{sql::push_sql, table::Table};
use crate::search_terms;

pub(super) enum SqlCondition<'a> {
    EmailIs(&'a str),
    EmailContains(&'a str),
    EmailStarts(&'a str),
    FirstNameStarts(&'a str),
    LastNameStarts(&'a str),
    CridIs(&'a str),
    /// By search term only: lower-casing is done in Rust, so the pairs are compared after the row is read.
    Metadata(&'a [MetadataPair]),
    /// The state is not *unverified*.
    Active,
}

/// The conditions of the filter that exclude any row.
pub(super) fn from_filter(filter: &UserFilter) -> Vec<SqlCondition<'_>> {
    let emails = filter.emails.iter().map(|email| match email {
        EmailFilter::Exact(key) => SqlCondition::EmailIs(key.as_str()),
        EmailFilter::Prefix(needle) => SqlCondition::EmailStarts(needle.as_str()),
        EmailFilter::Contains(needle) => SqlCondition::EmailContains(needle.as_str()),
    });
    let crids = filter.crids.iter().map(|crid| SqlCondition::CridIs(crid.as_str()));
    let first = filter
        .first_name
        .iter()
        .map(|prefix| SqlCondition::FirstNameStarts(prefix.as_str()));
    let last = filter
        .last_name
        .iter()
        .map(|prefix| SqlCondition::LastNameStarts(prefix.as_str()));
    let metadata = (!filter.metadata.is_empty()).then_some(SqlCondition::Metadata(&filter.metadata));
    emails
        .chain(crids)
        .chain(first)
        .chain(last)
        .chain(metadata)
        .chain(filter.only_active.then_some(SqlCondition::Active))
        .filter(|condition| !matches!(condition.text(), Some("")) || matches!(condition, SqlCondition::EmailIs(_)))
        .collect()
}

impl SqlCondition<'_> {
    pub(super) const fn column(&self) -> &'static str {
        match self {
            Self::EmailIs(_) | Self::EmailContains(_) | Self::EmailStarts(_) => "email_key",
            Self::FirstNameStarts(_) => "first_key",
            Self::LastNameStarts(_) => "last_key",
            Self::CridIs(_) => "crid",
            Self::Metadata(_) => "search_terms",
            Self::Active => "state",
        }
    }

    pub(super) const fn text(&self) -> Option<&str> {
        match self {
            Self::EmailIs(text)
            | Self::EmailContains(text)
            | Self::EmailStarts(text)
            | Self::FirstNameStarts(text)
            | Self::LastNameStarts(text)
            | Self::CridIs(text) => Some(text),
            Self::Metadata(_) | Self::Active => None,
        }
    }

    pub(super) const fn is_metadata(&self) -> bool {
        matches!(self, Self::Metadata(_))
    }

    /// Whether one index entry leads to all matches.
    pub(super) const fn is_exact(&self) -> bool {
        matches!(self, Self::EmailIs(_) | Self::CridIs(_))
    }

    /// Whether it is a range of the index that is ordered by this column.
    pub(super) const fn is_range_of(&self, column: SortColumn) -> bool {
        matches!(
            (self, column),
            (Self::EmailStarts(_), SortColumn::Email)
                | (Self::FirstNameStarts(_), SortColumn::FirstName)
                | (Self::LastNameStarts(_), SortColumn::LastName)
        )
    }

    /// Whether a scan in the order of this column covers it: as a range of the index; or as the state, which has no search
    /// term, if there is no other condition to search by.
    pub(super) fn is_scanned(&self, column: SortColumn, all: &[Self]) -> bool {
        let nothing_to_gather_by = || {
            all.iter()
                .all(|other| other.is_range_of(column) || matches!(other, Self::Active))
        };
        self.is_range_of(column) || (matches!(self, Self::Active) && nothing_to_gather_by())
    }

    /// Whether it is a range of a name index.
    pub(super) const fn is_of_names(&self) -> bool {
        matches!(self, Self::FirstNameStarts(_) | Self::LastNameStarts(_))
    }

    /// Whether it is about search keys, which an entry that shares its search terms has in common with its registration.
    pub(super) const fn is_of_keys(&self) -> bool {
        !matches!(self, Self::CridIs(_) | Self::Metadata(_) | Self::Active)
    }

    pub(super) const fn is_covered(&self) -> bool {
        !matches!(self, Self::Metadata(_) | Self::Active)
    }

    /// Writes the condition on the columns of `alias`.
    pub(super) fn push(&self, sql: &mut QueryBuilder<Postgres>, table: &Table<'_>, alias: &str, pool: PoolId) {
        let column = self.column();
        match self {
            Self::EmailIs(text) | Self::CridIs(text) => push_sql!(sql; "{alias}.{column} = ", ?(*text).to_owned()),
            Self::EmailContains(text) => push_sql!(sql; "strpos({alias}.{column}, ", ?(*text).to_owned(), ") > 0"),
            Self::EmailStarts(text) | Self::FirstNameStarts(text) | Self::LastNameStarts(text) => {
                push_sql!(sql; "{alias}.{column} >= ", ?(*text).to_owned());
                if let Some(end) = after_all(text) {
                    push_sql!(sql; " AND {alias}.{column} < ", ?end);
                }
            }
            Self::Metadata(pairs) => {
                push_sql!(sql; @table.push_terms(sql, alias, pool), " @> ", ?search_terms::for_pairs(pool, pairs));
            }
            // `Unverified` has the highest rank, so this is a range of the state index.
            Self::Active => push_sql!(sql; "{alias}.{column} < ", ?UserState::Unverified.rank()),
        }
    }
}

/// The smallest text, by bytes, after all texts with this prefix; `None` if there is none.
fn after_all(prefix: &str) -> Option<String> {
    let mut rest = prefix.to_owned();
    while let Some(last) = rest.pop() {
        // Surrogates are skipped, and the last code point has no successor.
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            '\u{10ffff}' => None,
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            rest.push(next);
            return Some(rest);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_end_is_after_all_its_texts() {
        for (prefix, end) in [
            ("ann", Some("ano")),
            ("a\u{10ffff}", Some("b")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("\u{10ffff}", None),
        ] {
            assert_eq!(after_all(prefix).as_deref(), end);
            if let Some(end) = end {
                assert!(*end > *format!("{prefix}\u{10ffff}\u{10ffff}"));
            }
        }
    }
}

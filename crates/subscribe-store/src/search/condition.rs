//! The conditions of a filter as SQL: what is checked again on every candidate.

use masthead_domain::{
    metadata::MetadataPair,
    order::SortColumn,
    query::{EmailFilter, UserFilter},
    state::UserState,
    tenant::PoolId,
};
use sqlx::{Postgres, QueryBuilder};

use super::table::Table;
use crate::tokens;

/// One condition that a row must meet.
pub(super) enum Condition<'a> {
    EmailIs(&'a str),
    EmailContains(&'a str),
    EmailStarts(&'a str),
    FirstNameStarts(&'a str),
    LastNameStarts(&'a str),
    CridIs(&'a str),
    /// By token alone: lower-casing is Rust's, so the pairs themselves are compared once the row is read.
    Metadata(&'a [MetadataPair]),
    /// The state is not the unverified one.
    Active,
}

/// Every condition of the filter that excludes anybody.
pub(super) fn of(filter: &UserFilter) -> Vec<Condition<'_>> {
    let emails = filter.emails.iter().map(|email| match email {
        EmailFilter::Exact(key) => Condition::EmailIs(key.as_str()),
        EmailFilter::Prefix(needle) => Condition::EmailStarts(needle.as_str()),
        EmailFilter::Contains(needle) => Condition::EmailContains(needle.as_str()),
    });
    let crids = filter.crids.iter().map(|crid| Condition::CridIs(crid.as_str()));
    let first = filter
        .first_name
        .iter()
        .map(|prefix| Condition::FirstNameStarts(prefix.as_str()));
    let last = filter
        .last_name
        .iter()
        .map(|prefix| Condition::LastNameStarts(prefix.as_str()));
    let metadata = (!filter.metadata.is_empty()).then_some(Condition::Metadata(&filter.metadata));
    emails
        .chain(crids)
        .chain(first)
        .chain(last)
        .chain(metadata)
        .chain(filter.only_active.then_some(Condition::Active))
        .filter(|condition| !matches!(condition.text(), Some("")) || matches!(condition, Condition::EmailIs(_)))
        .collect()
}

impl Condition<'_> {
    /// The column that it looks at.
    pub(super) const fn column(&self) -> &'static str {
        match self {
            Self::EmailIs(_) | Self::EmailContains(_) | Self::EmailStarts(_) => "email_key",
            Self::FirstNameStarts(_) => "first_key",
            Self::LastNameStarts(_) => "last_key",
            Self::CridIs(_) => "crid",
            Self::Metadata(_) => "tokens",
            Self::Active => "state",
        }
    }

    /// The text that is looked for.
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

    /// Whether one index entry leads to every row that meets it.
    pub(super) const fn is_exact(&self) -> bool {
        matches!(self, Self::EmailIs(_) | Self::CridIs(_))
    }

    /// Whether it is a range of the index in which this column is walked.
    pub(super) const fn is_range_of(&self, column: SortColumn) -> bool {
        matches!(
            (self, column),
            (Self::EmailStarts(_), SortColumn::Email)
                | (Self::FirstNameStarts(_), SortColumn::FirstName)
                | (Self::LastNameStarts(_), SortColumn::LastName)
        )
    }

    /// Whether a walk of this column keeps to it by itself: a range of its index; and the state, of which no token tells,
    /// where nothing else is left to gather by.
    pub(super) fn is_walked(&self, column: SortColumn, all: &[Self]) -> bool {
        let nothing_to_gather_by = || {
            all.iter()
                .all(|other| other.is_range_of(column) || matches!(other, Self::Active))
        };
        self.is_range_of(column) || (matches!(self, Self::Active) && nothing_to_gather_by())
    }

    /// Whether it is a range of the index of a name.
    pub(super) const fn is_of_name(&self) -> bool {
        matches!(self, Self::FirstNameStarts(_) | Self::LastNameStarts(_))
    }

    /// Whether it is about the keys that rows are searched by, which an entry has from its registration with the tokens.
    pub(super) const fn is_of_keys(&self) -> bool {
        !matches!(self, Self::CridIs(_) | Self::Metadata(_) | Self::Active)
    }

    /// Whether the covering indexes have its column.
    pub(super) const fn is_covered(&self) -> bool {
        !matches!(self, Self::Metadata(_) | Self::Active)
    }

    /// Writes it as an expression over the columns of `alias`.
    pub(super) fn push(&self, sql: &mut QueryBuilder<Postgres>, table: &Table<'_>, alias: &str, pool: PoolId) {
        let column = self.column();
        match self {
            Self::EmailIs(text) | Self::CridIs(text) => {
                sql.push(format_args!("{alias}.{column} = "))
                    .push_bind((*text).to_owned());
            }
            Self::EmailContains(text) => {
                sql.push(format_args!("strpos({alias}.{column}, "))
                    .push_bind((*text).to_owned())
                    .push(") > 0");
            }
            Self::EmailStarts(text) | Self::FirstNameStarts(text) | Self::LastNameStarts(text) => {
                sql.push(format_args!("{alias}.{column} >= "))
                    .push_bind((*text).to_owned());
                if let Some(end) = after_all(text) {
                    sql.push(format_args!(" AND {alias}.{column} < ")).push_bind(end);
                }
            }
            Self::Metadata(pairs) => {
                table.push_tokens(sql, alias, pool);
                sql.push(" @> ").push_bind(tokens::of_pairs(pool, pairs));
            }
            // Of all ranks the unverified one is the last, so this is a range of the index by state.
            Self::Active => {
                sql.push(format_args!("{alias}.{column} < "))
                    .push_bind(UserState::Unverified.rank());
            }
        }
    }
}

/// The first text, by bytes, after all that start with this one; `None` where there is none.
fn after_all(prefix: &str) -> Option<String> {
    let mut rest = prefix.to_owned();
    while let Some(last) = rest.pop() {
        // The code points just below the surrogates and at the very end have no successor by one.
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
    fn the_end_of_a_prefix_is_after_every_text_that_starts_with_it() {
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

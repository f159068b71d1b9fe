//! The conditions of a filter as SQL: how an index selects candidates, and how each candidate is checked.

use masthead_domain::{
    email::EmailFragment,
    metadata::MetadataPair,
    order::SortColumn,
    query::{EmailFilter, UserFilter},
    state::UserState,
};
use sqlx::{Postgres, QueryBuilder};

use super::{needle::NeedleCondition, sql::push_sql, table::Table};
use crate::{metadata_json, search_terms};

pub(super) enum SqlCondition<'a> {
    EmailIs(&'a str),
    EmailContains(EmailPart<'a>),
    EmailStarts(&'a str),
    FirstNameStarts(&'a str),
    LastNameStarts(&'a str),
    CridIs(&'a str),
    Metadata(&'a [MetadataPair]),
    /// The state is not *unverified*.
    Active,
}

/// A part of an address.
pub(super) struct EmailPart<'a> {
    text: &'a str,
    /// As it is written in the domain, where that differs.
    in_domain: Option<&'a str>,
    /// The condition on grams that all matches meet.
    grams: Option<NeedleCondition>,
}

impl<'a> EmailPart<'a> {
    fn new(fragment: &'a EmailFragment) -> Self {
        Self {
            text: fragment.as_str(),
            in_domain: fragment.in_domain(),
            grams: match fragment.in_domain() {
                None => NeedleCondition::new(fragment.as_str()),
                Some(text) => NeedleCondition::or_not_ascii(text),
            },
        }
    }
}

/// The conditions of the filter that exclude any row.
pub(super) fn from_filter(filter: &UserFilter) -> Vec<SqlCondition<'_>> {
    let emails = filter.emails.iter().map(|email| match email {
        EmailFilter::Exact(key) => SqlCondition::EmailIs(key.as_str()),
        EmailFilter::Prefix(needle) => SqlCondition::EmailStarts(needle.as_str()),
        EmailFilter::Contains(fragment) => SqlCondition::EmailContains(EmailPart::new(fragment)),
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
        .filter(SqlCondition::excludes_any)
        .collect()
}

impl SqlCondition<'_> {
    fn excludes_any(&self) -> bool {
        match self {
            Self::EmailContains(part) => !part.text.is_empty(),
            Self::EmailStarts(text) | Self::FirstNameStarts(text) | Self::LastNameStarts(text) => !text.is_empty(),
            Self::EmailIs(_) | Self::CridIs(_) | Self::Metadata(_) | Self::Active => true,
        }
    }

    /// Whether one index entry leads to all matches.
    pub(super) const fn is_exact(&self) -> bool {
        match self {
            Self::EmailIs(_) | Self::CridIs(_) => true,
            Self::EmailContains(_)
            | Self::EmailStarts(_)
            | Self::FirstNameStarts(_)
            | Self::LastNameStarts(_)
            | Self::Metadata(_)
            | Self::Active => false,
        }
    }

    /// The column by whose index the condition is a range, and what its values begin with.
    pub(super) const fn range(&self) -> Option<(SortColumn, &str)> {
        match self {
            Self::EmailStarts(text) => Some((SortColumn::Email, text)),
            Self::FirstNameStarts(text) => Some((SortColumn::FirstName, text)),
            Self::LastNameStarts(text) => Some((SortColumn::LastName, text)),
            Self::EmailIs(_) | Self::EmailContains(_) | Self::CridIs(_) | Self::Metadata(_) | Self::Active => None,
        }
    }

    /// Whether the index of addresses has the columns of the condition, so that no row is read to check it.
    pub(super) const fn is_in_address_index(&self) -> bool {
        match self {
            Self::EmailIs(_)
            | Self::EmailContains(_)
            | Self::EmailStarts(_)
            | Self::FirstNameStarts(_)
            | Self::LastNameStarts(_)
            | Self::CridIs(_) => true,
            Self::Metadata(_) | Self::Active => false,
        }
    }

    /// Whether no user without an address meets it.
    pub(super) const fn demands_address(&self) -> bool {
        matches!(self, Self::EmailIs(_) | Self::EmailContains(_) | Self::EmailStarts(_))
    }

    /// The condition on grams that all matches meet.
    pub(super) const fn grams(&self) -> Option<&NeedleCondition> {
        match self {
            Self::EmailContains(part) => part.grams.as_ref(),
            // A prefix is a range of an index, which is more exact.
            Self::EmailStarts(_)
            | Self::EmailIs(_)
            | Self::FirstNameStarts(_)
            | Self::LastNameStarts(_)
            | Self::CridIs(_)
            | Self::Metadata(_)
            | Self::Active => None,
        }
    }

    /// The part of an address that the search index finds by few grams.
    pub(super) fn selective_part(&self) -> Option<&str> {
        match self {
            Self::EmailContains(part) if part.grams.as_ref()?.is_selective() => Some(part.text),
            _ => None,
        }
    }

    /// A `LIKE` pattern of the addresses that contain the part, of which the planner has statistics.
    pub(super) fn email_pattern(&self) -> Option<String> {
        let Self::EmailContains(part) = self else { return None };
        let mut pattern = String::from("%");
        for c in part.text.chars() {
            if matches!(c, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push('%');
        Some(pattern)
    }

    /// Writes the condition on the columns of the row `alias`.
    pub(super) fn push(&self, sql: &mut QueryBuilder<Postgres>, table: &Table<'_>, alias: &str) {
        match self {
            Self::EmailIs(text) => push_sql!(sql; "{alias}.email_key = ", ?(*text).to_owned()),
            Self::CridIs(text) => push_sql!(sql; "{alias}.crid = ", ?(*text).to_owned()),
            Self::EmailContains(part) => match part.in_domain {
                None => push_sql!(sql; "strpos({alias}.email_key, ", ?part.text.to_owned(), ") > 0"),
                Some(text) => {
                    push_sql!(sql; "(strpos({alias}.email_key, ", ?part.text.to_owned(), ") > 0 OR ");
                    push_sql!(sql; "strpos({alias}.email_key, ", ?text.to_owned(), ") > 0)");
                }
            },
            Self::EmailStarts(text) => push_prefix(sql, alias, "email_key", text),
            Self::FirstNameStarts(text) => push_prefix(sql, alias, "first_key", text),
            Self::LastNameStarts(text) => push_prefix(sql, alias, "last_key", text),
            Self::Metadata(pairs) => {
                push_sql!(sql; "{alias}.search_terms @> ", ?search_terms::for_pairs(pairs), " AND ");
                push_texts(sql, table, alias, pairs);
            }
            // `Unverified` has the highest rank.
            Self::Active => push_sql!(sql; "{alias}.state < ", ?UserState::Unverified.rank()),
        }
    }

    /// The same for rows that have the terms of the filter: the planner takes a repeated condition for another one.
    pub(super) fn push_recheck(&self, sql: &mut QueryBuilder<Postgres>, table: &Table<'_>, alias: &str) {
        match self {
            Self::Metadata(pairs) => push_texts(sql, table, alias, pairs),
            other => other.push(sql, table, alias),
        }
    }
}

fn push_prefix(sql: &mut QueryBuilder<Postgres>, alias: &str, column: &str, prefix: &str) {
    push_sql!(sql; "{alias}.{column} >= ", ?prefix.to_owned());
    if let Some(end) = after_all(prefix) {
        push_sql!(sql; " AND {alias}.{column} < ", ?end);
    }
}

/// A row with the pairs. Different pairs may share a term, so that for ASCII pairs the stored texts are compared too: ASCII folds to lower
/// case, and a text with other characters may fold to ASCII. `COLLATE "C"` folds nothing else, ten times as fast as a locale.
fn push_texts(sql: &mut QueryBuilder<Postgres>, table: &Table<'_>, alias: &str, pairs: &[MetadataPair]) {
    push_sql!(sql; "true");
    if !table.has_metadata() {
        return;
    }
    for pair in pairs
        .iter()
        .filter(|pair| pair.key().is_ascii() && pair.value().is_ascii())
    {
        let json = metadata_json::pair_in_json(pair.key(), pair.value());
        push_sql!(sql; " AND (strpos({alias}.metadata::text, ", ?json.clone(), ") > 0");
        push_sql!(sql; " OR strpos(lower({alias}.metadata::text COLLATE \"C\"), ", ?json);
        push_sql!(sql; ") > 0 OR octet_length({alias}.metadata::text) > length({alias}.metadata::text)");
        let name = match pair.key() {
            "firstname" => "first_name",
            "lastname" => "last_name",
            _ => {
                push_sql!(sql; ")");
                continue;
            }
        };
        push_sql!(sql; " OR lower({alias}.{name} COLLATE \"C\") = ", ?pair.value().to_owned());
        push_sql!(sql; " OR octet_length({alias}.{name}) > length({alias}.{name}))");
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

//! Auth0's query language: the one place where a value becomes a part of a query (`providers.md` §1.3).
//!
//! Fields and operators come from here alone; a value can neither end its clause nor begin another.

use std::fmt::{self, Display, Write};

use time::{OffsetDateTime, format_description::FormatItem, macros::format_description};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth0Field {
    /// The address of the user; compared without regard to case.
    Email,
    UserId,
    /// The id of one of the user's identities, without its provider.
    IdentityId,
    /// The connection of one of the user's identities.
    IdentityConnection,
    CreatedAt,
    /// When the user was changed last, or made.
    UpdatedAt,
}

/// A moment as Auth0 writes it: to the millisecond, in UTC.
const MOMENT: &[FormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

impl Auth0Field {
    const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::UserId => "user_id",
            Self::IdentityId => "identities.user_id",
            Self::IdentityConnection => "identities.connection",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Clause {
    Is(Auth0Field, QueryValue),
    StartsWith(Auth0Field, QueryValue),
    /// The field holds this somewhere; Auth0 wants three characters at least.
    Holds(Auth0Field, QueryValue),
    /// The field is a moment not before the first (its milliseconds begun) and before the second; `None` sets no bound.
    Within(Auth0Field, Option<OffsetDateTime>, Option<OffsetDateTime>),
    Any(Vec<Self>),
}

/// A text that a query can contain: printable, not empty. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct QueryValue(Box<str>);

impl QueryValue {
    /// Takes a text to look for; `None` when it is empty or holds a control character, which no query can carry.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let good = !text.is_empty() && !text.chars().any(char::is_control);
        good.then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for QueryValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(<redacted>)")
    }
}

/// Joins all clauses to one query; `None` without clauses.
pub(crate) fn all_of(clauses: &[Clause]) -> Option<String> {
    let (first, rest) = clauses.split_first()?;
    let mut query = first.to_string();
    for clause in rest {
        let _ = write!(query, " AND {clause}");
    }
    Some(query)
}

impl Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(field, value) => write!(f, "{}:{}", field.name(), Escaped(value, EscapeForm::Phrase)),
            Self::StartsWith(field, value) => write!(f, "{}:{}*", field.name(), Escaped(value, EscapeForm::Bare)),
            Self::Holds(field, value) => write!(f, "{}:*{}*", field.name(), Escaped(value, EscapeForm::Bare)),
            Self::Within(field, from, before) => {
                write!(
                    f,
                    "{}:[{} TO {}}}",
                    field.name(),
                    MomentBound(from),
                    MomentBound(before)
                )
            }
            Self::Any(clauses) => {
                f.write_char('(')?;
                for (at, clause) in clauses.iter().enumerate() {
                    if at > 0 {
                        f.write_str(" OR ")?;
                    }
                    write!(f, "{clause}")?;
                }
                f.write_char(')')
            }
        }
    }
}

/// A bound as it is written; `*` for none.
struct MomentBound<'a>(&'a Option<OffsetDateTime>);

impl Display for MomentBound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            // Years beyond 9999 cannot be written, and no user has one.
            Some(moment) => f.write_str(
                &moment
                    .to_offset(time::UtcOffset::UTC)
                    .format(MOMENT)
                    .map_err(|_| fmt::Error)?,
            ),
            None => f.write_char('*'),
        }
    }
}

/// A value as it is written: the one escape function.
struct Escaped<'a>(&'a QueryValue, EscapeForm);

#[derive(Clone, Copy)]
enum EscapeForm {
    /// In double quotes, where only the quote and the backslash mean something.
    Phrase,
    /// Formats the text as a bare word with escapes.
    Bare,
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, form) = self;
        let means_something = |char: char| match form {
            EscapeForm::Phrase => matches!(char, '"' | '\\'),
            // Every special character of the syntax; `/`, `<`, `>` and `=` are special to later Lucenes only.
            EscapeForm::Bare => char.is_whitespace() || "+-&|!(){}[]^\"~*?:\\/<>=".contains(char),
        };
        if matches!(form, EscapeForm::Phrase) {
            f.write_char('"')?;
        }
        for char in value.as_str().chars() {
            if means_something(char) {
                f.write_char('\\')?;
            }
            f.write_char(char)?;
        }
        if matches!(form, EscapeForm::Phrase) {
            f.write_char('"')?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

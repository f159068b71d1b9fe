//! Why a row is not imported.

use std::fmt;

/// Why a row is not imported. No text contains a value of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// The field of Masthead or, where none is concerned, of the file; `None` if it is the whole row.
    pub field: Option<Box<str>>,
    /// The code, for programs.
    pub code: RejectCode,
    /// The reason, for people.
    pub reason: Box<str>,
}

/// The codes of rejected rows, as written to the rejects file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectCode {
    /// The row is not of the format.
    Malformed,
    /// The row is longer than the limit.
    TooLong,
    /// The row has no id.
    MissingId,
    /// A field's value cannot be stored.
    InvalidValue,
    /// The row belongs to another tenant.
    OtherTenant,
    /// The account is blocked at its source.
    Blocked,
    /// The id occurs in another row.
    DuplicateId,
    /// The address occurs in another row or in the store, where it must be unique.
    DuplicateEmail,
    /// The row is of no person: a service account, the anonymous user.
    NotAPerson,
}

impl RejectCode {
    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::MissingId => "missing_id",
            Self::InvalidValue => "invalid_value",
            Self::OtherTenant => "other_tenant",
            Self::Blocked => "blocked",
            Self::DuplicateId => "duplicate_id",
            Self::DuplicateEmail => "duplicate_email",
            Self::NotAPerson => "not_a_person",
        }
    }
}

impl fmt::Display for RejectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

//! The answer to a read: the users, their number, and how each source answered (contract `answers.md`).

use time::OffsetDateTime;

use crate::{account::Account, order::ListCursor, query::Total, state::UserState};

/// A user of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The merged account, or the account of the only source.
    pub account: Account,
    /// The state (contract §2.3).
    pub state: UserState,
    /// The source of each field; empty in answers of the store alone.
    pub provenance: Vec<Provenance>,
}

/// The source of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The published field, `email` or `metadata.city`.
    pub field: Box<str>,
    /// The name of the source in `meta.sources`.
    pub source: &'static str,
}

/// The answer to a lookup by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAnswer {
    /// The user.
    pub user: User,
    /// How the sources answered; `None` for a tenant without a provider, whose answers have no `meta.sources`.
    pub completeness: Option<Completeness>,
}

/// The answer to a list request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAnswer {
    /// The users of the page, in order.
    pub users: Vec<User>,
    /// The number of matches before paging; `None` when not requested.
    pub total: Option<Total>,
    /// Where the list continues, if more users match.
    pub next: Option<ListCursor>,
    /// How the sources answered; `None` for a tenant without a provider, whose answers have no `meta.sources`.
    pub completeness: Option<Completeness>,
}

/// Whether every queried source gave a live answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completeness {
    /// No answer is missing or old.
    pub complete: bool,
    /// Each source of the tenant, the provider first.
    pub sources: Vec<SourceReport>,
}

/// How one source answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceReport {
    /// The source's name.
    pub name: &'static str,
    /// The status of its answer.
    pub status: SourceStatus,
    /// When its answer was true; `None` without an answer.
    pub as_of: Option<OffsetDateTime>,
    /// Why it is not `ok`.
    pub reason: Option<&'static str>,
    /// Several of its accounts share an address; none of them is joined by address.
    pub ambiguous: bool,
}

/// The status of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceStatus {
    /// Live.
    Ok,
    /// Remembered.
    Stale,
    /// No answer.
    Unavailable,
    /// Not queried.
    Skipped,
}

impl SourceReport {
    /// The report of a source that was not queried.
    #[must_use]
    pub const fn skipped(name: &'static str) -> Self {
        Self {
            name,
            status: SourceStatus::Skipped,
            as_of: None,
            reason: None,
            ambiguous: false,
        }
    }
}

impl SourceStatus {
    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Stale => "stale",
            Self::Unavailable => "unavailable",
            Self::Skipped => "skipped",
        }
    }
}

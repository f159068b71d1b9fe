//! What a read answers: the users, how many there are, and what each source had to say (contract `answers.md`).

use time::OffsetDateTime;

use crate::{account::Account, order::ListCursor, query::Total, state::UserState};

/// A user as it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The merged account, or the one side's.
    pub account: Account,
    /// The state (contract §2.3).
    pub state: UserState,
    /// Where each field came from; of a store-only answer it says the store throughout.
    pub provenance: Vec<Provenance>,
}

/// Where one field of an answer came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The published field, `email` or `metadata.city`.
    pub field: Box<str>,
    /// The source, by the name in `meta.sources`.
    pub source: &'static str,
}

/// One user, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAnswer {
    /// The user; several when a source's accounts share the key and are kept apart.
    pub user: User,
    /// What the sources said; `None` for a tenant without a provider, whose answers keep the published shape.
    pub completeness: Option<Completeness>,
}

/// A list of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAnswer {
    /// The users of the page, in order.
    pub users: Vec<User>,
    /// How many match before paging; `None` when it was not asked.
    pub total: Option<Total>,
    /// Where the list goes on, when more match after the last user.
    pub next: Option<ListCursor>,
    /// What the sources said; `None` for a tenant without a provider, whose answers keep the published shape.
    pub completeness: Option<Completeness>,
}

/// Whether every source asked gave a live answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completeness {
    /// Nothing is missing and nothing is old.
    pub complete: bool,
    /// Each source of the tenant, the provider first.
    pub sources: Vec<SourceReport>,
}

/// What one source had to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceReport {
    /// The source's name.
    pub name: &'static str,
    /// How it answered.
    pub status: SourceStatus,
    /// When its answer was true; `None` where it gave none.
    pub as_of: Option<OffsetDateTime>,
    /// A word on why it is not `ok`.
    pub reason: Option<&'static str>,
    /// Several of its accounts share the key: each is answered, none is merged by e-mail.
    pub ambiguous: bool,
}

/// How a source answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceStatus {
    /// Live.
    Ok,
    /// From memory.
    Stale,
    /// Not at all.
    Unavailable,
    /// It was not asked.
    Skipped,
}

impl SourceReport {
    /// The report of a source that was not asked.
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
    /// The published word.
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

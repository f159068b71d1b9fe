//! The result of an import.

use masthead_domain::state::UserState;
use thiserror::Error;

use crate::field_error::UnstorableFieldError;

/// What became of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOutcome {
    /// It is a new registration.
    Imported,
    /// It has changed a registration.
    Merged,
    /// It has changed nothing.
    Skipped(SkipReason),
    /// It is not stored.
    Rejected(RowError),
}

/// Why a row is not stored. Values are never contained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RowError {
    /// A field cannot be stored.
    #[error(transparent)]
    Field(#[from] UnstorableFieldError),
    /// Another user has its id or address.
    #[error("{}", taken(*.key))]
    Duplicate {
        /// The key.
        key: DuplicateKey,
        /// Where the other user is.
        place: DuplicatePlace,
    },
}

const fn taken(key: DuplicateKey) -> &'static str {
    match key {
        DuplicateKey::Id => "customerRegistrationId: in use by another registration",
        DuplicateKey::Email => "email: in use by another registration",
    }
}

/// Why a row has changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// A registration has its id or address.
    Exists,
    /// An earlier row has its id or address.
    Repeated,
    /// The user was deleted: there is a tombstone of the id or the address.
    Deleted,
}

/// The key that a row shares with another user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DuplicateKey {
    /// The id.
    Id,
    /// The address.
    Email,
}

/// Where the other user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DuplicatePlace {
    /// In an earlier row.
    File,
    /// In the store, before the import.
    Store,
}

/// A row whose key another user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duplicate {
    /// The key.
    pub key: DuplicateKey,
    /// Where the other user is.
    pub place: DuplicatePlace,
}

/// The result of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowResult {
    /// What became of it.
    pub outcome: RowOutcome,
    /// The state of the registration, where it is new.
    pub state: Option<UserState>,
    /// The key that another user has.
    pub duplicate: Option<Duplicate>,
}

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// New registrations.
    pub inserted: u64,
    /// Changed registrations.
    pub merged: u64,
    /// Rows that have changed nothing.
    pub skipped: u64,
    /// The numbers of the rows that are not stored, from 1, and why.
    pub rejected: Vec<(u64, RowError)>,
}

impl Imported {
    /// Counts a row: its result, or why it could not be stored at all.
    pub(super) fn count(&mut self, number: u64, result: Option<RowResult>, error: Option<RowError>) {
        match (result.map(|result| result.outcome), error) {
            (Some(RowOutcome::Imported), _) => self.inserted += 1,
            (Some(RowOutcome::Merged), _) => self.merged += 1,
            (Some(RowOutcome::Skipped(_)), _) => self.skipped += 1,
            (Some(RowOutcome::Rejected(error)), _) | (None, Some(error)) => self.rejected.push((number, error)),
            (None, None) => {}
        }
    }
}

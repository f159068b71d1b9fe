//! Lookup of many users of the store with one query.

use std::fmt;

use async_trait::async_trait;
use masthead_domain::{account::Account, user_key::UserKey};
use time::OffsetDateTime;

use crate::{
    mirror::MirrorEntry,
    source::{CallContext, SourceError, SourceErrorKind},
};

/// A key of a bulk lookup.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum LookupKey {
    /// A key that every source has.
    User(UserKey),
    /// The number of a registration in our store: at most one account.
    Registration(i64),
}

impl fmt::Debug for LookupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(key) => key.fmt(f),
            Self::Registration(_) => f.write_str("Registration(<redacted>)"),
        }
    }
}

/// The accounts of one key, in the order of their ids, or the reason why this key has no answer.
pub type KeyResult = Result<Vec<Account>, SourceErrorKind>;

/// The mirrored users of many keys, each joined with the registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkMirrorEntries {
    /// When the mirror was last complete: [`MirrorStatus::as_of`](crate::mirror::MirrorStatus::as_of).
    pub as_of: OffsetDateTime,
    /// Whether it has all users that the provider had then, so that a user without a profile had no account
    /// ([`ScanPage::gaps`](crate::scan::ScanPage::gaps)).
    pub whole: bool,
    /// The users of each key, in the order of the keys: for an id those that either source has, for an address those whose
    /// merged user has it, for a registration number its user. `None` where the mirror is in doubt: a profile was missing
    /// since, or a row cannot be read.
    pub by_key: Vec<Option<Vec<MirrorEntry>>>,
}

/// The answer to one bulk lookup.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BulkAnswer {
    /// The registrations of each key, in the order of the keys.
    pub registrations: Vec<KeyResult>,
    /// The users of both sources at the same time; `None` where the mirror was not requested, cannot answer for the tenant,
    /// or is older than requested.
    pub mirror: Option<BulkMirrorEntries>,
}

/// Looks up many users with one query.
#[async_trait]
pub trait BulkLookups: Send + Sync {
    /// Finds the users of every key and, where `mirror_since` is given, their mirrored users if the mirror is younger. It
    /// makes one query for any number of keys, and never uses more than a part of the store's capacity for single lookups.
    async fn find_many(
        &self,
        cx: &CallContext,
        keys: &[LookupKey],
        mirror_since: Option<OffsetDateTime>,
    ) -> Result<BulkAnswer, SourceError>;
}

//! Many users of our own store at once.

use std::fmt;

use async_trait::async_trait;
use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey};

use time::OffsetDateTime;

use crate::{
    mirror::MirrorEntry,
    source::{CallContext, SourceError, SourceErrorKind},
};

/// By what one user is looked up.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum LookupKey {
    /// The customer registration id: at most one account.
    Id(CustomerRegistrationId),
    /// The whole address: every account that has it.
    Email(EmailKey),
    /// The number of the registration in our store: at most one account.
    Registration(i64),
}

impl fmt::Debug for LookupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id(_) => "Id(<redacted>)",
            Self::Email(_) => "Email(<redacted>)",
            Self::Registration(_) => "Registration(<redacted>)",
        })
    }
}

/// The accounts of one key, in the order of their ids, or why that key alone has no answer.
pub type KeyResult = Result<Vec<Account>, SourceErrorKind>;

/// What the directory has of the users whom keys name, each joined with their registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkMirrorEntries {
    /// When the provider's side was last true as a whole: [`Standing::as_of`](crate::mirror::MirrorStatus::as_of).
    pub as_of: OffsetDateTime,
    /// Whether it has everybody whom the provider had then, so that who has no profile had no account
    /// ([`Step::gaps`](crate::scan::ScanPage::gaps)).
    pub whole: bool,
    /// The users of each key, in the order of the keys: by an id those of whom either side has it, by an address those
    /// whose merged record has it, by a registration's number the user whose registration it is. `None` where the
    /// directory is in doubt: a profile has been missing since, or a row cannot be read.
    pub by_key: Vec<Option<Vec<MirrorEntry>>>,
}

/// What one question told of many users.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BulkAnswer {
    /// The registrations of each key, in the order of the keys.
    pub registrations: Vec<KeyResult>,
    /// The users of both sides, at the same moment; `None` where it was not asked for, where no list of the tenant may be
    /// answered from the directory, and where that is older than was asked for.
    pub mirror: Option<BulkMirrorEntries>,
}

/// Looks many users up in one question.
#[async_trait]
pub trait BulkLookups: Send + Sync {
    /// Answers every key; and, where `mirror_since` is given, what a directory that is true after that moment has of
    /// them. It is one question of the store however many keys there are, and never takes more than a part of the store's
    /// attention from those who look single users up.
    async fn find_many(
        &self,
        cx: &CallContext,
        keys: &[LookupKey],
        mirror_since: Option<OffsetDateTime>,
    ) -> Result<BulkAnswer, SourceError>;
}

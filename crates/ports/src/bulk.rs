//! Many users of our own store at once.

use std::fmt;

use async_trait::async_trait;
use masthead_domain::{account::Account, crid::Crid, email::EmailKey};

use crate::source::{CallContext, SourceError, SourceErrorKind};

/// By what one user is looked up.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum LookupKey {
    /// The customer registration id: at most one account.
    Id(Crid),
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
pub type KeyAnswer = Result<Vec<Account>, SourceErrorKind>;

/// Looks many users up in one question.
#[async_trait]
pub trait BulkLookups: Send + Sync {
    /// Answers every key, in their order. It is one question of the store however many keys there are, and never takes more
    /// than a part of the store's attention from those who look single users up.
    async fn by_keys(&self, cx: &CallContext, keys: &[LookupKey]) -> Result<Vec<KeyAnswer>, SourceError>;
}

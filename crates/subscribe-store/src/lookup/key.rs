//! The keys of look-ups, and what a look-up of one key results in.

use std::sync::Arc;

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey};
use masthead_ports::source::SourceErrorKind;

/// The key of a look-up.
#[derive(Clone)]
pub(crate) enum ExactKey {
    /// At most one account.
    Id(CustomerRegistrationId),
    /// Every account with this address.
    Email(EmailKey),
}

impl ExactKey {
    pub(super) fn matches(&self, account: &Account) -> bool {
        match self {
            Self::Id(crid) => account.crid == *crid,
            Self::Email(key) => account.email.as_ref().is_some_and(|email| email.key() == key),
        }
    }
}

/// The result of one key of a batch.
pub(crate) type KeyResult = Result<Vec<Account>, KeyError>;

/// Why one key has no result; the other keys of its batch are not affected.
#[derive(Debug)]
pub(crate) struct KeyError {
    pub(super) kind: SourceErrorKind,
    pub(super) cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

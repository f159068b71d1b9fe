//! The two keys by which a source finds users: the customer registration id and the e-mail address.

use std::fmt;

use crate::{account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey};

/// A key of a user.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserKey {
    /// The customer registration id; a source has at most one account with it.
    Id(CustomerRegistrationId),
    /// The whole e-mail address; several accounts of one source may share it.
    Email(EmailKey),
}

impl UserKey {
    /// Whether this account has the key.
    #[must_use]
    pub fn matches(&self, account: &Account) -> bool {
        match self {
            Self::Id(id) => account.crid == *id,
            Self::Email(key) => account.email.as_ref().is_some_and(|email| email.key() == key),
        }
    }

    /// The operation of looking this key up, as logs and errors name it.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        match self {
            Self::Id(_) => "by_id",
            Self::Email(_) => "by_email",
        }
    }
}

impl From<CustomerRegistrationId> for UserKey {
    fn from(id: CustomerRegistrationId) -> Self {
        Self::Id(id)
    }
}

impl From<EmailKey> for UserKey {
    fn from(email: EmailKey) -> Self {
        Self::Email(email)
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id(_) => "Id(<redacted>)",
            Self::Email(_) => "Email(<redacted>)",
        })
    }
}

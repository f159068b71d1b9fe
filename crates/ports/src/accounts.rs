//! Writing accounts of a provider.

use std::fmt;

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
};
use thiserror::Error;

use crate::source::{CallContext, SourceError, SourceName};

/// The maximum length of a provider message that is shown to the user, in characters.
pub const MAX_MESSAGE_CHARS: usize = 300;

/// A password in clear text. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainPassword(Box<str>);

impl PlainPassword {
    /// Takes the text unchanged; the provider decides whether it is strong enough.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for sending or hashing.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// An account to create.
#[derive(Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// The address.
    pub email: Email,
    /// The password; `None` creates an account without one, where the provider supports that.
    pub password: Option<PlainPassword>,
    /// The first name, `""` for none.
    pub first_name: Box<str>,
    /// The last name, `""` for none.
    pub last_name: Box<str>,
    /// Whether the address counts as verified.
    pub verified: bool,
    /// The metadata; keys that the provider does not store are left out.
    pub metadata: Metadata,
}

/// A change of an account; fields that are `None` keep their value.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AccountChange {
    /// The first name; `""` removes it.
    pub first_name: Option<Box<str>>,
    /// The last name; `""` removes it.
    pub last_name: Option<Box<str>>,
    /// Whether the address counts as verified.
    pub verified: Option<bool>,
    /// Metadata by key; `None` removes a key. Keys that the provider does not store are left out.
    pub metadata: Vec<(Box<str>, Option<Box<str>>)>,
}

/// A message of the provider to the user, such as its password rules: without control characters and at most
/// [`MAX_MESSAGE_CHARS`] long. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct UserFacingMessage(Box<str>);

impl UserFacingMessage {
    /// Cleans and cuts a text; `None` when nothing remains.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let printable = text.chars().map(|char| if char.is_control() { ' ' } else { char });
        let cut: String = printable.take(MAX_MESSAGE_CHARS).collect();
        let cut = cut.trim();
        (!cut.is_empty()).then(|| Self(cut.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A write that failed, or whose outcome is unknown.
#[derive(Debug, Error)]
pub enum WriteError {
    /// Another account has the address (contract: E400_08).
    #[error("the address is already in use")]
    AlreadyExists,
    /// The provider has no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// The provider refuses the write.
    #[error("the provider refuses")]
    Refused {
        /// A message to the user, such as the password rules.
        message: Option<UserFacingMessage>,
    },
    /// No usable answer. With [`SourceErrorKind::OutcomeUnknown`](crate::source::SourceErrorKind::OutcomeUnknown) the write
    /// may have happened.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Writes accounts of a provider. No write is retried; a write without an answer reports an unknown outcome.
#[async_trait]
pub trait AccountWriter: Send + Sync {
    /// The name in answers and metrics.
    fn name(&self) -> SourceName;

    /// Creates an account; the provider assigns its id.
    async fn create(&self, cx: &CallContext, new: &NewAccount) -> Result<Account, WriteError>;

    /// Changes an account and returns the new version.
    async fn update(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        change: &AccountChange,
    ) -> Result<Account, WriteError>;

    /// Sets the password.
    async fn set_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: &PlainPassword,
    ) -> Result<(), WriteError>;

    /// Sets the address, and whether it counts as verified.
    async fn set_email(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: &Email,
        verified: bool,
    ) -> Result<Account, WriteError>;

    /// Deletes the account. Succeeds also for an unknown account, since providers may not report that.
    async fn delete(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<(), WriteError>;
}

macro_rules! redacted {
    ($($type:ident),*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($type), "(<redacted>)"))
            }
        }
    )*};
}
redacted!(PlainPassword, NewAccount, AccountChange, UserFacingMessage);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_facing_message_is_cut_printable_and_redacted() {
        let message = UserFacingMessage::new(&format!(" too\nweak{}", "!".repeat(1_000))).unwrap();
        assert!(message.as_str().starts_with("too weak!"));
        assert!(message.as_str().chars().count() <= MAX_MESSAGE_CHARS);
        assert_eq!(format!("{message:?}"), "UserFacingMessage(<redacted>)");
        assert_eq!(UserFacingMessage::new(" \n "), None);
    }

    #[test]
    fn password_is_redacted() {
        assert_eq!(
            format!("{:?}", PlainPassword::new("hunter2")),
            "PlainPassword(<redacted>)"
        );
    }
}

//! What is written to the accounts of an outside provider.

use std::fmt;

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
};
use thiserror::Error;

use crate::source::{CallContext, SourceError, SourceName};

/// The longest text of a provider that is passed on to the person, in characters.
pub const MAX_MESSAGE_CHARS: usize = 300;

/// A password as a person chose it. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainPassword(Box<str>);

impl PlainPassword {
    /// Takes the text as it is; whether it is good enough is for whoever keeps it to say.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends or hashes it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// An account to make.
#[derive(Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// The address.
    pub email: Email,
    /// The password; `None` makes an account without one, where the provider can.
    pub password: Option<PlainPassword>,
    /// The first name, `""` for none.
    pub first_name: Box<str>,
    /// The last name, `""` for none.
    pub last_name: Box<str>,
    /// Whether the address counts as verified.
    pub verified: bool,
    /// Everything else; keys that the provider does not keep are left out.
    pub metadata: Metadata,
}

/// What changes in an account; what is not named stays.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AccountChange {
    /// The first name; `""` removes it.
    pub first_name: Option<Box<str>>,
    /// The last name; `""` removes it.
    pub last_name: Option<Box<str>>,
    /// Whether the address counts as verified.
    pub verified: Option<bool>,
    /// Metadata, key by key; `None` removes. Keys that the provider does not keep are left out.
    pub metadata: Vec<(Box<str>, Option<Box<str>>)>,
}

/// A text of the provider that is meant for the person, such as its rule for passwords: without control characters and at
/// most [`MAX_MESSAGE_CHARS`] long. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct UserFacingMessage(Box<str>);

impl UserFacingMessage {
    /// Takes a text, cut to its bounds; `None` when nothing is left of it.
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

/// A write that was not done, or of which nobody knows.
#[derive(Debug, Error)]
pub enum WriteError {
    /// Somebody else has the address (contract: E400_08).
    #[error("the address is already in use")]
    AlreadyExists,
    /// The provider has no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// The provider will not; what it says may be for the person to read.
    #[error("the provider refuses")]
    Refused {
        /// What the person can do about it, in the provider's words.
        message: Option<UserFacingMessage>,
    },
    /// No usable answer. [`SourceErrorKind::OutcomeUnknown`](crate::source::SourceErrorKind::OutcomeUnknown): it may have
    /// been done.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Writes to a provider's accounts. No write is made twice by itself; one whose answer did not come says so.
#[async_trait]
pub trait AccountWriter: Send + Sync {
    /// The name by which answers and metrics call the provider.
    fn name(&self) -> SourceName;

    /// Makes an account; its id is the provider's.
    async fn create(&self, cx: &CallContext, new: &NewAccount) -> Result<Account, WriteError>;

    /// Changes an account and answers it as it is then.
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

    /// Removes the account. Done also when there was none: a provider may not tell.
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
    fn a_text_for_the_person_is_cut_and_printable_and_never_shown_in_logs() {
        let told = UserFacingMessage::new(&format!(" too\nweak{}", "!".repeat(1_000))).unwrap();
        assert!(told.as_str().starts_with("too weak!"));
        assert!(told.as_str().chars().count() <= MAX_MESSAGE_CHARS);
        assert_eq!(format!("{told:?}"), "UserFacingMessage(<redacted>)");
        assert_eq!(UserFacingMessage::new(" \n "), None);
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(
            format!("{:?}", PlainPassword::new("hunter2")),
            "PlainPassword(<redacted>)"
        );
    }
}

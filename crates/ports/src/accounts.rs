//! Writing accounts of a provider, and signing in with a password.

use std::{fmt, net::IpAddr};

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
    user_change::UserChange, user_key::UserKey,
};
use thiserror::Error;
use time::OffsetDateTime;

use crate::{
    passwords::PlainPassword,
    source::{CallContext, SourceError, SourceErrorKind, SourceName},
};

/// The maximum length of a provider message that is shown to the user, in characters.
pub const MAX_MESSAGE_CHARS: usize = 300;

/// An account to create.
#[derive(Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// The id that the account must get; `None` lets the provider assign one. A provider that always assigns ids itself
    /// refuses an account with a given one.
    pub id: Option<CustomerRegistrationId>,
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
    /// When the user last logged out; `Some(None)` removes the time. Only a remote Users API keeps it.
    pub last_logout_at: Option<Option<OffsetDateTime>>,
    /// Whether sign-in is refused. Only a remote Users API keeps it.
    pub blocked: Option<bool>,
    /// The account as it must still be (`If-Match`). Only a remote Users API can make sure.
    pub read: Option<Box<Account>>,
}

impl AccountChange {
    /// All of a change, of a user that was read as `read` if it must not have changed since.
    #[must_use]
    pub fn whole(change: &UserChange, read: Option<&Account>) -> Self {
        Self {
            first_name: change.first_name.clone(),
            last_name: change.last_name.clone(),
            verified: change.verified,
            metadata: change.metadata.clone(),
            last_logout_at: change.last_logout_at,
            blocked: change.blocked,
            read: read.cloned().map(Box::new),
        }
    }
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
    /// Another account has the address or the id (contract: E400_08).
    #[error("the address is already in use")]
    AlreadyExists,
    /// Another account has the address, which awaits its verification (contract: E400_07). Only a remote Users API reports it.
    #[error("the address awaits its verification")]
    AwaitsVerification,
    /// Another account has the id (contract: E409). Only a remote Users API reports it.
    #[error("the id is already in use")]
    IdTaken,
    /// The account is not as it was read ([`AccountChange::read`]).
    #[error("the account has changed")]
    Changed,
    /// The provider has no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// The provider refuses the write; nothing was written.
    #[error("the provider refuses")]
    Refused {
        /// A message to the user, such as the password rules.
        message: Option<UserFacingMessage>,
    },
    /// No usable answer. Only with [`SourceErrorKind::OutcomeUnknown`] may the write have happened: with every other kind
    /// nothing was sent, or the provider confirmed that it did nothing.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl WriteError {
    /// Whether the write may have happened: a look-up must settle it before it is repeated or reported as failed.
    #[must_use]
    pub const fn may_have_happened(&self) -> bool {
        match self {
            Self::Source(error) => matches!(error.kind, SourceErrorKind::OutcomeUnknown),
            Self::AlreadyExists
            | Self::AwaitsVerification
            | Self::IdTaken
            | Self::Changed
            | Self::NoSuchUser
            | Self::Refused { .. } => false,
        }
    }
}

/// Writes accounts of a provider. No write is retried; a write without an answer reports an unknown outcome.
#[async_trait]
pub trait AccountWriter: Send + Sync {
    /// The name in answers and metrics.
    fn name(&self) -> SourceName;

    /// Finds the accounts with this key by the provider's immediately consistent look-ups only, and past every cache: for
    /// settling a write of unknown outcome. A linked identity, or an address that was stored in another spelling than
    /// Masthead writes, may be missing.
    ///
    /// # Errors
    /// The provider gave no usable answer; then nothing is known of the write either.
    async fn find_written(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError>;

    /// Creates an account, with the given id or one that the provider assigns.
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

/// One attempt to sign in. `Debug` hides it.
#[derive(Clone, Copy)]
pub struct SignInAttempt<'a> {
    /// What the user typed: an address or a user name.
    pub login: &'a str,
    /// The password, as it was typed.
    pub password: &'a PlainPassword,
    /// The address of the user's device, for the provider's own protection against guessing; only where it is known from a
    /// trusted proxy.
    pub address: Option<IpAddr>,
}

/// What a provider answers to a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInAnswer {
    /// The password is this account's.
    Accepted(Box<Account>),
    /// The login name or the password is wrong; which of them is not known.
    WrongCredentials,
    /// The account is disabled (contract: E403_04).
    Blocked,
    /// The address must be verified first (contract: E403_01). With the account, the password is right.
    Unverified(Option<Box<Account>>),
    /// The account has no password yet (contract: E403_02). Only a remote Users API reports it.
    NoPassword,
    /// The provider locks the account or the address for a while after too many failures.
    LockedOut,
    /// The provider requires a second factor.
    SecondFactorNeeded,
    /// The password expired, or is known to be stolen.
    PasswordChangeNeeded,
    /// The provider requires proof that a person signs in, such as a captcha.
    ChallengeNeeded,
    /// The account lacks fields that the provider requires. With the account, the password is right.
    RegistrationIncomplete(Option<Box<Account>>),
    /// A rule of the publisher at the provider denies the sign-in.
    Denied,
}

impl SignInAnswer {
    /// The class of the reason, for answers that are neither a success nor about the credentials (contract: E403_03).
    #[must_use]
    pub const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Accepted(_) | Self::WrongCredentials | Self::Blocked | Self::Unverified(_) | Self::NoPassword => None,
            Self::LockedOut => Some("locked_out"),
            Self::SecondFactorNeeded => Some("second_factor_needed"),
            Self::PasswordChangeNeeded => Some("password_change_needed"),
            Self::ChallengeNeeded => Some("challenge_needed"),
            Self::RegistrationIncomplete(_) => Some("registration_incomplete"),
            Self::Denied => Some("denied"),
        }
    }
}

/// Checks passwords at a provider.
#[async_trait]
pub trait SignIn: Send + Sync {
    /// Checks the password of one attempt. It is tried once: providers count wrong passwords. A session that the provider
    /// opens is neither read nor kept.
    ///
    /// # Errors
    /// The provider gave no usable answer; then nothing is known of the password.
    async fn sign_in(&self, cx: &CallContext, attempt: &SignInAttempt<'_>) -> Result<SignInAnswer, SourceError>;
}

/// What a provider may be able to do for a tenant, beside reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ability {
    /// [`AccountWriter::create`]
    Create,
    /// [`AccountWriter::update`]
    Update,
    /// [`AccountWriter::set_password`]
    SetPassword,
    /// [`AccountWriter::set_email`]
    SetEmail,
    /// [`AccountWriter::delete`]
    Delete,
    /// [`SignIn::sign_in`]
    SignIn,
}

impl Ability {
    /// Every ability.
    pub const ALL: [Self; 6] = [
        Self::Create,
        Self::Update,
        Self::SetPassword,
        Self::SetEmail,
        Self::Delete,
        Self::SignIn,
    ];
}

/// A provider lacks an ability for a tenant: the name of the tenant's setting that would give it, or that prevents it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the setting {0} does not allow this")]
pub struct MissingSetting(pub Box<str>);

impl MissingSetting {
    /// The missing setting with this name.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self(name.into())
    }
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
redacted!(NewAccount, AccountChange, UserFacingMessage);

impl fmt::Debug for SignInAttempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInAttempt(<redacted>)")
    }
}

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
}

//! Writing users of our store: create, update, credentials, verification, reset and deletion (contract `writes.md`).
//!
//! Each method is one transaction, which includes the events, the mails, the end of the write intent and the state of the
//! idempotency key that it is given, or nothing of them. A method that returns is durable. The mirror follows in the same
//! transaction. Whether an id or an address is free is decided by the unique indexes, never by a read before the write.

use std::fmt;

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, event::EventKind,
    event::EventOutcome, metadata::Metadata, state::UserState, user_change::UserChange,
};
use thiserror::Error;
use time::OffsetDateTime;

use crate::{
    idempotency::IdempotencyTicket,
    intents::IntentId,
    keyed_hash::KeyedHash,
    passwords::PasswordHash,
    registrations::WriteOrigin,
    source::{CallContext, SourceError},
};

/// How many wrong tries end a code.
pub const CODE_TRIES: i16 = 5;

/// How many codes of one address are sent a day; there is also a minute between two of them.
pub const CODES_PER_DAY: i16 = 10;

/// What is committed together with a write.
#[derive(Debug, Clone)]
pub struct WriteCommit {
    /// The request, for the events.
    pub origin: WriteOrigin,
    /// The events, in order. Their registration is that of the write.
    pub events: Vec<(EventKind, EventOutcome)>,
    /// The mails to send.
    pub mails: Vec<QueuedMail>,
    /// A link to set a password, of the user that is created.
    pub reset_link: Option<NewResetLink>,
    /// The intent that ends with this write.
    pub intent: Option<IntentId>,
    /// The idempotency key that counts as written from now on.
    pub idempotency: Option<IdempotencyTicket>,
}

impl WriteCommit {
    /// A commit with these events, each of which has its outcome [`EventOutcome::Found`].
    #[must_use]
    pub fn new(origin: WriteOrigin, events: &[EventKind]) -> Self {
        Self {
            origin,
            events: events.iter().map(|&kind| (kind, EventOutcome::Found)).collect(),
            mails: Vec::new(),
            reset_link: None,
            intent: None,
            idempotency: None,
        }
    }
}

/// A mail to send, as it is kept until then.
#[derive(Clone, PartialEq, Eq)]
pub struct QueuedMail {
    /// The kind, for operators: `verification`, `password-reset`, …
    pub kind: &'static str,
    /// Everything else, sealed: address, language, code, link.
    pub sealed: Box<str>,
}

/// A user to create in our store.
#[derive(Clone, PartialEq, Eq)]
pub struct NewRegistration {
    /// The id; `None` gives the registration's number as its id, as the vendor's store does.
    pub crid: Option<CustomerRegistrationId>,
    /// The address; `None` only where a provider has accounts without one.
    pub email: Option<Email>,
    /// The first name, `""` for none.
    pub first_name: Box<str>,
    /// The last name, `""` for none.
    pub last_name: Box<str>,
    /// Whether the address counts as verified.
    pub verified: bool,
    /// The metadata.
    pub metadata: Metadata,
    /// The password; `None` where the provider keeps it, and for users without one.
    pub password: Option<PasswordHash>,
    /// The provider has the account: a registration that has its id meanwhile is overwritten by it, not refused,
    /// and keeps its other metadata.
    pub of_provider: bool,
}

/// A registration that waits for the verification of its address.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingRegistration {
    /// What is created once the address is verified.
    pub registration: NewRegistration,
    /// The address, which has at most one pending registration.
    pub email: Email,
    /// A password was given. For a tenant with a provider it is not kept: the provider takes no hash.
    pub had_password: bool,
    /// The request ignores the provider.
    pub ignore_provider: bool,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// A code to verify an address with.
#[derive(Clone, PartialEq, Eq)]
pub struct NewCode {
    /// The keyed hash of the code; the code itself is not kept.
    pub hash: KeyedHash,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// Why a code is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeRefusal {
    /// Neither a pending registration nor an unverified user has the address.
    Unknown,
    /// The user is verified.
    Verified,
    /// Too many codes were sent: one a minute, ten a day.
    TooMany,
}

/// The result of a code that a user has typed.
#[derive(Clone, PartialEq, Eq)]
pub enum CodeCheck {
    /// It is right, for a pending registration. It stays valid until the registration is created with it.
    Pending(Box<PendingRegistration>),
    /// It is right, for a registration whose address is not verified.
    Unverified(Box<Account>),
    /// It is wrong, expired or replaced, or was tried too often: five tries a code.
    Wrong,
    /// Neither a pending registration nor a user has the address.
    Unknown,
    /// The user is verified.
    Verified,
}

/// A link to set a new password.
#[derive(Clone, PartialEq, Eq)]
pub struct NewResetLink {
    /// The keyed hash of the link's text.
    pub hash: KeyedHash,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// Whether it is sent to the user's address and shown to no caller, so that the user of the link reads the mail of the address.
    pub proves_address: bool,
}

/// A link that can be used.
#[derive(Clone, PartialEq, Eq)]
pub struct ResetLink {
    /// The number of the request for it.
    pub event_id: i64,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// Whose password it sets.
    pub account: Account,
}

/// What a sign-in is decided by.
#[derive(Clone)]
pub struct StoredCredentials {
    /// The user.
    pub account: Account,
    /// The password; `None` for a user without one.
    pub password: Option<PasswordHash>,
}

/// A write of our store that was not done.
#[derive(Debug, Error)]
pub enum UserWriteError {
    /// There is no such user, or the link, the code or the pending registration has been used.
    #[error("there is no such user")]
    NoSuchUser,
    /// Another user has the address.
    #[error("the address is taken")]
    EmailTaken {
        /// The state of that user; `None` for a pending registration.
        state: Option<UserState>,
    },
    /// Another user has the id.
    #[error("the id is taken")]
    IdTaken,
    /// The user has changed since it was read.
    #[error("the user has changed")]
    Changed,
    /// A field cannot be stored; the value is never contained.
    #[error("{field}: {problem}")]
    Unstorable {
        /// The name of the field in an import.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The store does not answer. With
    /// [`SourceErrorKind::OutcomeUnknown`](crate::source::SourceErrorKind::OutcomeUnknown) the write may have happened.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Writes users of our store.
#[async_trait]
pub trait UserWriter: Send + Sync {
    /// Creates a user. A pending registration of the address ends with it if `from_pending`, and otherwise prevents it. One that
    /// a provider has created needs no pending registration, and ends it.
    async fn create(
        &self,
        cx: &CallContext,
        new: &NewRegistration,
        from_pending: bool,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError>;

    /// Keeps a registration until its address is verified by the code. One that has expired is replaced.
    async fn create_pending(
        &self,
        cx: &CallContext,
        pending: &PendingRegistration,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError>;

    /// Replaces the code of a pending registration or of an unverified user. With a refusal nothing is committed but the
    /// idempotency key.
    async fn replace_code(
        &self,
        cx: &CallContext,
        email: &Email,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<Result<(), CodeRefusal>, SourceError>;

    /// Checks a code, and counts the try. `hashes` are those of the typed code under every known key.
    async fn check_code(
        &self,
        cx: &CallContext,
        email: &Email,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<CodeCheck, SourceError>;

    /// Changes a user; `read` is what it must still be, where the caller insists (`If-Match`).
    async fn update(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        change: &UserChange,
        read: Option<&Account>,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError>;

    /// Sets the password, and ends all reset links of the user. `None` leaves our store without one: the provider keeps it.
    async fn set_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: Option<&PasswordHash>,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError>;

    /// Sets the password of a user who has none, as [`Self::set_password`] does; [`UserWriteError::Changed`] for a user who
    /// has one by now.
    async fn set_first_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: &PasswordHash,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError>;

    /// Replaces a hash by one of the set cost, unless it has changed meanwhile. No event: the password is the same.
    async fn rehash(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<(), SourceError>;

    /// Changes the address; `verified` sets also whether it counts as verified. Returns the user before and after.
    async fn set_email(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: &Email,
        verified: Option<bool>,
        commit: &WriteCommit,
    ) -> Result<(Account, Account), UserWriteError>;

    /// Deletes a user, with tombstones of its id and address that keep syncs and imports from bringing it back. The row is kept,
    /// without search keys, until it is purged; [`crate::erasure::Erasures`] removes it at once.
    async fn delete(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError>;

    /// What a sign-in with this address is decided by; `None` when no user has it.
    async fn credentials(&self, cx: &CallContext, email: &Email) -> Result<Option<StoredCredentials>, SourceError>;

    /// Completes the deletion of an account that a provider had and the store did not: no sync or import brings the user back, and
    /// lists do not show it. `email` is the account's address, if known.
    async fn delete_unstored(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: Option<&Email>,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError>;

    /// Commits the events of a call that changes nothing else.
    async fn record(
        &self,
        cx: &CallContext,
        id: Option<&CustomerRegistrationId>,
        commit: &WriteCommit,
    ) -> Result<(), SourceError>;

    /// Keeps a link to set a new password of this user.
    async fn create_reset_link(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        link: &NewResetLink,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError>;

    /// Finds a link that is neither used nor ended nor expired. `hashes` are those of its text under every known key.
    async fn find_reset_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<Option<ResetLink>, SourceError>;

    /// Uses a link, once: sets the password as [`Self::set_password`] does, or fails with [`UserWriteError::NoSuchUser`].
    async fn use_reset_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        password: Option<&PasswordHash>,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError>;
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
redacted!(
    QueuedMail,
    NewRegistration,
    PendingRegistration,
    NewCode,
    CodeCheck,
    NewResetLink,
    ResetLink,
    StoredCredentials
);

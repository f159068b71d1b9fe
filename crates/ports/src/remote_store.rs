//! What our store keeps of users whose registrations are at a remote Users API (`Subscribe.Url`): what belongs to a write there,
//! the codes that verify their addresses, and the links that set their passwords.

use async_trait::async_trait;
use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, email::Email};
use time::OffsetDateTime;

use crate::{
    keyed_hash::KeyedHash,
    source::{CallContext, SourceError},
    users::{CodeRefusal, NewCode, ResetLink, UserWriteError, WriteCommit},
};

/// What ends with a write at the remote API.
#[derive(Clone, Copy, Default)]
pub struct EndedByWrite<'a> {
    /// The pending registration of this address.
    pub pending: Option<&'a Email>,
    /// The links of the user that set a password.
    pub links: bool,
}

/// Keeps what a remote Users API does not. Each method that writes is one transaction.
#[async_trait]
pub trait RemoteStoreRecords: Send + Sync {
    /// Whether a registration of this address waits for its verification.
    async fn has_pending(&self, cx: &CallContext, email: &Email, at: OffsetDateTime) -> Result<bool, SourceError>;

    /// Commits what belongs to a write of this user that the remote API has done: the events, the mails, the link, the end of
    /// the intent and of `ended`, and the state of the idempotency key.
    async fn record_write(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        ended: EndedByWrite<'_>,
        commit: &WriteCommit,
    ) -> Result<(), SourceError>;

    /// Replaces the code of a user whose address is not verified. With a refusal nothing is committed but the idempotency key.
    async fn replace_code_of(
        &self,
        cx: &CallContext,
        user: &Account,
        email: &Email,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<Result<(), CodeRefusal>, SourceError>;

    /// Whether a code of this address is right; a wrong one is counted. `hashes` are those of the typed code under every known key.
    async fn is_right_code(
        &self,
        cx: &CallContext,
        email: &Email,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<bool, SourceError>;

    /// Finds a link that is neither used nor ended nor expired; of its account only the id is known.
    async fn find_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<Option<ResetLink>, SourceError>;

    /// Uses a link, once, and ends all others of its user, whose id it returns.
    ///
    /// # Errors
    /// [`UserWriteError::NoSuchUser`] for a link that has ended.
    async fn use_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        commit: &WriteCommit,
    ) -> Result<CustomerRegistrationId, UserWriteError>;
}

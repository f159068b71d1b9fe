//! Erasing a person: everything that is stored about it goes, and a receipt without personal data stays (ADR 0139).

use std::{borrow::Cow, fmt, time::Duration};

use async_trait::async_trait;
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    tenant::{PoolId, TenantId},
    user_key::UserKey,
};
use time::OffsetDateTime;

use crate::{
    keyed_hash::KeyedHash,
    passwords::PasswordHash,
    source::{CallContext, SourceError},
    users::{UserWriteError, WriteCommit},
};

/// The ids and addresses of one person in a pool.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// Its ids: that of its registration, and those of profiles that its address joins to it.
    pub ids: Vec<CustomerRegistrationId>,
    /// Its addresses.
    pub emails: Vec<Email>,
    /// Whether the store has anything about it but events, tombstones and receipts.
    pub is_stored: bool,
}

impl Person {
    /// How many ids and addresses of a person are looked up at a provider.
    pub const MOST_LOOKED_UP: usize = 20;

    /// The person that a key names, as far as the key shows.
    #[must_use]
    pub fn from_id(id: CustomerRegistrationId) -> Self {
        Self {
            ids: vec![id],
            ..Self::default()
        }
    }

    /// Adds an id that it may have already.
    pub fn add_id(&mut self, id: CustomerRegistrationId) {
        if !self.ids.contains(&id) {
            self.ids.push(id);
        }
    }

    /// Adds an address that it may have already.
    pub fn add_email(&mut self, email: Email) {
        let is_new = self.emails.iter().all(|known| known.key() != email.key());
        if is_new && !email.key().as_str().is_empty() {
            self.emails.push(email);
        }
    }

    /// What accounts of the person are looked up by: each id, then each address.
    #[must_use]
    pub fn keys(&self) -> Vec<UserKey> {
        let ids = self.ids.iter().cloned().map(UserKey::Id);
        let emails = self.emails.iter().map(|email| UserKey::Email(email.key().clone()));
        ids.chain(emails).collect()
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(<redacted>)")
    }
}

/// The number of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErasureId(pub i64);

/// What became of the data of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasureOutcome {
    /// It is erased.
    Erased,
    /// The source confirmed that it held nothing.
    NothingHeld,
    /// It is not erased yet; servers go on.
    Waiting,
    /// The source cannot erase it; the note has the reason.
    NotPossible,
    /// The request left the source out.
    LeftOut,
    /// It stays on purpose; the note has the reason.
    Kept,
}

impl ErasureOutcome {
    /// Every outcome.
    pub const ALL: [Self; 6] = [
        Self::Erased,
        Self::NothingHeld,
        Self::Waiting,
        Self::NotPossible,
        Self::LeftOut,
        Self::Kept,
    ];

    /// The name in receipts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Erased => "erased",
            Self::NothingHeld => "nothing held",
            Self::Waiting => "waiting",
            Self::NotPossible => "not possible",
            Self::LeftOut => "left out",
            Self::Kept => "kept",
        }
    }

    /// The outcome of a source of which so many rows were deleted.
    #[must_use]
    pub const fn of_count(count: u64) -> Self {
        if count == 0 { Self::NothingHeld } else { Self::Erased }
    }
}

/// What one source answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptLine {
    /// The source.
    pub source: Cow<'static, str>,
    /// What became of its data.
    pub outcome: ErasureOutcome,
    /// How many rows, accounts or events; `None` where they are not counted.
    pub count: Option<u64>,
    /// More about it, without personal data; `""` for nothing.
    pub note: Cow<'static, str>,
    /// When.
    pub at: OffsetDateTime,
}

impl ReceiptLine {
    /// The line of a source of which so many rows were deleted.
    #[must_use]
    pub fn of_count(source: &'static str, count: u64, at: OffsetDateTime) -> Self {
        Self {
            count: Some(count),
            ..Self::new(source, ErasureOutcome::of_count(count), "", at)
        }
    }

    /// A line without a count.
    #[must_use]
    pub fn new(
        source: impl Into<Cow<'static, str>>,
        outcome: ErasureOutcome,
        note: impl Into<Cow<'static, str>>,
        at: OffsetDateTime,
    ) -> Self {
        Self {
            source: source.into(),
            outcome,
            count: None,
            note: note.into(),
            at,
        }
    }
}

/// What is kept of an erasure: no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its number.
    pub id: ErasureId,
    /// The pool that the person was erased from.
    pub pool: PoolId,
    /// The tenant that requested it.
    pub tenant: TenantId,
    /// When it was requested.
    pub requested_at: OffsetDateTime,
    /// When every place of the database was cleared; `None` while some wait.
    pub finished_at: Option<OffsetDateTime>,
    /// The request's `X-RequestId`.
    pub request_id: Box<str>,
    /// The calling application.
    pub source_system: Box<str>,
    /// Keyed hashes of the ids and addresses.
    pub hashes: Vec<KeyedHash>,
    /// What each source answered, in the order in which they were called.
    pub lines: Vec<ReceiptLine>,
}

/// What an erasure needs beside the person.
#[derive(Debug, Clone)]
pub struct NewErasure {
    /// What the sources answered that were called before.
    pub lines: Vec<ReceiptLine>,
    /// The keys of the person's counters of failed sign-ins, under every known key.
    pub attempt_keys: Vec<KeyedHash>,
}

/// Reads what the store keeps sealed or hashed, as far as it concerns a person.
pub trait StoredTexts: Send + Sync {
    /// The recipient of a mail that waits; `None` if it cannot be opened.
    fn address_of_mail(&self, tenant: &TenantId, sealed: &str) -> Option<Email>;

    /// The address that a two-sided write creates; `None` for another one, or if it cannot be opened.
    fn address_of_intent(&self, tenant: &TenantId, sealed: &str) -> Option<Email>;

    /// The family of a password hash, such as `bcrypt-10`.
    fn hash_family(&self, hash: &PasswordHash) -> String;
}

/// Erases persons from our store. Every step may be repeated.
#[async_trait]
pub trait Erasures: Send + Sync {
    /// The person with this key: all ids and addresses that belong to it, of deleted and pending registrations and of the mirror
    /// too.
    async fn identify(&self, cx: &CallContext, key: &UserKey) -> Result<Person, SourceError>;

    /// Removes the person in one transaction: registrations, also deleted ones, mirror, pending registration, links, codes and
    /// open writes but that of the commit. Writes tombstones and the erasure, whose other lines wait for [`Self::sweep`].
    async fn erase(
        &self,
        cx: &CallContext,
        person: &Person,
        new: &NewErasure,
        commit: &WriteCommit,
    ) -> Result<Receipt, UserWriteError>;

    /// Takes up to `limit` erasures whose rest is due, and keeps them from others for `lease`.
    async fn claim_due(&self, at: OffsetDateTime, lease: Duration, limit: u16) -> Result<Vec<ErasureId>, SourceError>;

    /// Removes the rest: idempotency keys, counters, mails that wait, writes that create the person, and the person's name in
    /// events. Done at once after [`Self::erase`], and again minutes later for what other servers still held in memory.
    /// The events are gone through for this long at most: the receipt is not finished if that is not enough. `None` if there is no
    /// such erasure, or if another sweep of it runs.
    async fn sweep(
        &self,
        id: ErasureId,
        texts: &dyn StoredTexts,
        at: OffsetDateTime,
        events_within: Duration,
    ) -> Result<Option<Receipt>, SourceError>;

    /// The receipt with this number, of this tenant's pool.
    async fn receipt(&self, cx: &CallContext, id: ErasureId) -> Result<Option<Receipt>, SourceError>;

    /// The receipts of a person, the latest first, at most 100.
    async fn receipts_of(&self, cx: &CallContext, person: &Person) -> Result<Vec<Receipt>, SourceError>;
}

//! Counters of failed sign-ins, shared by all replicas (contract `writes.md` §3, sign-in).

use std::time::Duration;

use async_trait::async_trait;
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    event::{EventKind, EventOutcome},
};
use time::OffsetDateTime;

use crate::{
    keyed_hash::KeyedHash,
    registrations::WriteOrigin,
    source::{CallContext, SourceError},
};

/// How long a client address is known to belong to an account.
pub const KNOWN_FOR: Duration = Duration::from_hours(90 * 24);

/// The failed sign-ins that a counter allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimit {
    /// The number of failures in a window.
    pub failures: u32,
    /// The length of the window, which begins with its first failure.
    pub window: Duration,
}

/// One counter, and what it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptCounter {
    /// What is counted: an account, a client address, or an account at an address from which it has signed in before.
    pub key: KeyedHash,
    /// What is allowed.
    pub limit: AttemptLimit,
}

/// Why an attempt may not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FullCounter {
    /// By failures; the counter blocks for so long.
    Failures(Duration),
    /// By attempts that have begun and not ended: whether they fail is known in a moment.
    Unfinished,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy)]
pub struct AttemptEnd<'a> {
    /// The request, with the time of the end.
    pub origin: &'a WriteOrigin,
    /// The counters in which it stays, as a failure.
    pub failed: &'a [AttemptCounter],
    /// The counters from which it is taken back: after a success, or where it has shown nothing about the password.
    pub uncounted: &'a [AttemptCounter],
    /// The counters that are removed.
    pub cleared: &'a [KeyedHash],
    /// The account at the client's address, to be remembered.
    pub known: Option<KeyedHash>,
    /// The user who has signed in.
    pub user: Option<&'a CustomerRegistrationId>,
    /// The events, in order.
    pub events: &'a [(EventKind, EventOutcome)],
}

impl<'a> AttemptEnd<'a> {
    /// One that changes nothing.
    #[must_use]
    pub const fn new(origin: &'a WriteOrigin) -> Self {
        Self {
            origin,
            failed: &[],
            uncounted: &[],
            cleared: &[],
            known: None,
            user: None,
            events: &[],
        }
    }
}

/// Counts failed sign-ins. A counter blocks until its window is over, never for ever.
#[async_trait]
pub trait SignInAttempts: Send + Sync {
    /// Counts one more attempt at each counter before the password is checked, so that concurrent attempts are counted too: as
    /// one that may fail, until its end. Nothing is counted if one of the counters was full before. It is durable once the end
    /// of the attempt is.
    async fn begin(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        at: OffsetDateTime,
    ) -> Result<Result<(), FullCounter>, SourceError>;

    /// Counts something that has no end, such as a mail. As [`Self::begin`] otherwise.
    async fn count(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        at: OffsetDateTime,
    ) -> Result<Result<(), FullCounter>, SourceError>;

    /// Commits the end of an attempt, in one transaction. The events name the user's registration, if there is one; a successful
    /// [`EventKind::SubscribeUserLogin`] is also its last sign-in.
    async fn end(&self, cx: &CallContext, end: &AttemptEnd<'_>) -> Result<(), SourceError>;

    /// Whether the account has signed in at this address within [`KNOWN_FOR`].
    async fn is_known(&self, cx: &CallContext, known: KeyedHash, at: OffsetDateTime) -> Result<bool, SourceError>;
}

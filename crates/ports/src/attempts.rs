//! Counters of failed sign-ins, shared by all replicas (contract `writes.md` §3, sign-in).

use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::{
    keyed_hash::KeyedHash,
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

/// Counts failed sign-ins. A counter blocks until its window is over, never for ever.
#[async_trait]
pub trait SignInAttempts: Send + Sync {
    /// Counts one more attempt at each counter before the password is checked, so that concurrent attempts are counted too.
    /// Returns how long to wait if one of the counters was full before; then nothing is counted.
    async fn begin(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        at: OffsetDateTime,
    ) -> Result<Result<(), Duration>, SourceError>;

    /// Takes the attempt back after a success, or after one without an answer, clears the counters in `clear`, and
    /// remembers `known`, the account at the client's address.
    async fn succeed(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        clear: &[KeyedHash],
        known: Option<KeyedHash>,
        at: OffsetDateTime,
    ) -> Result<(), SourceError>;

    /// Whether the account has signed in at this address within [`KNOWN_FOR`].
    async fn is_known(&self, cx: &CallContext, known: KeyedHash, at: OffsetDateTime) -> Result<bool, SourceError>;
}

//! `Idempotency-Key`: the answer of a write is kept, and given again to the same request (IETF
//! draft-ietf-httpapi-idempotency-key-header; contract `writes.md` §1).

use std::{fmt, time::Duration};

use async_trait::async_trait;
use masthead_domain::customer_registration_id::CustomerRegistrationId;
use time::OffsetDateTime;

use crate::{
    keyed_hash::KeyedHash,
    source::{CallContext, SourceError},
};

/// How long an answer is kept.
pub const KEPT_FOR: Duration = Duration::from_hours(24);

/// The claim of one request on an idempotency key: the row, and the claim's number, which a later claim increases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyTicket {
    /// The number of the row.
    pub id: i64,
    /// Which claim it is.
    pub claim: i32,
}

/// An answer, as it was sent.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, sealed: it may have personal data.
    pub sealed_body: Box<str>,
}

impl fmt::Debug for StoredAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredAnswer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The answer of a key to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// No request has used it, or the earlier request wrote nothing: this request goes on.
    Claimed(IdempotencyTicket),
    /// The earlier request is answered: this is its answer.
    Answered(StoredAnswer),
    /// The earlier request has written this user, and its answer was lost: this request answers anew, and writes nothing.
    Written {
        /// The claim, to keep the answer with.
        ticket: IdempotencyTicket,
        /// The user that was written; `None` where the write was about no known one.
        crid: Option<CustomerRegistrationId>,
    },
    /// The earlier request is still running.
    Running {
        /// When another try is worth it.
        retry_after: Duration,
    },
    /// It belongs to a request with another content.
    OtherContent,
}

/// Keeps idempotency keys; they are the pool's, and survive a restart.
#[async_trait]
pub trait IdempotencyKeys: Send + Sync {
    /// Claims a key until `running_until`: the hash of tenant, calling system and key, and the hash of method, path and body.
    /// A claim whose time is over counts as not written, unless its intent is open: then it is running.
    async fn claim(
        &self,
        cx: &CallContext,
        key: KeyedHash,
        content: KeyedHash,
        now: OffsetDateTime,
        running_until: OffsetDateTime,
    ) -> Result<KeyState, SourceError>;

    /// Keeps the answer for [`KEPT_FOR`]; does nothing for a claim that has passed to another request.
    async fn answer(
        &self,
        cx: &CallContext,
        ticket: IdempotencyTicket,
        answer: &StoredAnswer,
    ) -> Result<(), SourceError>;

    /// Frees the key: nothing was written, and the request can be repeated.
    async fn release(&self, cx: &CallContext, ticket: IdempotencyTicket) -> Result<(), SourceError>;
}

//! Idempotency keys as the API uses them (contract `writes.md` §1).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_ports::{
    idempotency::{IdempotencyTicket, KeyState, StoredAnswer},
    keyed_hash::HashPurpose,
    sealing::Purpose,
    source::Priority,
};

use super::{
    error::{WriteUserError, store_error},
    services::{ClaimedKey, Services},
    write_key::write_key,
};
use crate::Caller;

/// How long after its deadline a request may still be writing.
const SETTLING: Duration = Duration::from_mins(1);

/// An answer that was given before.
#[derive(Clone, PartialEq, Eq)]
pub struct EarlierAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// The state of a key, for a request.
pub enum KeyClaim {
    /// The request goes on, or answers anew what it has written before: `written` is whose.
    Go {
        /// The claim.
        claimed: ClaimedKey,
        /// The request has been done; only its answer was lost.
        written: Option<Option<masthead_domain::customer_registration_id::CustomerRegistrationId>>,
    },
    /// The answer that was given before.
    Answered(EarlierAnswer),
    /// The earlier request is still running.
    Running {
        /// When a repetition may succeed.
        retry_after: Duration,
    },
    /// The key belongs to a request with another content.
    OtherContent,
}

/// Keeps the answers of writes by the key of their caller.
#[derive(Clone)]
pub struct IdempotentWrites {
    pub(crate) services: Arc<Services>,
}

impl IdempotentWrites {
    /// Claims a key for a request; `content` is its method, path and body.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn claim(&self, caller: &Caller, key: &str, content: &str) -> Result<KeyClaim, WriteUserError> {
        let ports = &self.services.ports;
        let cx = caller.context(Priority::Interactive);
        let hash = |text: &str| ports.hasher.hash(cx.tenant.pool, HashPurpose::Idempotency, text);
        let own = format!("{}\n{}\n{key}", cx.tenant.id, caller.source_system);
        let key = hash(&own);
        let claim_of = |ticket| ClaimedKey {
            ticket,
            passed_on: write_key(&*ports.hasher, cx.tenant.pool, &format!("key\n{own}")),
        };
        let now = self.services.now();
        let until = now + cx.deadline.saturating_duration_since(Instant::now()) + SETTLING;
        let claimed = ports.idempotency.claim(&cx, key, hash(content), now, until).await;
        Ok(match claimed.map_err(|error| store_error(&error))? {
            KeyState::Claimed(ticket) => KeyClaim::Go {
                claimed: claim_of(ticket),
                written: None,
            },
            KeyState::Written { ticket, crid } => KeyClaim::Go {
                claimed: claim_of(ticket),
                written: Some(crid),
            },
            KeyState::Running { retry_after } => KeyClaim::Running { retry_after },
            KeyState::OtherContent => KeyClaim::OtherContent,
            KeyState::Answered(answer) => {
                let opened = ports
                    .sealing
                    .open(&cx.tenant.id, Purpose::StoredAnswer, &answer.sealed_body);
                KeyClaim::Answered(EarlierAnswer {
                    status: answer.status,
                    body: opened.map_err(|_| WriteUserError::Corrupt)?,
                })
            }
        })
    }

    /// Keeps the answer of a request. A failure is logged: the key then states that the request was written.
    pub async fn answer(&self, caller: &Caller, ticket: IdempotencyTicket, answer: &EarlierAnswer) {
        let ports = &self.services.ports;
        let cx = Services::following(&caller.context(Priority::Interactive));
        let answer = StoredAnswer {
            status: answer.status,
            sealed_body: ports
                .sealing
                .seal(&cx.tenant.id, Purpose::StoredAnswer, &answer.body)
                .into(),
        };
        if let Err(error) = ports.idempotency.answer(&cx, ticket, &answer).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "an answer is not kept");
        }
    }

    /// Frees the key of a request that has written nothing. A failure is logged: the claim ends by itself.
    pub async fn release(&self, caller: &Caller, ticket: IdempotencyTicket) {
        let cx = Services::following(&caller.context(Priority::Interactive));
        if let Err(error) = self.services.ports.idempotency.release(&cx, ticket).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an idempotency key is not freed"
            );
        }
    }
}

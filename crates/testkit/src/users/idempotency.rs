//! Idempotency keys.

use std::time::Duration;

use async_trait::async_trait;
use masthead_domain::{customer_registration_id::CustomerRegistrationId, tenant::PoolId};
use masthead_ports::{
    idempotency::{IdempotencyKeys, IdempotencyTicket, KEPT_FOR, KeyState, StoredAnswer},
    keyed_hash::KeyedHash,
    source::{CallContext, SourceError},
};
use time::OffsetDateTime;

use super::{
    InMemoryUsers,
    state::{KeyProgress, StoredKey, UsersState},
};

impl UsersState {
    /// Forgets the answers about a user: they are given anew.
    pub(super) fn end_answers(&mut self, pool: PoolId, crid: &CustomerRegistrationId) {
        let answered = |key: &&mut StoredKey| key.pool == pool && matches!(key.progress, KeyProgress::Answered(_));
        for key in self.keys.iter_mut().filter(answered) {
            if key.crid.as_ref() == Some(crid) {
                key.progress = KeyProgress::Written(key.crid.clone());
            }
        }
    }

    /// Frees a key that was not written.
    pub(super) fn free_key(&mut self, ticket: Option<IdempotencyTicket>) {
        self.keys
            .retain(|key| Some(key.ticket) != ticket || !matches!(key.progress, KeyProgress::Running { .. }));
    }
}

impl StoredKey {
    /// The answer of the key to a request with this content; `None` if it can be claimed. `is_open`: its intent is open.
    fn state(&self, content: KeyedHash, now: OffsetDateTime, is_open: bool) -> Option<KeyState> {
        if self.ends_at <= now && !is_open {
            return None;
        }
        if self.content != content {
            return Some(KeyState::OtherContent);
        }
        match &self.progress {
            KeyProgress::Answered(answer) => Some(KeyState::Answered(answer.clone())),
            KeyProgress::Written(crid) => Some(KeyState::Written {
                ticket: self.ticket,
                crid: crid.clone(),
            }),
            KeyProgress::Running { until } if *until <= now && !is_open => None,
            KeyProgress::Running { until } => Some(KeyState::Running {
                retry_after: Duration::try_from(*until - now)
                    .unwrap_or_default()
                    .max(Duration::from_secs(1)),
            }),
        }
    }
}

#[async_trait]
impl IdempotencyKeys for InMemoryUsers {
    async fn claim(
        &self,
        cx: &CallContext,
        key: KeyedHash,
        content: KeyedHash,
        now: OffsetDateTime,
        running_until: OffsetDateTime,
    ) -> Result<KeyState, SourceError> {
        self.run("claim_key", |state| {
            let pool = cx.tenant.pool;
            let claimed = StoredKey {
                pool,
                key,
                content,
                ticket: IdempotencyTicket { id: 0, claim: 1 },
                progress: KeyProgress::Running { until: running_until },
                crid: None,
                ends_at: now + KEPT_FOR,
            };
            let open: Vec<_> = state
                .intents
                .values()
                .filter_map(|(intent, _)| Some(intent.new.idempotency?.id))
                .collect();
            let known = state
                .keys
                .iter_mut()
                .find(|known| (known.pool, known.key) == (pool, key));
            let Some(known) = known else {
                state.last_key += 1;
                let ticket = IdempotencyTicket {
                    id: state.last_key,
                    claim: 1,
                };
                state.keys.push(StoredKey { ticket, ..claimed });
                return Ok(KeyState::Claimed(ticket));
            };
            let is_open = open.contains(&known.ticket.id);
            if let Some(state) = known.state(content, now, is_open) {
                return Ok(state);
            }
            let ticket = IdempotencyTicket {
                id: known.ticket.id,
                claim: known.ticket.claim + 1,
            };
            *known = StoredKey { ticket, ..claimed };
            Ok(KeyState::Claimed(ticket))
        })
    }

    async fn answer(
        &self,
        _cx: &CallContext,
        ticket: IdempotencyTicket,
        answer: &StoredAnswer,
    ) -> Result<(), SourceError> {
        self.run("answer_key", |state| {
            if let Some(key) = state.keys.iter_mut().find(|key| key.ticket == ticket) {
                key.progress = KeyProgress::Answered(answer.clone());
            }
            Ok(())
        })
    }

    async fn release(&self, _cx: &CallContext, ticket: IdempotencyTicket) -> Result<(), SourceError> {
        self.run("release_key", |state| {
            state.free_key(Some(ticket));
            Ok(())
        })
    }
}

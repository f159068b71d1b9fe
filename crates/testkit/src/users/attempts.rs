//! Counters of failed sign-ins.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use masthead_ports::{
    attempts::{AttemptCounter, AttemptEnd, KNOWN_FOR, SignInAttempts},
    keyed_hash::KeyedHash,
    source::{CallContext, SourceError},
    users::WriteCommit,
};
use time::OffsetDateTime;

use super::{InMemoryUsers, state::find};

#[async_trait]
impl SignInAttempts for InMemoryUsers {
    async fn begin(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        at: OffsetDateTime,
    ) -> Result<Result<(), Duration>, SourceError> {
        self.run("begin_attempt", |state| {
            let pool = cx.tenant.pool;
            let counters: BTreeMap<KeyedHash, AttemptCounter> =
                counters.iter().map(|counter| (counter.key, *counter)).collect();
            let full = counters.values().filter_map(|counter| {
                let (failures, end) = *state.attempts.get(&(pool, counter.key))?;
                (end > at && failures >= counter.limit.failures).then_some(end - at)
            });
            if let Some(wait) = full.max() {
                return Ok(Err(wait.unsigned_abs()));
            }
            for counter in counters.values() {
                let new = (0, at + counter.limit.window);
                let stored = state.attempts.entry((pool, counter.key)).or_insert(new);
                if stored.1 <= at {
                    *stored = new;
                }
                stored.0 += 1;
            }
            Ok(Ok(()))
        })
    }

    async fn end(&self, cx: &CallContext, end: &AttemptEnd<'_>) -> Result<(), SourceError> {
        self.run("end_attempt", |state| {
            let pool = cx.tenant.pool;
            for counter in end.uncounted {
                if let Some((failures, _)) = state.attempts.get_mut(&(pool, counter.key)) {
                    *failures = failures.saturating_sub(1);
                }
            }
            for key in end.cleared {
                state.attempts.remove(&(pool, *key));
            }
            if let Some(known) = end.known {
                state.known.insert((pool, known), end.origin.at);
            }
            let user = end.user.and_then(|id| find(&self.store, cx, id));
            let commit = WriteCommit {
                events: end.events.to_vec(),
                ..WriteCommit::new(end.origin.clone(), &[])
            };
            state.commit("end_attempt", &cx.tenant, user.as_ref(), &commit)
        })
    }

    async fn is_known(&self, cx: &CallContext, known: KeyedHash, at: OffsetDateTime) -> Result<bool, SourceError> {
        self.run("is_known_attempt", |state| {
            let seen = state.known.get(&(cx.tenant.pool, known));
            Ok(seen.is_some_and(|seen| *seen > at - KNOWN_FOR))
        })
    }
}

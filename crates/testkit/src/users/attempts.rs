//! Counters of failed sign-ins.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use masthead_ports::{
    attempts::{AttemptCounter, KNOWN_FOR, SignInAttempts},
    keyed_hash::KeyedHash,
    source::{CallContext, SourceError},
};
use time::OffsetDateTime;

use super::InMemoryUsers;

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

    async fn succeed(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        clear: &[KeyedHash],
        known: Option<KeyedHash>,
        at: OffsetDateTime,
    ) -> Result<(), SourceError> {
        self.run("succeed_attempt", |state| {
            let pool = cx.tenant.pool;
            for counter in counters {
                if let Some((failures, _)) = state.attempts.get_mut(&(pool, counter.key)) {
                    *failures = failures.saturating_sub(1);
                }
            }
            for key in clear {
                state.attempts.remove(&(pool, *key));
            }
            if let Some(known) = known {
                state.known.insert((pool, known), at);
            }
            Ok(())
        })
    }

    async fn is_known(&self, cx: &CallContext, known: KeyedHash, at: OffsetDateTime) -> Result<bool, SourceError> {
        self.run("is_known_attempt", |state| {
            let seen = state.known.get(&(cx.tenant.pool, known));
            Ok(seen.is_some_and(|seen| *seen > at - KNOWN_FOR))
        })
    }
}

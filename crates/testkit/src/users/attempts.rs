//! Counters of failed sign-ins.

use std::collections::BTreeMap;

use async_trait::async_trait;
use masthead_ports::{
    attempts::{AttemptCounter, AttemptEnd, FullCounter, KNOWN_FOR, SignInAttempts},
    keyed_hash::KeyedHash,
    source::{CallContext, SourceError},
    users::WriteCommit,
};
use time::OffsetDateTime;

use super::{
    InMemoryUsers,
    state::{CountedAttempts, find},
};

impl InMemoryUsers {
    fn count_attempt(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        at: OffsetDateTime,
        unfinished: u32,
    ) -> Result<Result<(), FullCounter>, SourceError> {
        self.run("begin_attempt", |state| {
            let pool = cx.tenant.pool;
            let counters: BTreeMap<KeyedHash, AttemptCounter> =
                counters.iter().map(|counter| (counter.key, *counter)).collect();
            let full: Vec<_> = counters
                .values()
                .filter_map(|counter| {
                    let counted = state.attempts.get(&(pool, counter.key))?;
                    let limit = counter.limit.failures;
                    (counted.ends_at > at && counted.failures >= limit).then_some((counted, limit))
                })
                .collect();
            let by_failures = full
                .iter()
                .filter(|(counted, limit)| counted.failures - counted.unfinished >= *limit);
            if let Some(until) = by_failures.map(|(counted, _)| counted.ends_at).max() {
                return Ok(Err(FullCounter::Failures((until - at).unsigned_abs())));
            }
            if !full.is_empty() {
                return Ok(Err(FullCounter::Unfinished));
            }
            for counter in counters.values() {
                let new = CountedAttempts {
                    failures: 0,
                    unfinished: 0,
                    ends_at: at + counter.limit.window,
                };
                let stored = state.attempts.entry((pool, counter.key)).or_insert(new);
                if stored.ends_at <= at {
                    *stored = new;
                }
                stored.failures += 1;
                stored.unfinished += unfinished;
            }
            Ok(Ok(()))
        })
    }
}

#[async_trait]
impl SignInAttempts for InMemoryUsers {
    async fn begin(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        at: OffsetDateTime,
    ) -> Result<Result<(), FullCounter>, SourceError> {
        self.count_attempt(cx, counters, at, 1)
    }

    async fn count(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        at: OffsetDateTime,
    ) -> Result<Result<(), FullCounter>, SourceError> {
        self.count_attempt(cx, counters, at, 0)
    }

    async fn end(&self, cx: &CallContext, end: &AttemptEnd<'_>) -> Result<(), SourceError> {
        self.run("end_attempt", |state| {
            let pool = cx.tenant.pool;
            for counter in end.failed.iter().chain(end.uncounted) {
                if let Some(counted) = state.attempts.get_mut(&(pool, counter.key)) {
                    counted.unfinished = counted.unfinished.saturating_sub(1);
                }
            }
            for counter in end.uncounted {
                if let Some(counted) = state.attempts.get_mut(&(pool, counter.key)) {
                    counted.failures = counted.failures.saturating_sub(1);
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

//! Counters of failed sign-ins.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use masthead_ports::{
    attempts::{AttemptCounter, AttemptEnd, AttemptLimit, FullCounter, KNOWN_FOR, SignInAttempts},
    keyed_hash::KeyedHash,
    registrations::WriteOrigin,
    source::{CallContext, SourceError},
};
use time::OffsetDateTime;

use super::{
    PgUsers, attempt_end,
    error::{PgWriteError, in_time},
};

const OPERATION: &str = "sign-in attempts";

/// The columns of counters: each key once, in order, so that all callers lock rows in one order.
struct Counters {
    keys: Vec<Vec<u8>>,
    limits: Vec<i32>,
    seconds: Vec<f64>,
}

impl Counters {
    fn new(counters: &[AttemptCounter]) -> Self {
        let by_key: BTreeMap<KeyedHash, AttemptLimit> =
            counters.iter().map(|counter| (counter.key, counter.limit)).collect();
        let limit = |limit: &AttemptLimit| i32::try_from(limit.failures).unwrap_or(i32::MAX);
        Self {
            keys: by_key.keys().map(|key| key.0.to_vec()).collect(),
            limits: by_key.values().map(limit).collect(),
            seconds: by_key.values().map(|limit| limit.window.as_secs_f64()).collect(),
        }
    }
}

impl PgUsers {
    /// Counts an attempt, `unfinished` until its end.
    async fn count_attempt(
        &self,
        cx: &CallContext,
        counted: &[AttemptCounter],
        at: OffsetDateTime,
        unfinished: bool,
    ) -> Result<Result<(), FullCounter>, PgWriteError> {
        let counters = Counters::new(counted);
        // A blocked caller costs no write. Losing this commit alone is harmless: the end of the attempt, which is durable, would
        // then be lost, too.
        let work = || async {
            let begun = sqlx::query!(
                r#"WITH counters AS MATERIALIZED (
                       SELECT c.key, c.failures, c.seconds
                         FROM unnest($3::bytea[], $4::integer[], $5::float8[]) AS c (key, failures, seconds)),
                   blocked AS MATERIALIZED (
                       SELECT count(*) AS counters,
                              max(a.ends_at) FILTER (WHERE a.failures - a.unfinished >= c.failures) AS until
                         FROM counters AS c
                        CROSS JOIN LATERAL (SELECT a.ends_at, a.failures, a.unfinished FROM sign_in_attempts AS a
                                             WHERE a.pool = $1 AND a.key = c.key AND a.ends_at > $2
                                               AND a.failures >= c.failures
                                            OFFSET 0) AS a),
                   counted AS (
                       INSERT INTO sign_in_attempts AS a (pool, key, failures, unfinished, ends_at)
                       SELECT $1, c.key, 1, $6::integer, $2::timestamptz + c.seconds * interval '1 second'
                         FROM blocked AS b CROSS JOIN counters AS c WHERE b.counters = 0 ORDER BY c.key
                           ON CONFLICT (pool, key) DO UPDATE
                          SET failures = CASE WHEN a.ends_at <= $2 THEN 1 ELSE a.failures + 1 END,
                              unfinished = CASE WHEN a.ends_at <= $2 THEN $6 ELSE a.unfinished + $6 END,
                              ends_at = CASE WHEN a.ends_at <= $2 THEN EXCLUDED.ends_at ELSE a.ends_at END
                       RETURNING a.key, a.failures, a.unfinished, a.ends_at),
                   filled AS MATERIALIZED (
                       SELECT count(*) AS counters,
                              max(n.ends_at) FILTER (WHERE n.failures - n.unfinished >= c.failures) AS until
                         FROM counted AS n JOIN counters AS c ON c.key = n.key WHERE n.failures > c.failures)
                   SELECT b.counters + f.counters > 0 AS "is_full!", f.counters > 0 AS "is_counted!",
                          greatest(b.until, f.until) AS "until",
                          set_config('synchronous_commit', 'off', true) AS "commits"
                     FROM blocked AS b CROSS JOIN filled AS f"#,
                cx.tenant.pool.0,
                at,
                &counters.keys,
                &counters.limits,
                &counters.seconds,
                i32::from(unfinished),
            );
            Ok(begun.fetch_one(&self.service).await?)
        };
        let begun = in_time(cx, work).await?;
        if begun.is_counted {
            // Attempts at the same time have filled a counter meanwhile.
            let origin = WriteOrigin::new("".into(), "".into(), at);
            let taken_back = AttemptEnd {
                uncounted: counted,
                ..AttemptEnd::new(&origin)
            };
            attempt_end::commit(self, cx, &taken_back).await?;
        }
        if !begun.is_full {
            return Ok(Ok(()));
        }
        let left = |until: OffsetDateTime| FullCounter::Failures(Duration::try_from(until - at).unwrap_or_default());
        Ok(Err(begun.until.map_or(FullCounter::Unfinished, left)))
    }
}

#[async_trait]
impl SignInAttempts for PgUsers {
    async fn begin(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        at: OffsetDateTime,
    ) -> Result<Result<(), FullCounter>, SourceError> {
        let begun = self.count_attempt(cx, counters, at, true).await;
        begun.map_err(|error| error.into_source_error(OPERATION))
    }

    async fn count(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        at: OffsetDateTime,
    ) -> Result<Result<(), FullCounter>, SourceError> {
        let counted = self.count_attempt(cx, counters, at, false).await;
        counted.map_err(|error| error.into_source_error(OPERATION))
    }

    async fn end(&self, cx: &CallContext, end: &AttemptEnd<'_>) -> Result<(), SourceError> {
        let ended = attempt_end::commit(self, cx, end).await;
        ended.map_err(|error| error.into_source_error(OPERATION))
    }

    async fn is_known(&self, cx: &CallContext, known: KeyedHash, at: OffsetDateTime) -> Result<bool, SourceError> {
        let work = || async {
            let is_known = sqlx::query_scalar!(
                r#"SELECT EXISTS (SELECT FROM known_addresses WHERE pool = $1 AND key = $2 AND seen_at > $3) AS "known!""#,
                cx.tenant.pool.0,
                &known.0[..],
                at - KNOWN_FOR,
            );
            Ok(is_known.fetch_one(&self.service).await?)
        };
        let is_known = in_time(cx, work).await;
        is_known.map_err(|error| error.into_source_error(OPERATION))
    }
}

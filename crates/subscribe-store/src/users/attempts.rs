//! Counters of failed sign-ins.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use masthead_domain::tenant::PoolId;
use masthead_ports::{
    attempts::{AttemptCounter, AttemptLimit, KNOWN_FOR, SignInAttempts},
    keyed_hash::KeyedHash,
    source::{CallContext, SourceError},
};
use time::OffsetDateTime;

use super::{
    PgUsers,
    error::{PgWriteError, commit, in_time},
};
use crate::database::Transaction;

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

/// Counts the attempt at each counter; returns when the last full one ends, and then the transaction must be rolled back.
async fn count(
    transaction: &mut Transaction,
    pool: PoolId,
    counters: &Counters,
    at: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH counted AS (
               INSERT INTO sign_in_attempts AS a (pool, key, failures, ends_at)
               SELECT $1, c.key, 1, $2::timestamptz + c.seconds * interval '1 second'
                 FROM unnest($3::bytea[], $5::float8[]) AS c (key, seconds) ORDER BY c.key
                   ON CONFLICT (pool, key) DO UPDATE
                  SET failures = CASE WHEN a.ends_at <= $2 THEN 1 ELSE a.failures + 1 END,
                      ends_at = CASE WHEN a.ends_at <= $2 THEN EXCLUDED.ends_at ELSE a.ends_at END
               RETURNING a.key, a.failures, a.ends_at)
           SELECT max(n.ends_at) AS "full_until"
             FROM counted AS n JOIN unnest($3::bytea[], $4::integer[]) AS c (key, failures) ON c.key = n.key
            WHERE n.failures > c.failures"#,
        pool.0,
        at,
        &counters.keys,
        &counters.limits,
        &counters.seconds,
    )
    .fetch_one(transaction)
    .await
}

/// When the last of the counters that are full now ends: a blocked caller costs no write.
async fn full_until(
    transaction: &mut Transaction,
    pool: PoolId,
    counters: &Counters,
    at: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT max(a.ends_at) AS "full_until"
             FROM unnest($2::bytea[], $3::integer[]) AS c (key, failures)
            CROSS JOIN LATERAL (SELECT a.ends_at FROM sign_in_attempts AS a
                                 WHERE a.pool = $1 AND a.key = c.key AND a.ends_at > $4 AND a.failures >= c.failures
                                OFFSET 0) AS a"#,
        pool.0,
        &counters.keys,
        &counters.limits,
        at,
    )
    .fetch_one(transaction)
    .await
}

impl PgUsers {
    async fn begin_attempt(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        at: OffsetDateTime,
    ) -> Result<Result<(), Duration>, PgWriteError> {
        let counters = Counters::new(counters);
        let work = || async {
            let mut transaction = self.service.begin().await?;
            let pool = cx.tenant.pool;
            let mut full = full_until(&mut transaction, pool, &counters, at).await?;
            if full.is_none() {
                full = count(&mut transaction, pool, &counters, at).await?;
            }
            match full {
                None => Ok((Some(transaction), Ok(()))),
                Some(until) => {
                    transaction.rollback().await?;
                    let wait = Duration::try_from(until - at).unwrap_or_default();
                    Ok((None, Err(wait)))
                }
            }
        };
        let (transaction, begun) = in_time(cx, work).await?;
        if let Some(transaction) = transaction {
            commit(cx, transaction).await?;
        }
        Ok(begun)
    }

    async fn succeed_attempt(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        clear: &[KeyedHash],
        known: Option<KeyedHash>,
        at: OffsetDateTime,
    ) -> Result<(), PgWriteError> {
        let pool = cx.tenant.pool.0;
        let cleared: Vec<Vec<u8>> = clear.iter().map(|key| key.0.to_vec()).collect();
        let mut counted = Counters::new(counters).keys;
        counted.retain(|key| !cleared.contains(key));
        let known: Option<Vec<u8>> = known.map(|key| key.0.to_vec());
        let work = || async {
            // One statement, since each costs more than what it does. Rows are locked in the order of their keys.
            let succeeded = sqlx::query!(
                "WITH locked AS MATERIALIZED (
                     SELECT key FROM sign_in_attempts
                      WHERE pool = $1 AND key = ANY ($2::bytea[] || $3::bytea[]) ORDER BY key FOR UPDATE),
                 cleared AS (
                     DELETE FROM sign_in_attempts AS a USING locked AS l
                      WHERE a.pool = $1 AND a.key = l.key AND a.key = ANY ($3)),
                 uncounted AS (
                     UPDATE sign_in_attempts AS a SET failures = failures - 1 FROM locked AS l
                      WHERE a.pool = $1 AND a.key = l.key AND a.key = ANY ($2) AND a.failures > 0)
                 INSERT INTO known_addresses AS k (pool, key, seen_at)
                 SELECT $1, $4, $5 WHERE $4::bytea IS NOT NULL
                     ON CONFLICT (pool, key) DO UPDATE SET seen_at = EXCLUDED.seen_at WHERE k.seen_at < EXCLUDED.seen_at",
                pool,
                &counted,
                &cleared,
                known.as_deref(),
                at,
            );
            succeeded.execute(&self.service).await?;
            Ok(())
        };
        in_time(cx, work).await
    }
}

#[async_trait]
impl SignInAttempts for PgUsers {
    async fn begin(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        at: OffsetDateTime,
    ) -> Result<Result<(), Duration>, SourceError> {
        let begun = self.begin_attempt(cx, counters, at).await;
        begun.map_err(|error| error.into_source_error(OPERATION))
    }

    async fn succeed(
        &self,
        cx: &CallContext,
        counters: &[AttemptCounter],
        clear: &[KeyedHash],
        known: Option<KeyedHash>,
        at: OffsetDateTime,
    ) -> Result<(), SourceError> {
        let done = self.succeed_attempt(cx, counters, clear, known, at).await;
        done.map_err(|error| error.into_source_error(OPERATION))
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

//! The rows of codes, with what was sent and tried.

use masthead_domain::{email::Email, tenant::PoolId};
use masthead_ports::{
    keyed_hash::KeyedHash,
    users::{CODE_TRIES, CODES_PER_DAY, NewCode},
};
use time::{Duration, OffsetDateTime};

use super::error::PgWriteError;
use crate::database::Transaction;

/// Keeps the code of a new pending registration.
pub(super) async fn keep(
    transaction: &mut Transaction,
    pool: PoolId,
    email: &Email,
    code: &NewCode,
    at: OffsetDateTime,
) -> Result<(), PgWriteError> {
    write(transaction, pool, email, code, at, Duration::ZERO)
        .await
        .map(|_| ())
}

/// Replaces the code of an address, if the last one was sent `pause` ago and not too many in this day; returns whether it did.
pub(super) async fn write(
    transaction: &mut Transaction,
    pool: PoolId,
    email: &Email,
    code: &NewCode,
    at: OffsetDateTime,
    pause: Duration,
) -> Result<bool, PgWriteError> {
    let day_ends_at = at + Duration::DAY;
    let written = sqlx::query!(
        "INSERT INTO verification_codes AS c
                (pool, email_key, hash, expires_at, sent_at, day_from, ends_at, sent_in_day, wrong_tries)
         VALUES ($1, $2, $3, $4, $5, $5, greatest($4::timestamptz, $6), 1, 0)
             ON CONFLICT (pool, email_key) DO UPDATE
            SET hash = EXCLUDED.hash, expires_at = EXCLUDED.expires_at, sent_at = EXCLUDED.sent_at,
                ends_at = greatest(c.ends_at, EXCLUDED.ends_at), wrong_tries = 0,
                day_from = CASE WHEN c.day_from <= $7 THEN EXCLUDED.day_from ELSE c.day_from END,
                sent_in_day = CASE WHEN c.day_from <= $7 THEN 1 ELSE c.sent_in_day + 1 END
          WHERE $8::boolean OR c.sent_at <= $9 AND (c.day_from <= $7 OR c.sent_in_day < $10)",
        pool.0,
        email.key().as_str(),
        &code.hash.0[..],
        code.expires_at,
        at,
        day_ends_at,
        at - Duration::DAY,
        pause.is_zero(),
        at - pause,
        CODES_PER_DAY,
    )
    .execute(transaction)
    .await?;
    Ok(written.rows_affected() > 0)
}

/// Compares the code, and counts a wrong one. The row's lock orders concurrent tries.
pub(super) async fn count_try(
    transaction: &mut Transaction,
    pool: PoolId,
    email: &Email,
    hashes: &[KeyedHash],
    at: OffsetDateTime,
) -> Result<bool, PgWriteError> {
    let hashes: Vec<&[u8]> = hashes.iter().map(|hash| &hash.0[..]).collect();
    let is_right = sqlx::query_scalar!(
        r#"UPDATE verification_codes
              SET wrong_tries = wrong_tries + CASE WHEN hash = ANY ($3) THEN 0 ELSE 1 END
            WHERE pool = $1 AND email_key = $2 AND expires_at > $4 AND wrong_tries < $5
           RETURNING hash = ANY ($3) AS "right!""#,
        pool.0,
        email.key().as_str(),
        &hashes as &[&[u8]],
        at,
        CODE_TRIES,
    )
    .fetch_optional(transaction)
    .await?;
    Ok(is_right == Some(true))
}

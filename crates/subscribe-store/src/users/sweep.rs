//! Removes what no index finds by a person: stored answers, mails and writes that wait, and its name in events (ADR 0139).
//!
//! Each step reads pages and compares keyed hashes, so that nothing personal is kept until it is done, and may be repeated.

use std::collections::HashSet;

use masthead_domain::{
    email::Email,
    tenant::{PoolId, TenantId},
};
use masthead_ports::{
    erasure::{ErasureId, Receipt, ReceiptLine, StoredTexts},
    person::sources,
};
use time::{Duration, OffsetDateTime};

use super::{
    PgUsers,
    erase::email_text,
    error::PgWriteError,
    receipts::{self, ErasureRow},
};
use crate::{database::Transaction, sqlstate::PgErrorKind, tombstones::Tombstones};

/// The rows of a page.
const PAGE: i64 = 1000;

/// After so long the events are looked through again: a server may have held some in memory.
const AGAIN_AFTER: Duration = Duration::minutes(2);

/// Compares texts with the hashes of a person, under every known key.
struct Matcher<'a> {
    tombstones: &'a Tombstones,
    pool: PoolId,
    hashes: HashSet<&'a [u8]>,
}

impl Matcher<'_> {
    fn is_match(&self, text: &str) -> bool {
        let under_each_key = self.tombstones.hashes_of(self.pool, text);
        under_each_key.iter().any(|hash| self.hashes.contains(&hash.0[..]))
    }

    fn is_address(&self, address: Option<Email>) -> bool {
        address.is_some_and(|address| self.is_match(email_text(&address)))
    }
}

/// As [`masthead_ports::erasure::Erasures::sweep`].
pub(super) async fn sweep(
    users: &PgUsers,
    id: ErasureId,
    texts: &dyn StoredTexts,
    at: OffsetDateTime,
    events_within: std::time::Duration,
) -> Result<Option<Receipt>, PgWriteError> {
    let Some(receipt) = sweep_waiting(users, id, texts, at).await? else {
        return Ok(None);
    };
    match sweep_events(users, id, at, events_within).await {
        Ok(swept) => Ok(Some(swept.unwrap_or(receipt))),
        Err(PgWriteError::Database(error)) if PgErrorKind::from_error(&error) == PgErrorKind::Cancelled => {
            tracing::info!(erasure = id.0, "the events of an erasure are gone through later");
            Ok(Some(receipt))
        }
        Err(error) => Err(error),
    }
}

/// Everything but the events, in one transaction with its lines of the receipt.
async fn sweep_waiting(
    users: &PgUsers,
    id: ErasureId,
    texts: &dyn StoredTexts,
    at: OffsetDateTime,
) -> Result<Option<Receipt>, PgWriteError> {
    let mut transaction = users.slow.begin().await?;
    let Some(row) = lock(&mut transaction, id).await? else {
        return Ok(None);
    };
    let pool = PoolId(row.pool);
    let matcher = Matcher {
        tombstones: &users.tombstones,
        pool,
        hashes: row.hashes.iter().map(Vec::as_slice).collect(),
    };
    let done = [
        (
            sources::COUNTERS,
            delete_counters(&mut transaction, pool, &row.attempt_keys).await?,
        ),
        (sources::KEYS, delete_keys(&mut transaction, &matcher).await?),
        (sources::MAILS, delete_mails(&mut transaction, &matcher, texts).await?),
        (
            sources::INTENTS,
            delete_intents(&mut transaction, &matcher, texts, at).await?,
        ),
    ];
    let mut receipt = row.into_receipt()?;
    let done = done.map(|(source, count)| ReceiptLine::of_count(source, count, at));
    receipts::replace(&mut receipt.lines, done.into());
    sqlx::query!(
        "UPDATE erasures SET attempt_keys = '{}', receipt = $3::text::json WHERE id = $1 AND pool = $2",
        id.0,
        pool.0,
        receipts::to_json(&receipt.lines),
    )
    .execute(&mut transaction)
    .await?;
    transaction.commit().await?;
    Ok(Some(receipt))
}

/// The events, and the end of the sweep. The log of a year is large: the statement may take minutes.
async fn sweep_events(
    users: &PgUsers,
    id: ErasureId,
    at: OffsetDateTime,
    within: std::time::Duration,
) -> Result<Option<Receipt>, PgWriteError> {
    let mut transaction = users.slow.begin().await?;
    let Some(mut row) = lock(&mut transaction, id).await? else {
        return Ok(None);
    };
    let pool = PoolId(row.pool);
    let events = forget_in_events(&mut transaction, pool, &row.numbers, within).await?;
    let is_last = row.finished_at.is_some() && at >= row.requested_at + AGAIN_AFTER;
    let numbers = if is_last {
        Vec::new()
    } else {
        std::mem::take(&mut row.numbers)
    };
    let finished_at = row.finished_at.unwrap_or(at);
    row.finished_at = Some(finished_at);
    let mut receipt = row.into_receipt()?;
    let line = ReceiptLine::of_count(sources::EVENTS, events, at);
    receipts::replace(&mut receipt.lines, vec![line]);
    if is_last {
        settle_memory(&mut receipt, at);
    }
    sqlx::query!(
        "UPDATE erasures SET finished_at = $3, due_at = $4, numbers = $5, receipt = $6::text::json WHERE id = $1 AND pool = $2",
        id.0,
        pool.0,
        finished_at,
        (!is_last).then_some(receipt.requested_at + AGAIN_AFTER),
        &numbers,
        receipts::to_json(&receipt.lines),
    )
    .execute(&mut transaction)
    .await?;
    transaction.commit().await?;
    Ok(Some(receipt))
}

/// By then each server that reaches the database has forgotten the person.
fn settle_memory(receipt: &mut Receipt, at: OffsetDateTime) {
    let in_memory = receipt
        .lines
        .iter_mut()
        .find(|line| line.source == sources::SERVER_MEMORY);
    if let Some(line) = in_memory {
        line.outcome = masthead_ports::erasure::ErasureOutcome::Erased;
        line.at = at;
    }
}

/// The erasure, whose row is locked: no two sweeps of it run at once, and none overwrites the receipt of another. `None` if there is
/// none, or another sweep of it runs.
async fn lock(transaction: &mut Transaction, id: ErasureId) -> Result<Option<ErasureRow>, sqlx::Error> {
    sqlx::query_as!(
        ErasureRow,
        r#"SELECT id, pool, requested_at, finished_at, tenant, request_id, source_system, hashes, attempt_keys, numbers,
                  receipt::text AS "receipt!"
             FROM erasures WHERE id = $1 FOR UPDATE SKIP LOCKED"#,
        id.0,
    )
    .fetch_optional(transaction)
    .await
}

async fn delete_counters(transaction: &mut Transaction, pool: PoolId, keys: &[Vec<u8>]) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!(
        "DELETE FROM sign_in_attempts WHERE pool = $1 AND key = ANY ($2)",
        pool.0,
        keys,
    )
    .execute(&mut *transaction)
    .await?;
    Ok(deleted.rows_affected())
}

/// Stored answers of writes of the person: all keys of a day are looked through.
async fn delete_keys(transaction: &mut Transaction, matcher: &Matcher<'_>) -> Result<u64, sqlx::Error> {
    let (mut deleted, mut after) = (0, 0);
    loop {
        let rows = sqlx::query!(
            r#"SELECT id, crid AS "crid!" FROM idempotency_keys
                WHERE pool = $1 AND id > $2 AND crid IS NOT NULL ORDER BY id LIMIT $3"#,
            matcher.pool.0,
            after,
            PAGE,
        )
        .fetch_all(&mut *transaction)
        .await?;
        let Some(last) = rows.last() else {
            return Ok(deleted);
        };
        after = last.id;
        let own: Vec<i64> = rows
            .iter()
            .filter(|row| matcher.is_match(&row.crid))
            .map(|row| row.id)
            .collect();
        if !own.is_empty() {
            let done = sqlx::query!(
                "DELETE FROM idempotency_keys WHERE pool = $1 AND id = ANY ($2)",
                matcher.pool.0,
                &own,
            )
            .execute(&mut *transaction)
            .await?;
            deleted += done.rows_affected();
        }
    }
}

/// Mails to the person. A dead letter has no content any more.
async fn delete_mails(
    transaction: &mut Transaction,
    matcher: &Matcher<'_>,
    texts: &dyn StoredTexts,
) -> Result<u64, sqlx::Error> {
    let (mut deleted, mut after) = (0, "00000000-0000-0000-0000-000000000000".to_owned());
    loop {
        let rows = sqlx::query!(
            r#"SELECT id::text AS "id!", tenant, sealed FROM mail_outbox
                WHERE pool = $1 AND dead_at IS NULL AND id > $2::text::uuid ORDER BY mail_outbox.id LIMIT $3"#,
            matcher.pool.0,
            after,
            PAGE,
        )
        .fetch_all(&mut *transaction)
        .await?;
        let Some(last) = rows.last() else {
            return Ok(deleted);
        };
        after.clone_from(&last.id);
        let own: Vec<&str> = rows
            .iter()
            .filter(|row| {
                let tenant = TenantId::parse(&row.tenant).ok();
                matcher.is_address(tenant.and_then(|tenant| texts.address_of_mail(&tenant, &row.sealed)))
            })
            .map(|row| &*row.id)
            .collect();
        if !own.is_empty() {
            let done = sqlx::query!(
                "DELETE FROM mail_outbox WHERE pool = $1 AND id = ANY ($2::text[]::uuid[])",
                matcher.pool.0,
                &own as &[&str],
            )
            .execute(&mut *transaction)
            .await?;
            deleted += done.rows_affected();
        }
    }
}

/// Writes that would create the person, whose requests have ended.
async fn delete_intents(
    transaction: &mut Transaction,
    matcher: &Matcher<'_>,
    texts: &dyn StoredTexts,
    at: OffsetDateTime,
) -> Result<u64, sqlx::Error> {
    let (mut deleted, mut after) = (0, 0);
    loop {
        let rows = sqlx::query!(
            "SELECT id, tenant, sealed FROM write_intents
              WHERE pool = $1 AND id > $2 AND crid IS NULL AND deadline < $3 ORDER BY id LIMIT $4",
            matcher.pool.0,
            after,
            at,
            PAGE,
        )
        .fetch_all(&mut *transaction)
        .await?;
        let Some(last) = rows.last() else {
            return Ok(deleted);
        };
        after = last.id;
        for row in &rows {
            let tenant = TenantId::parse(&row.tenant).ok();
            if matcher.is_address(tenant.and_then(|tenant| texts.address_of_intent(&tenant, &row.sealed))) {
                sqlx::query!(
                    "DELETE FROM write_intents WHERE pool = $1 AND id = $2",
                    matcher.pool.0,
                    row.id,
                )
                .execute(&mut *transaction)
                .await?;
                deleted += 1;
            }
        }
    }
}

async fn forget_in_events(
    transaction: &mut Transaction,
    pool: PoolId,
    numbers: &[i64],
    within: std::time::Duration,
) -> Result<u64, sqlx::Error> {
    if numbers.is_empty() {
        return Ok(0);
    }
    sqlx::query("SELECT set_config('statement_timeout', $1, true)")
        .bind(within.as_millis().to_string())
        .persistent(false)
        .execute(&mut *transaction)
        .await?;
    let changed = sqlx::query_scalar!(r#"SELECT forget_event_user($1, $2) AS "changed!""#, pool.0, numbers,)
        .fetch_one(transaction)
        .await?;
    Ok(changed.unsigned_abs())
}

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
    PgUsers,
    error::{PgWriteError, commit, in_time},
};
use crate::{database::Transaction, row::RowError};

const OPERATION: &str = "idempotency keys";

/// How often a claim is tried whose row was released meanwhile.
const TRIES: usize = 3;

/// A request's key and content, and until when it runs.
struct Claim {
    key: KeyedHash,
    content: KeyedHash,
    now: OffsetDateTime,
    running_until: OffsetDateTime,
}

struct IdempotencyRow {
    id: i64,
    claim: i32,
    content: Vec<u8>,
    running_until: OffsetDateTime,
    written: bool,
    crid: Option<String>,
    status: Option<i16>,
    answer: Option<String>,
}

/// Inserts the key, or claims the row of one that is over; `None` if it cannot be claimed.
async fn take(
    transaction: &mut Transaction,
    pool: PoolId,
    claim: &Claim,
) -> Result<Option<IdempotencyTicket>, PgWriteError> {
    let row = sqlx::query!(
        "INSERT INTO idempotency_keys AS k (pool, key, content, claim, running_until, expires_at)
         VALUES ($1, $2, $3, 1, $4, $5)
             ON CONFLICT (pool, key) DO UPDATE
            SET content = EXCLUDED.content, claim = k.claim + 1, running_until = EXCLUDED.running_until,
                expires_at = EXCLUDED.expires_at, written = false, crid = NULL, status = NULL, answer = NULL
          WHERE k.expires_at <= $6
             OR k.content = EXCLUDED.content AND k.running_until <= $6 AND NOT k.written AND k.status IS NULL
         RETURNING id, claim",
        pool.0,
        &claim.key.0[..],
        &claim.content.0[..],
        claim.running_until,
        claim.now + KEPT_FOR,
        claim.now,
    )
    .fetch_optional(transaction)
    .await?;
    Ok(row.map(|row| IdempotencyTicket {
        id: row.id,
        claim: row.claim,
    }))
}

/// In a statement of its own: one that has waited for the key's row does not see an intent that was begun meanwhile.
async fn has_open_intent(transaction: &mut Transaction, pool: PoolId, key: i64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM write_intents WHERE pool = $1 AND idempotency_id = $2) AS "open!""#,
        pool.0,
        key,
    )
    .fetch_one(transaction)
    .await
}

async fn read(
    transaction: &mut Transaction,
    pool: PoolId,
    key: KeyedHash,
) -> Result<Option<IdempotencyRow>, sqlx::Error> {
    sqlx::query_as!(
        IdempotencyRow,
        "SELECT id, claim, content, running_until, written, crid, status, answer
           FROM idempotency_keys WHERE pool = $1 AND key = $2",
        pool.0,
        &key.0[..],
    )
    .fetch_optional(transaction)
    .await
}

impl IdempotencyRow {
    fn into_state(self, claim: &Claim) -> Result<KeyState, PgWriteError> {
        if self.content != claim.content.0 {
            return Ok(KeyState::OtherContent);
        }
        if let (Some(status), Some(answer)) = (self.status, self.answer) {
            return Ok(KeyState::Answered(StoredAnswer {
                status: u16::try_from(status).map_err(|_| RowError::Column { column: "status" })?,
                sealed_body: answer.into(),
            }));
        }
        if self.written {
            let crid = self.crid.as_deref().map(CustomerRegistrationId::parse).transpose();
            return Ok(KeyState::Written {
                ticket: IdempotencyTicket {
                    id: self.id,
                    claim: self.claim,
                },
                crid: crid.map_err(|_| RowError::Column { column: "crid" })?,
            });
        }
        Ok(KeyState::Running {
            retry_after: Duration::try_from(self.running_until - claim.now)
                .unwrap_or_default()
                .max(Duration::from_secs(1)),
        })
    }
}

impl PgUsers {
    async fn claim_key(&self, cx: &CallContext, claim: &Claim) -> Result<KeyState, PgWriteError> {
        let pool = cx.tenant.pool;
        let work = || async {
            for _ in 0..TRIES {
                let mut transaction = self.service.begin().await?;
                match take(&mut transaction, pool, claim).await? {
                    Some(ticket) if ticket.claim == 1 => return Ok((Some(transaction), KeyState::Claimed(ticket))),
                    Some(ticket) => {
                        if !has_open_intent(&mut transaction, pool, ticket.id).await? {
                            return Ok((Some(transaction), KeyState::Claimed(ticket)));
                        }
                        transaction.rollback().await?;
                        transaction = self.service.begin().await?;
                    }
                    None => {}
                }
                let row = read(&mut transaction, pool, claim.key).await?;
                transaction.rollback().await?;
                if let Some(row) = row {
                    return Ok((None, row.into_state(claim)?));
                }
            }
            Err(PgWriteError::KeyPassed)
        };
        let (transaction, state) = in_time(cx, work).await?;
        if let Some(transaction) = transaction {
            commit(cx, transaction).await?;
        }
        Ok(state)
    }
}

/// Frees a key that was not written.
pub(super) async fn release(
    transaction: &mut Transaction,
    pool: PoolId,
    ticket: IdempotencyTicket,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM idempotency_keys
          WHERE pool = $1 AND id = $2 AND claim = $3 AND NOT written AND status IS NULL",
        pool.0,
        ticket.id,
        ticket.claim,
    )
    .execute(transaction)
    .await
    .map(|_| ())
}

#[async_trait]
impl IdempotencyKeys for PgUsers {
    async fn claim(
        &self,
        cx: &CallContext,
        key: KeyedHash,
        content: KeyedHash,
        now: OffsetDateTime,
        running_until: OffsetDateTime,
    ) -> Result<KeyState, SourceError> {
        let claim = Claim {
            key,
            content,
            now,
            running_until,
        };
        let state = self.claim_key(cx, &claim).await;
        state.map_err(|error| error.into_source_error(OPERATION))
    }

    async fn answer(
        &self,
        cx: &CallContext,
        ticket: IdempotencyTicket,
        answer: &StoredAnswer,
    ) -> Result<(), SourceError> {
        let work = || async {
            sqlx::query!(
                "UPDATE idempotency_keys SET status = $4, answer = $5 WHERE pool = $1 AND id = $2 AND claim = $3",
                cx.tenant.pool.0,
                ticket.id,
                ticket.claim,
                i16::try_from(answer.status).unwrap_or_default(),
                &*answer.sealed_body,
            )
            .execute(&self.service)
            .await?;
            Ok(())
        };
        let done = in_time(cx, work).await;
        done.map_err(|error| error.into_source_error(OPERATION))
    }

    async fn release(&self, cx: &CallContext, ticket: IdempotencyTicket) -> Result<(), SourceError> {
        let work = || async {
            let mut transaction = self.service.begin().await?;
            release(&mut transaction, cx.tenant.pool, ticket).await?;
            Ok(transaction)
        };
        let done = async { commit(cx, in_time(cx, work).await?).await }.await;
        done.map_err(|error: PgWriteError| error.into_source_error(OPERATION))
    }
}

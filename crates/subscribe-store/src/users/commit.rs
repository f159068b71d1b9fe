//! What is committed together with a write: events, mails, the end of the intent, and the idempotency key.

use masthead_domain::{customer_registration_id::CustomerRegistrationId, tenant::Tenant};
use masthead_ports::users::WriteCommit;

use super::error::PgWriteError;
use crate::{
    database::Transaction,
    event_rows::{EventUser, insert_events},
};

/// The user that a write is about; none where it is about no known one.
#[derive(Clone, Copy, Default)]
pub(super) struct WrittenUser<'a> {
    pub(super) number: Option<i64>,
    pub(super) crid: Option<&'a CustomerRegistrationId>,
    /// Names it in the events also when its registration is gone.
    pub(super) hashed: Option<i64>,
}

impl<'a> WrittenUser<'a> {
    pub(super) const fn new(number: i64, crid: &'a CustomerRegistrationId) -> Self {
        Self {
            number: Some(number),
            crid: Some(crid),
            hashed: None,
        }
    }
}

/// Writes everything that belongs to the write.
pub(super) async fn complete(
    transaction: &mut Transaction,
    tenant: &Tenant,
    user: WrittenUser<'_>,
    commit: &WriteCommit,
) -> Result<(), PgWriteError> {
    if !commit.events.is_empty() {
        let user = EventUser {
            registration_id: user.number,
            hashed: user.hashed,
            users: u32::from(user.number.is_some() || user.hashed.is_some()),
        };
        insert_events(transaction, tenant, &commit.origin, &commit.events, user).await?;
    }
    if !commit.mails.is_empty() {
        queue_mails(transaction, tenant, commit).await?;
    }
    end_intent(transaction, tenant, commit).await?;
    mark_written(transaction, tenant, user, commit).await
}

/// Marks the idempotency key as written; another request must not have claimed it.
pub(super) async fn mark_written(
    transaction: &mut Transaction,
    tenant: &Tenant,
    user: WrittenUser<'_>,
    commit: &WriteCommit,
) -> Result<(), PgWriteError> {
    let Some(ticket) = commit.idempotency else {
        return Ok(());
    };
    let marked = sqlx::query!(
        "UPDATE idempotency_keys SET written = true, crid = $4
          WHERE pool = $1 AND id = $2 AND claim = $3 AND NOT written AND status IS NULL",
        tenant.pool.0,
        ticket.id,
        ticket.claim,
        user.crid.map(CustomerRegistrationId::as_str),
    )
    .execute(transaction)
    .await?;
    if marked.rows_affected() == 0 {
        return Err(PgWriteError::KeyPassed);
    }
    Ok(())
}

/// Ends the intent; the request and a reconciler must not both settle it.
async fn end_intent(transaction: &mut Transaction, tenant: &Tenant, commit: &WriteCommit) -> Result<(), PgWriteError> {
    let Some(intent) = commit.intent else {
        return Ok(());
    };
    let ended = sqlx::query!(
        "DELETE FROM write_intents WHERE pool = $1 AND id = $2",
        tenant.pool.0,
        intent.0,
    )
    .execute(transaction)
    .await?;
    if ended.rows_affected() == 0 {
        return Err(PgWriteError::IntentEnded);
    }
    Ok(())
}

async fn queue_mails(transaction: &mut Transaction, tenant: &Tenant, commit: &WriteCommit) -> Result<(), sqlx::Error> {
    let kinds: Vec<&str> = commit.mails.iter().map(|mail| mail.kind).collect();
    let sealed: Vec<&str> = commit.mails.iter().map(|mail| &*mail.sealed).collect();
    sqlx::query!(
        "INSERT INTO mail_outbox (pool, tenant, queued_at, kind, sealed)
         SELECT $1, $2, $3, m.kind, m.sealed FROM unnest($4::text[], $5::text[]) AS m (kind, sealed)",
        tenant.pool.0,
        tenant.id.as_str(),
        commit.origin.at,
        &kinds as &[&str],
        &sealed as &[&str],
    )
    .execute(transaction)
    .await
    .map(|_| ())
}

//! Intents of two-sided writes.

use std::time::Duration;

use async_trait::async_trait;
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    tenant::{PoolId, TenantId},
};
use masthead_ports::{
    idempotency::IdempotencyTicket,
    intents::{Intent, IntentId, IntentKind, IntentStep, NewIntent, WriteIntents},
    source::{CallContext, SourceError},
};
use time::OffsetDateTime;

use super::{
    PgUsers,
    error::{PgWriteError, commit, in_time},
    idempotency::release,
};
use crate::{row::RowError, sqlstate::source_error};

const OPERATION: &str = "write intents";

struct IntentRow {
    pool: i64,
    id: i64,
    created_at: OffsetDateTime,
    deadline: OffsetDateTime,
    idempotency_id: Option<i64>,
    idempotency_claim: Option<i32>,
    attempts: i32,
    tenant: String,
    kind: String,
    step: String,
    crid: Option<String>,
    sealed: String,
    request_id: String,
    source_system: String,
    reason: String,
}

impl IntentRow {
    fn into_intent(self) -> Result<Intent, PgWriteError> {
        let corrupt = |column| RowError::Column { column };
        let kind = IntentKind::ALL.into_iter().find(|kind| kind.name() == self.kind);
        let step = IntentStep::ALL.into_iter().find(|step| step.name() == self.step);
        let crid = self.crid.as_deref().map(CustomerRegistrationId::parse).transpose();
        let idempotency = self.idempotency_id.zip(self.idempotency_claim);
        Ok(Intent {
            id: IntentId(self.id),
            pool: PoolId(self.pool),
            tenant: TenantId::parse(&self.tenant).map_err(|_| corrupt("tenant"))?,
            step: step.ok_or(corrupt("step"))?,
            new: NewIntent {
                kind: kind.ok_or(corrupt("kind"))?,
                crid: crid.map_err(|_| corrupt("crid"))?,
                sealed: self.sealed.into(),
                deadline: self.deadline,
                request_id: self.request_id.into(),
                source_system: self.source_system.into(),
                idempotency: idempotency.map(|(id, claim)| IdempotencyTicket { id, claim }),
            },
            created_at: self.created_at,
            attempts: self.attempts.unsigned_abs(),
            reason: self.reason.into(),
        })
    }
}

impl PgUsers {
    async fn begin_intent(
        &self,
        cx: &CallContext,
        new: &NewIntent,
        at: OffsetDateTime,
    ) -> Result<IntentId, PgWriteError> {
        let pool = cx.tenant.pool.0;
        let work = || async {
            let mut transaction = self.service.begin().await?;
            if let Some(ticket) = new.idempotency {
                // The lock orders this and another claim of the key: one of them sees the other.
                let held = sqlx::query!(
                    "SELECT id FROM idempotency_keys
                      WHERE pool = $1 AND id = $2 AND claim = $3 AND NOT written AND status IS NULL FOR NO KEY UPDATE",
                    pool,
                    ticket.id,
                    ticket.claim,
                )
                .fetch_optional(&mut transaction)
                .await?;
                held.ok_or(PgWriteError::KeyPassed)?;
            }
            let id = sqlx::query_scalar!(
                "INSERT INTO write_intents (pool, created_at, deadline, due_at, idempotency_id, idempotency_claim, tenant, kind,
                                            step, crid, sealed, request_id, source_system)
                 VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id",
                pool,
                at,
                new.deadline,
                new.idempotency.map(|ticket| ticket.id),
                new.idempotency.map(|ticket| ticket.claim),
                cx.tenant.id.as_str(),
                new.kind.name(),
                IntentStep::Provider.name(),
                new.crid.as_ref().map(CustomerRegistrationId::as_str),
                &*new.sealed,
                &*new.request_id,
                &*new.source_system,
            )
            .fetch_one(&mut transaction)
            .await?;
            Ok((transaction, IntentId(id)))
        };
        let (transaction, id) = in_time(cx, work).await?;
        commit(cx, transaction).await?;
        Ok(id)
    }

    async fn abandon_intent(&self, cx: &CallContext, id: IntentId) -> Result<(), PgWriteError> {
        let work = || async {
            let mut transaction = self.service.begin().await?;
            let ended = sqlx::query!(
                "DELETE FROM write_intents WHERE pool = $1 AND id = $2 RETURNING idempotency_id, idempotency_claim",
                cx.tenant.pool.0,
                id.0,
            )
            .fetch_optional(&mut transaction)
            .await?;
            let ticket = ended.and_then(|row| row.idempotency_id.zip(row.idempotency_claim));
            if let Some((id, claim)) = ticket {
                let ticket = IdempotencyTicket { id, claim };
                release(&mut transaction, cx.tenant.pool, ticket).await?;
            }
            Ok(transaction)
        };
        let transaction = in_time(cx, work).await?;
        commit(cx, transaction).await
    }
}

fn read(rows: Vec<IntentRow>) -> Result<Vec<Intent>, SourceError> {
    let intents = rows.into_iter().map(IntentRow::into_intent);
    let intents = intents.collect::<Result<_, _>>();
    intents.map_err(|error: PgWriteError| error.into_source_error(OPERATION))
}

#[async_trait]
impl WriteIntents for PgUsers {
    async fn begin(&self, cx: &CallContext, new: &NewIntent, at: OffsetDateTime) -> Result<IntentId, SourceError> {
        let begun = self.begin_intent(cx, new, at).await;
        begun.map_err(|error| error.into_source_error(OPERATION))
    }

    async fn provider_done(
        &self,
        cx: &CallContext,
        id: IntentId,
        crid: &CustomerRegistrationId,
    ) -> Result<(), SourceError> {
        let work = || async {
            sqlx::query!(
                "UPDATE write_intents SET step = $3, crid = $4 WHERE pool = $1 AND id = $2",
                cx.tenant.pool.0,
                id.0,
                IntentStep::Store.name(),
                crid.as_str(),
            )
            .execute(&self.service)
            .await?;
            Ok(())
        };
        let done = in_time(cx, work).await;
        done.map_err(|error| error.into_source_error(OPERATION))
    }

    async fn abandon(&self, cx: &CallContext, id: IntentId) -> Result<(), SourceError> {
        let done = self.abandon_intent(cx, id).await;
        done.map_err(|error| error.into_source_error(OPERATION))
    }

    async fn claim_due(&self, at: OffsetDateTime, lease: Duration, limit: u16) -> Result<Vec<Intent>, SourceError> {
        // By position: the planner would join more rows than a few by reading the table.
        let mut rows = sqlx::query_as!(
            IntentRow,
            "UPDATE write_intents SET due_at = $3, attempts = attempts + 1
              WHERE ctid = ANY (ARRAY (SELECT ctid FROM write_intents WHERE step <> 'unsettled' AND due_at <= $1
                                        ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED))
             RETURNING pool, id, created_at, deadline, idempotency_id, idempotency_claim, attempts, tenant, kind, step, crid, sealed,
                       request_id, source_system, reason",
            at,
            i64::from(limit),
            at + lease,
        )
        .fetch_all(&self.service)
        .await
        .map_err(source_error(OPERATION))?;
        rows.sort_by_key(|row| (row.created_at, row.id));
        read(rows)
    }

    async fn postpone(
        &self,
        (pool, id): (PoolId, IntentId),
        step: IntentStep,
        reason: &'static str,
        retry_at: OffsetDateTime,
    ) -> Result<(), SourceError> {
        sqlx::query!(
            "UPDATE write_intents SET step = $3, reason = $4, due_at = $5 WHERE pool = $1 AND id = $2",
            pool.0,
            id.0,
            step.name(),
            reason,
            retry_at,
        )
        .execute(&self.service)
        .await
        .map(|_| ())
        .map_err(source_error(OPERATION))
    }

    async fn list(&self, tenant: Option<&TenantId>, limit: u32) -> Result<Vec<Intent>, SourceError> {
        let limit = i64::from(limit);
        let rows = match tenant {
            None => {
                sqlx::query_as!(
                    IntentRow,
                    "SELECT pool, id, created_at, deadline, idempotency_id, idempotency_claim, attempts, tenant, kind, step, crid,
                            sealed, request_id, source_system, reason
                       FROM write_intents ORDER BY created_at, id LIMIT $1",
                    limit,
                )
                .fetch_all(&self.service)
                .await
            }
            Some(tenant) => {
                sqlx::query_as!(
                    IntentRow,
                    "SELECT pool, id, created_at, deadline, idempotency_id, idempotency_claim, attempts, tenant, kind, step, crid,
                            sealed, request_id, source_system, reason
                       FROM write_intents WHERE tenant = $1 ORDER BY created_at, id LIMIT $2",
                    tenant.as_str(),
                    limit,
                )
                .fetch_all(&self.service)
                .await
            }
        };
        read(rows.map_err(source_error(OPERATION))?)
    }
}

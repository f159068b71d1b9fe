//! Intents of two-sided writes.

use std::time::Duration;

use async_trait::async_trait;
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    tenant::{PoolId, TenantId},
};
use masthead_ports::{
    intents::{Intent, IntentId, IntentStep, NewIntent, WriteIntents},
    source::{CallContext, SourceError, SourceErrorKind},
};
use time::OffsetDateTime;

use super::InMemoryUsers;

#[async_trait]
impl WriteIntents for InMemoryUsers {
    async fn begin(&self, cx: &CallContext, new: &NewIntent, at: OffsetDateTime) -> Result<IntentId, SourceError> {
        self.run("begin_intent", |state| {
            if let Some(ticket) = new.idempotency
                && !state.keys.iter().any(|key| key.ticket == ticket)
            {
                return Err(SourceError::new("begin_intent", SourceErrorKind::Unavailable));
            }
            state.last_intent += 1;
            let id = IntentId(state.last_intent);
            let intent = Intent {
                id,
                pool: cx.tenant.pool,
                tenant: cx.tenant.id.clone(),
                step: IntentStep::Provider,
                new: new.clone(),
                created_at: at,
                attempts: 0,
                reason: "".into(),
            };
            state.intents.insert(id, (intent, new.deadline));
            Ok(id)
        })
    }

    async fn provider_done(
        &self,
        cx: &CallContext,
        id: IntentId,
        crid: &CustomerRegistrationId,
    ) -> Result<(), SourceError> {
        self.run("provider_done_intent", |state| {
            let of_pool = state
                .intents
                .get_mut(&id)
                .filter(|(intent, _)| intent.pool == cx.tenant.pool);
            if let Some((intent, _)) = of_pool {
                intent.step = IntentStep::Store;
                intent.new.crid = Some(crid.clone());
            }
            Ok(())
        })
    }

    async fn abandon(&self, cx: &CallContext, id: IntentId) -> Result<(), SourceError> {
        self.run("abandon_intent", |state| {
            let is_own = state
                .intents
                .get(&id)
                .is_some_and(|(intent, _)| intent.pool == cx.tenant.pool);
            if is_own && let Some((intent, _)) = state.intents.remove(&id) {
                state.free_key(intent.new.idempotency);
            }
            Ok(())
        })
    }

    async fn claim_due(&self, at: OffsetDateTime, lease: Duration, limit: u16) -> Result<Vec<Intent>, SourceError> {
        self.run("claim_due_intent", |state| {
            let mut due: Vec<_> = state
                .intents
                .values_mut()
                .filter(|(intent, from)| intent.step != IntentStep::Unsettled && *from <= at)
                .collect();
            due.sort_by_key(|(intent, from)| (*from, intent.id));
            due.truncate(usize::from(limit));
            let claim = |(intent, from): &mut (Intent, OffsetDateTime)| {
                intent.attempts += 1;
                *from = at + lease;
                intent.clone()
            };
            Ok(due.into_iter().map(claim).collect())
        })
    }

    async fn postpone(
        &self,
        (pool, id): (PoolId, IntentId),
        step: IntentStep,
        reason: &'static str,
        retry_at: OffsetDateTime,
    ) -> Result<(), SourceError> {
        self.run("postpone_intent", |state| {
            let of_pool = state.intents.get_mut(&id).filter(|(intent, _)| intent.pool == pool);
            if let Some((intent, from)) = of_pool {
                intent.step = step;
                intent.reason = reason.into();
                *from = retry_at;
            }
            Ok(())
        })
    }

    async fn list(&self, tenant: Option<&TenantId>, limit: u32) -> Result<Vec<Intent>, SourceError> {
        self.run("list_intent", |state| {
            let all = state.intents.values().map(|(intent, _)| intent.clone());
            let of_tenant = all.filter(|intent| tenant.is_none_or(|tenant| intent.tenant == *tenant));
            Ok(of_tenant.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
        })
    }
}

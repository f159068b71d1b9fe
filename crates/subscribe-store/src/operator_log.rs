//! Events of changes by operators (ADR 0126).

use masthead_domain::{
    access::TokenIdentity,
    event::{EventKind, EventOutcome},
    settings::EventDays,
    tenant::TenantId,
};
use time::OffsetDateTime;

use crate::{
    admin::{Admin, AdminError},
    event_rows::StoredCaller,
};

/// What an operator has changed, without secrets and personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorChange<'a> {
    /// Who: the operating system's user as the subject, the host in the issuer.
    pub operator: &'a TokenIdentity,
    /// The run of the command.
    pub request_id: &'a str,
    /// When.
    pub at: OffsetDateTime,
    /// The tenant, where it is about one.
    pub tenant: Option<&'a TenantId>,
    /// What happened, as a JSON object: the command, and the state before and after.
    pub detail: &'a str,
}

/// The tenant of changes that are about none.
const NO_TENANT: &str = "-/-/-";

impl Admin {
    /// Writes the event of a change. It is durable when this returns.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn record_operator_change(&self, change: &OperatorChange<'_>) -> Result<(), AdminError> {
        let (group, client, paper) = change
            .tenant
            .map_or(("", "", ""), |id| (id.group(), id.client(), id.paper()));
        let operator = StoredCaller::new(change.operator);
        self.within_time_limit(async {
            sqlx::query!(
                "WITH added AS (
                     INSERT INTO event_callers (id, issuer, subject)
                     SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM event_callers WHERE id = $1))
                 INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, users, caller, expires_on, detail)
                 VALUES (coalesce((SELECT pool FROM tenants WHERE client_group = $4 AND client = $5 AND paper = $6), 0),
                         $7, $8, $9, $10, 'masthead', $11, 0, $1, ($8::timestamptz AT TIME ZONE 'UTC')::date + $12::integer,
                         $13::text::json)",
                operator.number,
                &*operator.issuer,
                operator.subject.as_deref(),
                group,
                client,
                paper,
                EventKind::OperatorChange.id(),
                change.at,
                change.tenant.map_or(NO_TENANT, TenantId::as_str),
                change.request_id,
                EventOutcome::Found.name(),
                i32::from(EventDays::default().0),
                change.detail,
            )
            .execute(&self.pool)
            .await?;
            Ok(())
        })
        .await
    }
}

//! Reads the audit log; each read is an event of it.

use std::sync::Arc;

use masthead_domain::event::{EventKind, EventOutcome};
use masthead_ports::audit::{AuditLog, AuditPage, AuditQuery, AuditSubject};

use crate::{
    Caller, ReadError,
    read_log::{Asked, ReadLog},
    store_only::store_failure,
};

/// Reads the audit log of a tenant.
#[derive(Clone)]
pub struct ReadAudit {
    pub(crate) audit_log: Arc<dyn AuditLog>,
    pub(crate) log: ReadLog,
}

impl ReadAudit {
    /// Returns a page of the events of the caller's tenant.
    ///
    /// # Errors
    /// [`ReadError::TooBroad`] requires another request; [`ReadError::Unavailable`] allows a retry.
    pub async fn read(&self, caller: &Caller, query: &AuditQuery) -> Result<AuditPage, ReadError> {
        let page = self.audit_log.read(&caller.tenant, query).await;
        let (outcome, events) = match &page {
            Ok(page) if page.entries.is_empty() => (EventOutcome::Absent, 0),
            Ok(page) => (EventOutcome::Found, page.entries.len()),
            Err(_) => (EventOutcome::Unknown, 0),
        };
        let asked = match &query.subject {
            AuditSubject::User(id) => Asked::User(id),
            AuditSubject::Caller(caller) => Asked::Audit("caller", caller),
            AuditSubject::Kind(kind) => Asked::Audit("kind", kind.name()),
        };
        self.log
            .record_shown(caller, EventKind::AuditRead, asked, outcome, events, [])?;
        page.map_err(|error| store_failure(caller, &error))
    }
}

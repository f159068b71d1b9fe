//! What the audit log needs in tests: a policy, and a log with given events.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use masthead_domain::{caller_address::AuditAddress, tenant::Tenant};
use masthead_ports::{
    audit::{AuditEntry, AuditLog, AuditPage, AuditPolicy, AuditQuery},
    source::SourceError,
};

use crate::hashing::FakeKeyedHasher;

/// Networks are kept, and reads go on without the log.
#[must_use]
pub fn audit_policy() -> AuditPolicy {
    AuditPolicy {
        hasher: Arc::new(FakeKeyedHasher::default()),
        address: AuditAddress::Network,
        required: false,
    }
}

/// An audit log that answers these events, and keeps what it was asked.
#[derive(Debug, Default)]
pub struct FakeAuditLog {
    entries: Vec<AuditEntry>,
    asked: Mutex<Vec<AuditQuery>>,
}

impl FakeAuditLog {
    /// A log with these events, the latest first.
    #[must_use]
    pub fn new(entries: Vec<AuditEntry>) -> Self {
        Self {
            entries,
            asked: Mutex::default(),
        }
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<AuditQuery> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl AuditLog for FakeAuditLog {
    async fn read(&self, tenant: &Tenant, query: &AuditQuery) -> Result<AuditPage, SourceError> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(query.clone());
        let matching = self.entries.iter().filter(|entry| {
            entry.tenant == tenant.id.as_str() && query.before.is_none_or(|before| entry.place < before)
        });
        let mut entries: Vec<AuditEntry> = matching.cloned().collect();
        let more = entries.len() > usize::from(query.limit);
        entries.truncate(usize::from(query.limit));
        Ok(AuditPage { entries, more })
    }
}

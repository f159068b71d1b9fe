//! What readiness tells of each tenant's directory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use masthead_domain::tenant::TenantId;
use masthead_ports::mirror::MirrorStatus;
use serde::Serialize;
use time::OffsetDateTime;

/// The directories that this process has looked at. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct SyncStates(Arc<Mutex<BTreeMap<TenantId, SyncHealth>>>);

/// How one tenant's directory is, for `/health/ready`; it never makes the service unready.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncHealth {
    /// The tenant.
    pub tenant: String,
    /// Whether this process is going through the provider's users.
    pub running: bool,
    /// How the last run of this process ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_outcome: Option<&'static str>,
    /// When the directory was last true as a whole.
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub as_of: Option<OffsetDateTime>,
    /// Whether every user of the provider was shown and kept; while it is false, lists are stale.
    pub whole: bool,
    /// How many users of the provider it has.
    pub profiles: u64,
    /// Too many were gone at once: nothing is removed until an operator says so.
    pub braked: bool,
}

impl SyncStates {
    /// Every directory that was looked at since the start.
    #[must_use]
    pub fn all(&self) -> Vec<SyncHealth> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn runs(&self, tenant: &TenantId, running: bool) {
        self.change(tenant, |health| health.running = running);
    }

    pub(super) fn ended(&self, tenant: &TenantId, outcome: &'static str) {
        self.change(tenant, |health| health.last_outcome = Some(outcome));
    }

    pub(super) fn stands(&self, tenant: &TenantId, standing: &MirrorStatus) {
        self.change(tenant, |health| {
            health.as_of = standing.as_of;
            health.whole = standing.whole;
            health.profiles = standing.profiles;
            health.braked = standing.braked_at.is_some();
        });
    }

    fn change(&self, tenant: &TenantId, change: impl FnOnce(&mut SyncHealth)) {
        let mut all = self.lock();
        change(all.entry(tenant.clone()).or_insert_with(|| SyncHealth {
            tenant: tenant.to_string(),
            ..SyncHealth::default()
        }));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TenantId, SyncHealth>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The state of each tenant's mirror, for readiness.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use masthead_domain::tenant::TenantId;
use masthead_ports::mirror::MirrorStatus;
use serde::Serialize;
use time::OffsetDateTime;

/// The mirrors that this process has checked. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct SyncStates(Arc<Mutex<BTreeMap<TenantId, SyncHealth>>>);

/// The state of one tenant's mirror, for `/health/ready`; it never makes the service unready.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncHealth {
    /// The tenant.
    pub tenant: String,
    /// Whether this process is making a run.
    pub running: bool,
    /// How the last run of this process ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_outcome: Option<&'static str>,
    /// When the mirror was last complete and current.
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub as_of: Option<OffsetDateTime>,
    /// Whether every user of the provider was listed and stored; while false, lists are stale.
    pub whole: bool,
    /// How many users of the provider it contains.
    pub profiles: u64,
    /// Too many users were gone at once: none is removed until an operator releases the brake.
    pub braked: bool,
}

impl SyncStates {
    /// Every mirror that was checked since the start.
    #[must_use]
    pub fn all(&self) -> Vec<SyncHealth> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn set_running(&self, tenant: &TenantId, running: bool) {
        self.change(tenant, |health| health.running = running);
    }

    pub(super) fn set_outcome(&self, tenant: &TenantId, outcome: &'static str) {
        self.change(tenant, |health| health.last_outcome = Some(outcome));
    }

    pub(super) fn set_status(&self, tenant: &TenantId, standing: &MirrorStatus) {
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

//! Tenants kept in memory.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use masthead_domain::{
    settings::TenantSettings,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_ports::{
    source::{SourceError, SourceErrorKind},
    tenants::Tenants,
};

/// The tenants of a test.
#[derive(Debug, Default)]
pub struct FakeTenants {
    known: HashMap<TenantId, Arc<Tenant>>,
    silent: AtomicBool,
}

impl FakeTenants {
    /// Knows these tenants, and no others.
    pub fn new(tenants: impl IntoIterator<Item = Tenant>) -> Self {
        Self {
            known: tenants
                .into_iter()
                .map(|tenant| (tenant.id.clone(), Arc::new(tenant)))
                .collect(),
            silent: AtomicBool::new(false),
        }
    }

    /// Gives no answer from now on, or answers again.
    pub fn set_unavailable(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }
}

#[async_trait]
impl Tenants for FakeTenants {
    async fn by_id(&self, id: &TenantId) -> Result<Option<Arc<Tenant>>, SourceError> {
        if self.silent.load(Ordering::Relaxed) {
            return Err(SourceError::new("tenant by id", SourceErrorKind::Unavailable));
        }
        Ok(self.known.get(id).cloned())
    }

    async fn find_in_any_group(&self, client: &str, paper: &str) -> Result<Vec<TenantId>, SourceError> {
        if self.silent.load(Ordering::Relaxed) {
            return Err(SourceError::new("tenants of any group", SourceErrorKind::Unavailable));
        }
        let named = |id: &&TenantId| id.client() == client && id.paper() == paper;
        let mut ids: Vec<_> = self.known.keys().filter(named).cloned().collect();
        ids.sort_unstable();
        Ok(ids)
    }
}

/// A tenant with the switches that these settings name.
///
/// # Panics
/// When the id is not `group/client/paper`, or a setting is refused.
#[must_use]
pub fn tenant(id: &str, pool: i64, settings: &[(&str, &str)]) -> Tenant {
    let (settings, mistakes) = TenantSettings::parse(settings.iter().copied());
    assert!(mistakes.iter().all(masthead_domain::settings::SettingError::is_warning));
    Tenant {
        id: TenantId::parse(id).expect("a tenant is group/client/paper"),
        pool: PoolId(pool),
        settings,
    }
}

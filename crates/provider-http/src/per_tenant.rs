//! What an adapter keeps for each tenant, made anew when the tenant's provider settings change.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use masthead_domain::tenant::{Tenant, TenantId};

/// One `T` for each tenant that was asked for: there are as many as tenants.
pub(crate) struct PerTenant<T> {
    kept: RwLock<HashMap<TenantId, Kept<T>>>,
}

struct Kept<T> {
    settings: BTreeMap<Box<str>, Box<str>>,
    value: Arc<T>,
}

impl<T> PerTenant<T> {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            kept: RwLock::default(),
        }
    }

    /// The tenant's `T`, made by `make` when there is none or the tenant's provider settings are others than those it was
    /// made of. The old one lives on for those who hold it.
    ///
    /// # Errors
    /// Those of `make`; nothing is kept then.
    pub(crate) fn of<E>(&self, tenant: &Tenant, make: impl FnOnce(&Tenant) -> Result<T, E>) -> Result<Arc<T>, E> {
        let settings = &tenant.settings.provider;
        let fits = |kept: &&Kept<T>| kept.settings == *settings;
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.get(&tenant.id).filter(fits) {
            return Ok(Arc::clone(&found.value));
        }
        drop(kept);
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        // Another caller may have been first: two budgets for one tenant would be twice the budget.
        if let Some(found) = kept.get(&tenant.id).filter(fits) {
            return Ok(Arc::clone(&found.value));
        }
        let value = Arc::new(make(tenant)?);
        let settings = settings.clone();
        kept.insert(
            tenant.id.clone(),
            Kept {
                settings,
                value: Arc::clone(&value),
            },
        );
        Ok(value)
    }

    /// Every tenant's `T`, for readiness.
    pub(crate) fn all(&self) -> Vec<(TenantId, Arc<T>)> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .map(|(id, kept)| (id.clone(), Arc::clone(&kept.value)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use masthead_domain::{settings::TenantSettings, tenant::PoolId};

    use super::*;

    #[test]
    fn a_tenants_part_is_made_once_and_anew_when_its_settings_change() {
        let parts = PerTenant::<u8>::new();
        let mut tenant = Tenant {
            id: TenantId::parse("a/b/c").unwrap(),
            pool: PoolId(1),
            settings: TenantSettings::default(),
        };
        let made = |tenant: &Tenant, n| *parts.of(tenant, |_| Ok::<_, ()>(n)).unwrap();
        assert_eq!(parts.of(&tenant, |_| Err("no")), Err("no"));
        assert_eq!(made(&tenant, 1), 1);
        assert_eq!(made(&tenant, 2), 1);
        tenant
            .settings
            .provider
            .insert("Auth0.Domain".into(), "b.example".into());
        assert_eq!(made(&tenant, 3), 3);
        tenant.id = TenantId::parse("a/b/d").unwrap();
        assert_eq!(made(&tenant, 4), 4);
        assert_eq!(parts.all().len(), 2);
    }
}

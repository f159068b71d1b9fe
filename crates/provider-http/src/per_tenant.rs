//! What an adapter keeps for each tenant, made anew when the tenant's provider settings change.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use masthead_domain::tenant::{Tenant, TenantId};

/// One `T` for each tenant that was asked for: there are as many as tenants.
pub(crate) struct PerTenant<T> {
    decides: Box<dyn Fn(&str) -> bool + Send + Sync>,
    kept: RwLock<HashMap<TenantId, TenantEntry<T>>>,
}

type SettingMap = BTreeMap<Box<str>, Box<str>>;

struct TenantEntry<T> {
    /// Those that decide.
    settings: SettingMap,
    value: Arc<T>,
}

impl<T> PerTenant<T> {
    /// Nothing yet. Every setting of a provider decides what is made.
    pub(crate) fn new() -> Self {
        Self::decided_by(|_| true)
    }

    /// Nothing yet. Only the settings of these names decide what is made.
    pub(crate) fn decided_by(decides: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self {
            decides: Box::new(decides),
            kept: RwLock::default(),
        }
    }

    /// The tenant's `T`, made by `make` when there is none or the tenant's deciding settings are others than those it was
    /// made of. The old one lives on for those who hold it.
    ///
    /// # Errors
    /// Those of `make`; nothing is kept then.
    pub(crate) fn get_or_make<E>(
        &self,
        tenant: &Tenant,
        make: impl FnOnce(&Tenant) -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let settings = &tenant.settings.provider;
        let fits = |kept: &&TenantEntry<T>| kept.settings.iter().eq(self.deciding(settings));
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
        let settings = self
            .deciding(settings)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        kept.insert(
            tenant.id.clone(),
            TenantEntry {
                settings,
                value: Arc::clone(&value),
            },
        );
        Ok(value)
    }

    fn deciding<'s>(&self, settings: &'s SettingMap) -> impl Iterator<Item = (&'s Box<str>, &'s Box<str>)> {
        settings.iter().filter(|(name, _)| (self.decides)(name))
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
    fn value_is_rebuilt_when_settings_change() {
        let parts = PerTenant::<u8>::new();
        let mut tenant = Tenant {
            id: TenantId::parse("a/b/c").unwrap(),
            pool: PoolId(1),
            settings: TenantSettings::default(),
        };
        let made = |tenant: &Tenant, n| *parts.get_or_make(tenant, |_| Ok::<_, ()>(n)).unwrap();
        assert_eq!(parts.get_or_make(&tenant, |_| Err("no")), Err("no"));
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

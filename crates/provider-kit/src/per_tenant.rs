//! One value for each tenant, rebuilt when the tenant's provider settings change.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use masthead_domain::tenant::{Tenant, TenantId};

use crate::settings::SettingMap;

/// One `T` for each tenant in use.
pub(crate) struct PerTenant<T> {
    depends_on: Box<dyn Fn(&str) -> bool + Send + Sync>,
    entries: RwLock<HashMap<TenantId, TenantEntry<T>>>,
}

struct TenantEntry<T> {
    /// The settings that the value depends on.
    settings: SettingMap,
    value: Arc<T>,
}

impl<T> PerTenant<T> {
    /// Without values. A value depends on all provider settings.
    pub(crate) fn new() -> Self {
        Self::depending_on(|_| true)
    }

    /// Without values. A value depends on the settings with these names.
    pub(crate) fn depending_on(depends_on: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self {
            depends_on: Box::new(depends_on),
            entries: RwLock::default(),
        }
    }

    /// Returns the tenant's value; `make` creates it when there is none or its settings changed.
    ///
    /// # Errors
    /// The error of `make`; nothing is stored then.
    pub(crate) fn get_or_make<E>(
        &self,
        tenant: &Tenant,
        make: impl FnOnce(&Tenant) -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let settings = &tenant.settings.provider;
        let fits = |entry: &&TenantEntry<T>| entry.settings.iter().eq(self.relevant(settings));
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = entries.get(&tenant.id).filter(fits) {
            return Ok(Arc::clone(&found.value));
        }
        drop(entries);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        // Another caller may have been first: two budgets would double the tenant's budget.
        if let Some(found) = entries.get(&tenant.id).filter(fits) {
            return Ok(Arc::clone(&found.value));
        }
        let value = Arc::new(make(tenant)?);
        entries.insert(tenant.id.clone(), self.entry(settings, &value));
        Ok(value)
    }

    /// Stores this value in place of the tenant's, and returns it.
    pub(crate) fn replace(&self, tenant: &Tenant, value: T) -> Arc<T> {
        let value = Arc::new(value);
        let entry = self.entry(&tenant.settings.provider, &value);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.insert(tenant.id.clone(), entry);
        value
    }

    fn entry(&self, settings: &SettingMap, value: &Arc<T>) -> TenantEntry<T> {
        let settings = self.relevant(settings);
        TenantEntry {
            settings: settings.map(|(name, value)| (name.clone(), value.clone())).collect(),
            value: Arc::clone(value),
        }
    }

    fn relevant<'s>(&self, settings: &'s SettingMap) -> impl Iterator<Item = (&'s Box<str>, &'s Box<str>)> {
        settings.iter().filter(|(name, _)| (self.depends_on)(name))
    }

    /// The value of every tenant, for readiness.
    pub(crate) fn all(&self) -> Vec<(TenantId, Arc<T>)> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries
            .iter()
            .map(|(id, entry)| (id.clone(), Arc::clone(&entry.value)))
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

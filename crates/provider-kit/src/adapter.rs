//! The interface of a provider adapter, and its registration with the server.
//!
//! A provider package implements [`ProviderAdapter`] and exports one [`ProviderRegistration`]; the server lists the
//! registrations. The decorator [`CachedSource`] makes every adapter a [`RegisteredProvider`].

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    tenant::{Tenant, TenantId},
};
use masthead_ports::{
    accounts::{Ability, AccountWriter, MissingSetting, SignIn},
    provider::{IdentityProvider, Searchable},
    scan::UserScan,
    source::{CallContext, SourceName, UserSource},
};

use crate::{
    abilities::AccountAbilities,
    adapter_parts::AdapterParts,
    cache::{CacheOptions, CachedProvider, CachedSource},
    check::CheckResult,
    settings::{ProviderSettingError, SettingMap},
    upstream::UpstreamHealth,
};

/// A provider for all of its tenants.
#[async_trait]
pub trait ProviderAdapter: UserSource + UserScan + AccountAbilities + 'static {
    /// The conditions that the provider can apply for this tenant without losing a matching user.
    fn searchable(&self, tenant: &Tenant) -> Searchable;

    /// Whether this tenant's users can be scanned.
    fn can_be_scanned(&self, _tenant: &Tenant) -> bool {
        true
    }

    /// Checks the tenant's settings against the provider; changes nothing. `known` is the id of an existing user.
    ///
    /// # Errors
    /// All errors in the settings.
    async fn check(
        &self,
        cx: &CallContext,
        known: Option<&CustomerRegistrationId>,
    ) -> Result<Vec<CheckResult>, Vec<String>>;

    /// The state of each tenant's upstream, for readiness.
    fn health(&self) -> Vec<(TenantId, UpstreamHealth)>;
}

/// A registered provider as the server uses it.
#[async_trait]
pub trait RegisteredProvider: Send + Sync {
    /// The provider of a tenant.
    fn provider(&self, tenant: &Tenant) -> Arc<dyn IdentityProvider>;

    /// The scan of a tenant's users; `None` when they cannot be scanned.
    fn scan(&self, tenant: &Tenant) -> Option<Arc<dyn UserScan>>;

    /// The writer of a tenant, if it has this ability.
    ///
    /// # Errors
    /// The missing setting.
    fn writer(&self, tenant: &Tenant, ability: Ability) -> Result<Arc<dyn AccountWriter>, MissingSetting>;

    /// The check of passwords of a tenant.
    ///
    /// # Errors
    /// The missing setting.
    fn sign_in(&self, tenant: &Tenant) -> Result<Arc<dyn SignIn>, MissingSetting>;

    /// Forgets every remembered answer to a look-up by such an id or address, or that shows an account with one.
    async fn forget(&self, is_of_user: &(dyn for<'text> Fn(&'text str) -> bool + Send + Sync));

    /// The adapter behind the cache.
    fn adapter(&self) -> &dyn ProviderAdapter;
}

#[async_trait]
impl<A: ProviderAdapter> RegisteredProvider for CachedSource<A> {
    fn provider(&self, tenant: &Tenant) -> Arc<dyn IdentityProvider> {
        let searchable = self.inner().searchable(tenant);
        Arc::new(CachedProvider::new(self.clone(), searchable))
    }

    fn scan(&self, tenant: &Tenant) -> Option<Arc<dyn UserScan>> {
        let scan = || Arc::new(self.clone()) as Arc<dyn UserScan>;
        self.inner().can_be_scanned(tenant).then(scan)
    }

    fn writer(&self, tenant: &Tenant, ability: Ability) -> Result<Arc<dyn AccountWriter>, MissingSetting> {
        Self::writer(self, tenant, ability)
    }

    fn sign_in(&self, tenant: &Tenant) -> Result<Arc<dyn SignIn>, MissingSetting> {
        Self::sign_in(self, tenant)
    }

    async fn forget(&self, is_of_user: &(dyn for<'text> Fn(&'text str) -> bool + Send + Sync)) {
        self.forget_users(is_of_user).await;
    }

    fn adapter(&self) -> &dyn ProviderAdapter {
        self.inner()
    }
}

/// The registration of a provider: the constant that its package exports.
#[derive(Clone, Copy)]
pub struct ProviderRegistration {
    /// The value of `Flow.UserProvider`, and the prefix of the settings.
    pub name: SourceName,
    /// Parses a tenant's settings. The flag allows private addresses.
    pub check_settings: fn(&SettingMap, bool) -> Result<(), Vec<ProviderSettingError>>,
    /// Creates the adapter.
    pub create: fn(AdapterParts, CacheOptions) -> Box<dyn RegisteredProvider>,
}

/// Creates an adapter for its registration.
#[must_use]
pub fn register<A: ProviderAdapter>(
    create: impl FnOnce(AdapterParts) -> A,
    parts: AdapterParts,
    cache: CacheOptions,
) -> Box<dyn RegisteredProvider> {
    let clock = Arc::clone(&parts.clock);
    Box::new(CachedSource::new(create(parts), cache, clock))
}

//! The registration of a preset as a provider.

use async_trait::async_trait;
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    tenant::{Tenant, TenantId},
};
use masthead_ports::{
    accounts::{Ability, AccountWriter, MissingSetting, SignIn},
    provider::Searchable,
    source::CallContext,
};
use masthead_provider_kit::{
    AccountAbilities, AdapterParts, CacheOptions, CheckResult, ProviderAdapter, ProviderSettingError,
    RegisteredProvider, SettingMap, UpstreamHealth, register,
};

use crate::{
    GenericAdapter, GenericSettings, Preset, check::check_provider, settings::name_of_call, template::Placeholder,
};

impl Preset {
    /// Parses a tenant's settings, for the registration.
    ///
    /// # Errors
    /// All errors in the settings.
    pub fn check_settings(&self, settings: &SettingMap, allow_private: bool) -> Result<(), Vec<ProviderSettingError>> {
        GenericSettings::parse(self, settings, allow_private).map(drop)
    }

    /// Creates the adapter, for the registration.
    #[must_use]
    pub fn create(self, parts: AdapterParts, cache: CacheOptions) -> Box<dyn RegisteredProvider> {
        register(|parts| GenericAdapter::new(self, parts), parts, cache)
    }
}

impl AccountAbilities for GenericAdapter {
    fn account_writer(&self) -> Option<&dyn AccountWriter> {
        Some(self)
    }

    fn password_check(&self) -> Option<&dyn SignIn> {
        Some(self)
    }

    /// The path of a call that the tenant does not describe.
    fn missing_setting(&self, tenant: &Tenant, ability: Ability) -> Option<MissingSetting> {
        let api = self.api_of(tenant, "missing_setting").ok()?;
        let is_missing = api.settings.writes.call(ability).is_none();
        is_missing.then(|| MissingSetting::new(format!("{}.{}.Path", self.preset.name, name_of_call(ability))))
    }
}

#[async_trait]
impl ProviderAdapter for GenericAdapter {
    /// The conditions that the tenant's settings have a placeholder for.
    fn searchable(&self, tenant: &Tenant) -> Searchable {
        let Ok(api) = self.api_of(tenant, "searchable") else {
            return Searchable::default();
        };
        let Some(search) = &api.settings.search else {
            return Searchable::default();
        };
        let email_contains = search.holds(Placeholder::EmailContains);
        Searchable {
            list: true,
            email_prefix: search.holds(Placeholder::EmailPrefix),
            email_contains: email_contains.then_some(api.settings.contains_from),
            name_prefix: search.holds(Placeholder::FirstName) && search.holds(Placeholder::LastName),
            metadata: false,
        }
    }

    /// A tenant's users can be scanned when its settings have a list.
    fn can_be_scanned(&self, tenant: &Tenant) -> bool {
        let api = self.api_of(tenant, "scan");
        api.is_ok_and(|api| api.settings.search.is_some())
    }

    async fn check(
        &self,
        cx: &CallContext,
        known: Option<&CustomerRegistrationId>,
    ) -> Result<Vec<CheckResult>, Vec<String>> {
        check_provider(self, cx, known).await
    }

    fn health(&self) -> Vec<(TenantId, UpstreamHealth)> {
        self.clients.health()
    }
}

//! Every tenant's remote API, set up at its first use.

use std::sync::Arc;

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{
    accounts::{Ability, AccountWriter, MissingSetting, SignIn},
    source::{SUBSCRIBE, SourceError},
};
use masthead_provider_kit::{
    AccountAbilities, AdapterParts, MissingSecretError, SetupError, TenantClients, UpstreamHealth,
};

use crate::{SubscribeSettings, remote_api::RemoteApi, settings::RemoteApiKind};

/// The remote Users API of every tenant that has one.
///
/// Its name is `Subscribe`, like the registrations that it replaces.
#[derive(Debug)]
pub struct RemoteSubscribe {
    clients: TenantClients<RemoteApi>,
}

impl RemoteSubscribe {
    /// Creates the adapter.
    #[must_use]
    pub fn new(parts: AdapterParts) -> Self {
        Self {
            clients: parts.tenant_clients(SUBSCRIBE),
        }
    }

    /// How each tenant's remote API is, for readiness.
    #[must_use]
    pub fn health(&self) -> Vec<(TenantId, UpstreamHealth)> {
        self.clients.health()
    }

    pub(crate) fn remote_api(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<RemoteApi>, SourceError> {
        self.clients.for_tenant(tenant, operation, |setup| {
            let settings = SubscribeSettings::parse(setup.settings(), self.clients.allows_private())?;
            let upstream = setup.upstream(settings.budget, None, &settings.tls)?;
            let secrets = Arc::clone(self.clients.secrets());
            let api = RemoteApi::new(settings, &setup.tenant().id, secrets, upstream);
            api.ok_or_else(|| SetupError::secret(MissingSecretError))
        })
    }
}

impl AccountAbilities for RemoteSubscribe {
    fn account_writer(&self) -> Option<&dyn AccountWriter> {
        Some(self)
    }

    fn password_check(&self) -> Option<&dyn SignIn> {
        Some(self)
    }

    /// Only v4 is written: the legacy API does not report the outcome of a write.
    fn missing_setting(&self, tenant: &Tenant, _: Ability) -> Option<MissingSetting> {
        if !tenant.settings.has_remote_store() {
            return Some(MissingSetting::new("Subscribe.Url"));
        }
        let api = self.remote_api(tenant, "missing_setting").ok()?;
        (api.settings.api == RemoteApiKind::Legacy).then(|| MissingSetting::new("Subscribe.Api"))
    }
}

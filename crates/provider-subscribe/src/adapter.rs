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
        self.clients.for_tenant(tenant, operation, |tenant| {
            let settings = SubscribeSettings::parse(&tenant.settings.provider, self.clients.allows_private())?;
            let upstream = self.clients.upstream(&tenant.id, settings.budget, None);
            let secrets = Arc::clone(self.clients.secrets());
            let remote_api = RemoteApi::new(settings, &tenant.id, secrets, upstream)
                .ok_or_else(|| SetupError::secret(MissingSecretError))?;
            Ok(remote_api)
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

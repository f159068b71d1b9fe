//! Every tenant's remote API, set up at its first use.

use std::sync::Arc;

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{
    accounts::{Ability, MissingSetting},
    source::{SUBSCRIBE, SourceError},
};
use masthead_provider_kit::{
    AccountAbilities, AdapterParts, MissingSecretError, SetupError, TenantClients, UpstreamHealth,
};

use crate::{SubscribeSettings, remote_api::RemoteApi};

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
    fn missing_setting(&self, tenant: &Tenant, _: Ability) -> Option<MissingSetting> {
        let missing = if tenant.settings.has_remote_store() {
            "Subscribe.Api"
        } else {
            "Subscribe.Url"
        };
        Some(MissingSetting::new(missing))
    }
}

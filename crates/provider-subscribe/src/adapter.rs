//! Every tenant's far side: set up when it is first asked about.

use std::sync::Arc;

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{
    clock::Clock,
    source::{SUBSCRIBE, SourceError},
};
use masthead_provider_kit::{
    AdapterOptions, HttpClient, MissingSecretError, ProviderSettingError, Secrets, SetupError, TenantClients,
    UpstreamHealth,
};

use crate::{SubscribeSettings, remote_api::RemoteApi};

/// The remote Users API of every tenant that has one.
///
/// To those who ask it is `Subscribe`, like the registrations that it stands in for.
#[derive(Debug)]
pub struct RemoteSubscribe {
    adapter: TenantClients<RemoteApi>,
}

impl RemoteSubscribe {
    /// No tenant yet.
    #[must_use]
    pub fn new(options: AdapterOptions, client: HttpClient, clock: Arc<dyn Clock>, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            adapter: TenantClients::new(SUBSCRIBE, options, client, clock, secrets),
        }
    }

    /// How each tenant's far side is, for readiness.
    #[must_use]
    pub fn health(&self) -> Vec<(TenantId, UpstreamHealth)> {
        self.adapter.health()
    }

    /// The tenant's far side.
    pub(crate) fn remote_api(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<RemoteApi>, SourceError> {
        self.adapter.for_tenant(tenant, operation, |tenant| {
            let settings = SubscribeSettings::parse(&tenant.settings.provider, self.adapter.allows_private())?;
            let upstream = self.adapter.upstream(&tenant.id, settings.budget(), None);
            let secrets = Arc::clone(self.adapter.secrets());
            let remote_api = RemoteApi::new(settings, &tenant.id, secrets, upstream)
                .ok_or_else(|| SetupError::secret(MissingSecretError))?;
            Ok::<_, SetupError<ProviderSettingError>>(remote_api)
        })
    }
}

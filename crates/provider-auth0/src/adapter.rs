//! Every tenant's Auth0: set up when it is first asked about.

use std::sync::Arc;

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{
    clock::Clock,
    provider::Searchable,
    source::{SourceError, SourceName},
};
use masthead_provider_kit::{
    AdapterOptions, HttpClient, ProviderSettingError, Secrets, SetupError, TenantClients, UpstreamHealth,
};
use time::OffsetDateTime;

use crate::{Auth0Settings, address::FEWEST_LITERALS, management::ManagementApi};

/// The name by which answers and metrics call Auth0.
pub const AUTH0: SourceName = "Auth0";

/// The Auth0 of every tenant that has one.
#[derive(Debug)]
pub struct Auth0Adapter {
    pub(crate) adapter: TenantClients<ManagementApi>,
}

impl Auth0Adapter {
    /// No tenant yet.
    #[must_use]
    pub fn new(options: AdapterOptions, client: HttpClient, clock: Arc<dyn Clock>, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            adapter: TenantClients::new(AUTH0, options, client, clock, secrets),
        }
    }

    /// Which conditions Auth0 can apply itself for this tenant without losing a user who meets them.
    ///
    /// Names are not among them: ours are compared without accents, Auth0's with them. Nor are metadata: their case
    /// counts there.
    #[must_use]
    pub fn searchable(&self, tenant: &Tenant) -> Searchable {
        let api = self.api(tenant, "searchable");
        let leading_wildcards = api.is_ok_and(|api| api.settings.leading_wildcards);
        Searchable {
            list: true,
            email_prefix: true,
            email_contains: leading_wildcards.then_some(FEWEST_LITERALS),
            name_prefix: false,
            metadata: false,
        }
    }

    /// How each tenant's Auth0 is, for readiness.
    #[must_use]
    pub fn health(&self) -> Vec<(TenantId, UpstreamHealth)> {
        self.adapter.health()
    }

    /// The moment.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.adapter.clock().now()
    }

    /// The tenant's API.
    pub(crate) fn api(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<ManagementApi>, SourceError> {
        self.adapter.for_tenant(tenant, operation, |tenant| {
            let settings = Auth0Settings::parse(&tenant.settings.provider, self.adapter.allows_private())?;
            let secret = self
                .adapter
                .secret(settings.secret_place())
                .map_err(SetupError::secret)?;
            let credentials = settings.credentials(secret).map_err(SetupError::secret)?;
            let upstream = self.adapter.upstream(&tenant.id, settings.budget(), Some(credentials));
            Ok::<_, SetupError<ProviderSettingError>>(ManagementApi { settings, upstream })
        })
    }
}

//! The adapter: the app client of each tenant.

use std::sync::Arc;

use masthead_domain::{
    first_login::FormerProvider,
    tenant::{Tenant, TenantId},
};
use masthead_ports::source::{SourceError, SourceName};
use masthead_provider_kit::{AdapterParts, Secret, TenantClients, Upstream, UpstreamHealth};

use crate::CognitoSettings;

/// The name in errors, logs and metrics.
pub(crate) const COGNITO: SourceName = FormerProvider::Cognito.name();

/// The app client of one tenant.
#[derive(Debug)]
pub(crate) struct AppClient {
    pub(crate) settings: CognitoSettings,
    /// Its secret, if it has one.
    pub(crate) secret: Option<Secret>,
    pub(crate) upstream: Upstream,
}

impl AsRef<Upstream> for AppClient {
    fn as_ref(&self) -> &Upstream {
        &self.upstream
    }
}

/// Cognito for all of its tenants.
#[derive(Debug)]
pub struct CognitoAdapter {
    clients: TenantClients<AppClient>,
}

impl CognitoAdapter {
    /// Creates the adapter.
    #[must_use]
    pub fn new(parts: AdapterParts) -> Self {
        Self {
            clients: parts.tenant_clients(COGNITO),
        }
    }

    /// The state of each tenant's calls, for readiness.
    #[must_use]
    pub fn health(&self) -> Vec<(TenantId, UpstreamHealth)> {
        self.clients.health()
    }

    pub(crate) fn client(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<AppClient>, SourceError> {
        self.clients.for_tenant(tenant, operation, |setup| {
            let settings = CognitoSettings::parse(setup.settings(), self.clients.allows_private())?;
            let secret = settings.secret.as_ref().map(|place| setup.secret(place));
            Ok(AppClient {
                secret: secret.transpose()?,
                upstream: setup.upstream(settings.budget, None, &settings.tls)?,
                settings,
            })
        })
    }
}

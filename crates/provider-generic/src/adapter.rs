//! The adapter: the client of each tenant, as its settings describe the provider.

use std::sync::Arc;

use http::HeaderMap;
use masthead_domain::tenant::Tenant;
use masthead_ports::source::SourceError;
use masthead_provider_kit::{AdapterParts, SetupError, TenantClients, TenantSetup};
use thiserror::Error;

use crate::{GenericSettings, Preset, api::GenericApi, authentication::RequestCredentials};

/// The generic provider of all tenants with this preset.
///
/// It has the name of its preset, also where a tenant's settings describe another provider.
#[derive(Debug)]
pub struct GenericAdapter {
    pub(crate) preset: Preset,
    pub(crate) clients: TenantClients<GenericApi>,
}

impl GenericAdapter {
    /// Creates the adapter.
    #[must_use]
    pub fn new(preset: Preset, parts: AdapterParts) -> Self {
        Self {
            preset,
            clients: parts.tenant_clients(preset.name),
        }
    }

    pub(crate) fn api_of(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<GenericApi>, SourceError> {
        self.clients
            .for_tenant(tenant, operation, |setup| self.create_api(setup))
    }

    /// A new client from the tenant's settings, with its own upstream.
    pub(crate) fn create_api(&self, setup: &TenantSetup<'_>) -> Result<GenericApi, SetupError> {
        let allow_private = self.clients.allows_private();
        let settings = GenericSettings::parse(&self.preset, setup.settings(), allow_private)?;
        let mut credentials = RequestCredentials::default();
        let mut tokens = None;
        if let Some(place) = &settings.secret {
            let secret = setup.secret(place)?;
            credentials = settings
                .authentication
                .credentials(&secret)
                .ok_or_else(|| SetupError::secret(UnsendableSecretError))?;
            tokens = settings.authentication.tokens(secret);
        }
        let mut headers: HeaderMap = settings.headers.clone();
        headers.extend(credentials.headers.clone());
        Ok(GenericApi {
            upstream: setup.upstream(settings.budget, tokens, &settings.tls)?,
            name: self.preset.name,
            settings,
            credentials,
            headers,
            clock: Arc::clone(self.clients.clock()),
        })
    }
}

/// The secret has bytes that no header or field can contain.
#[derive(Debug, Error)]
#[error("the secret cannot be sent")]
struct UnsendableSecretError;

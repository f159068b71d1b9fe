//! Every tenant's directory: set up when it is first asked about.

use std::sync::Arc;

use http::HeaderMap;
use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{clock::Clock, provider::Searchable, source::SourceError};
use masthead_provider_kit::{AdapterOptions, HttpClient, Secrets, SetupError, TenantClients, UpstreamHealth};
use thiserror::Error;

use crate::{
    GenericSettingError, GenericSettings, Preset, api::GenericApi, authentication::RequestCredentials,
    template::Placeholder,
};

/// The directory of every tenant that has one of this preset.
///
/// It is named after its preset, also where a tenant's settings describe quite another directory in its place.
#[derive(Debug)]
pub struct GenericAdapter {
    pub(crate) preset: Preset,
    adapter: TenantClients<GenericApi>,
}

impl GenericAdapter {
    /// No tenant yet.
    #[must_use]
    pub fn new(
        preset: Preset,
        options: AdapterOptions,
        client: HttpClient,
        clock: Arc<dyn Clock>,
        secrets: Arc<dyn Secrets>,
    ) -> Self {
        Self {
            preset,
            adapter: TenantClients::new(preset.name, options, client, clock, secrets),
        }
    }

    /// Which conditions this tenant's directory applies itself: those that its settings have a place for.
    #[must_use]
    pub fn searchable(&self, tenant: &Tenant) -> Searchable {
        let Ok(described) = self.api_of(tenant, "searchable") else {
            return Searchable::default();
        };
        let Some(search) = &described.settings.search else {
            return Searchable::default();
        };
        Searchable {
            list: true,
            email_prefix: search.holds(Placeholder::EmailPrefix),
            email_contains: search
                .holds(Placeholder::EmailContains)
                .then_some(described.settings.contains_from),
            name_prefix: search.holds(Placeholder::FirstName) && search.holds(Placeholder::LastName),
            metadata: false,
        }
    }

    /// How each tenant's directory is, for readiness.
    #[must_use]
    pub fn health(&self) -> Vec<(TenantId, UpstreamHealth)> {
        self.adapter.health()
    }

    /// The tenant's directory.
    pub(crate) fn api_of(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<GenericApi>, SourceError> {
        self.adapter
            .for_tenant(tenant, operation, |tenant| self.describe(tenant))
    }

    /// The directory as the tenant's settings describe it, with an upstream of its own.
    pub(crate) fn describe(&self, tenant: &Tenant) -> Result<GenericApi, SetupError<GenericSettingError>> {
        let allow_private = self.adapter.allows_private();
        let settings = GenericSettings::parse(&self.preset, &tenant.settings.provider, allow_private)?;
        let mut credentials = RequestCredentials::default();
        let mut tokens = None;
        if let Some(place) = settings.secret_place() {
            let secret = self.adapter.secret(place).map_err(SetupError::secret)?;
            credentials = settings
                .authentication
                .credentials(&secret)
                .ok_or_else(|| SetupError::secret(UnsendableSecretError))?;
            tokens = settings.authentication.tokens(secret);
        }
        let mut headers: HeaderMap = settings.headers.clone();
        headers.extend(credentials.headers.clone());
        Ok(GenericApi {
            upstream: self.adapter.upstream(&tenant.id, settings.budget(), tokens),
            name: self.preset.name,
            settings,
            credentials,
            headers,
            clock: Arc::clone(self.adapter.clock()),
        })
    }
}

/// The secret has bytes that no header or field can carry.
#[derive(Debug, Error)]
#[error("the secret cannot be sent")]
struct UnsendableSecretError;

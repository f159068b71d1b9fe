//! What the client of one tenant is made of: its secrets, its TLS and its upstream.

use std::{cell::RefCell, error::Error, sync::Arc};

use masthead_domain::tenant::Tenant;
use masthead_http_client::{ClientIdentity, HttpClient};
use masthead_ports::source::SourceName;
use thiserror::Error;

use crate::{
    adapter_parts::{AdapterOptions, AdapterParts},
    budget::BudgetOptions,
    client_credentials::{ClientCredentials, ClientCredentialsOptions},
    secrets::{Secret, SecretPlace},
    settings::{ProviderSettingError, SettingMap, client_tls::ClientTlsPlaces},
    upstream::{Upstream, UpstreamOptions},
};

/// Creates the client of one tenant, and remembers which secrets it read.
pub struct TenantSetup<'a> {
    provider: SourceName,
    parts: &'a AdapterParts,
    tenant: &'a Tenant,
    read: RefCell<Vec<(SecretPlace, Secret)>>,
}

/// Why a tenant's client cannot be created.
#[derive(Debug)]
pub enum SetupError {
    /// The settings are invalid; they are not parsed again until they change.
    Settings(Vec<ProviderSettingError>),
    /// The secret is missing or unusable; the next call looks for it again.
    Secret(Box<dyn Error + Send + Sync>),
}

/// The secret cannot be read from its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the secret is not at its place, in the tenant's own folder or among its own variables")]
pub struct MissingSecretError;

impl SetupError {
    /// An unusable secret.
    #[must_use]
    pub fn secret(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Secret(reason.into())
    }
}

impl From<Vec<ProviderSettingError>> for SetupError {
    fn from(errors: Vec<ProviderSettingError>) -> Self {
        Self::Settings(errors)
    }
}

impl From<MissingSecretError> for SetupError {
    fn from(error: MissingSecretError) -> Self {
        Self::secret(error)
    }
}

impl<'a> TenantSetup<'a> {
    pub(crate) const fn new(provider: SourceName, parts: &'a AdapterParts, tenant: &'a Tenant) -> Self {
        Self {
            provider,
            parts,
            tenant,
            read: RefCell::new(Vec::new()),
        }
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> &'a Tenant {
        self.tenant
    }

    /// The tenant's settings for all providers.
    #[must_use]
    pub const fn settings(&self) -> &'a SettingMap {
        &self.tenant.settings.provider
    }

    /// The tenant's secret at this place.
    ///
    /// # Errors
    /// There is none.
    pub fn secret(&self, place: &SecretPlace) -> Result<Secret, MissingSecretError> {
        let secret = self.parts.secrets.secret(&self.tenant.id, place);
        let secret = secret.ok_or(MissingSecretError)?;
        self.read.borrow_mut().push((place.clone(), secret.clone()));
        Ok(secret)
    }

    /// The outbound client: the one of all tenants, or one with the certificate and the authorities at these places.
    ///
    /// # Errors
    /// A file is missing, or the certificate cannot be used.
    pub fn client(&self, tls: &ClientTlsPlaces) -> Result<HttpClient, SetupError> {
        if *tls == ClientTlsPlaces::default() {
            return Ok(self.parts.client.clone());
        }
        let identity = tls.identity.as_ref().map(|(certificates, key)| {
            Ok::<_, MissingSecretError>(ClientIdentity {
                certificates_pem: self.secret(certificates)?,
                key_pem: self.secret(key)?,
            })
        });
        let authorities = tls.authorities.as_ref().map(|place| self.secret(place));
        let authorities = authorities.transpose()?.map(|pem| pem.expose().to_vec());
        let client = self.parts.client.with_tls(identity.transpose()?, authorities);
        client.map_err(SetupError::secret)
    }

    /// Creates the tenant's upstream. Without `credentials`, the adapter authenticates its requests.
    ///
    /// # Errors
    /// As [`Self::client`].
    pub fn upstream(
        &self,
        budget: impl Into<BudgetOptions>,
        credentials: Option<ClientCredentialsOptions>,
        tls: &ClientTlsPlaces,
    ) -> Result<Upstream, SetupError> {
        let AdapterOptions {
            breaker,
            attempts,
            backoff,
            ..
        } = self.parts.options;
        let options = UpstreamOptions {
            provider: self.provider,
            budget: budget.into(),
            breaker,
            attempts,
            backoff,
        };
        let (client, clock) = (self.client(tls)?, Arc::clone(&self.parts.clock));
        let credentials =
            credentials.map(|options| ClientCredentials::new(options, client.clone(), Arc::clone(&clock)));
        Ok(Upstream::new(options, &self.tenant.id, client, clock, credentials))
    }

    /// The secrets that were read from files, which can change while the process runs.
    pub(crate) fn into_files(self) -> Vec<(SecretPlace, Secret)> {
        let mut read = self.read.into_inner();
        read.retain(|(place, _)| matches!(place, SecretPlace::File(_)));
        read
    }
}

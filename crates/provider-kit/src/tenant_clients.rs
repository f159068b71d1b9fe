//! The clients of one provider, one for each tenant, created on first use.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_http_client::HttpClient;
use masthead_ports::{
    clock::Clock,
    source::{SourceError, SourceErrorKind, SourceName},
};
use thiserror::Error;

use crate::{
    breaker::BreakerOptions,
    budget::BudgetOptions,
    client_credentials::{ClientCredentials, ClientCredentialsOptions},
    per_tenant::PerTenant,
    secrets::{Secret, SecretPlace, Secrets},
    settings::ProviderSettingError,
    upstream::{Upstream, UpstreamHealth, UpstreamOptions},
};

/// The options of calls, equal for all tenants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdapterOptions {
    /// Allows non-public addresses and plain http, like the option of the client.
    pub allow_private: bool,
    /// The circuit breaker of each tenant.
    pub breaker: BreakerOptions,
    /// The number of attempts of a reading call.
    pub attempts: u32,
    /// The pause before the second attempt.
    pub backoff: Duration,
}

impl Default for AdapterOptions {
    fn default() -> Self {
        Self {
            allow_private: false,
            breaker: BreakerOptions::default(),
            attempts: 2,
            backoff: Duration::from_millis(100),
        }
    }
}

/// What the server provides to each adapter.
#[derive(Clone)]
pub struct AdapterParts {
    /// The options of calls.
    pub options: AdapterOptions,
    /// The outbound client.
    pub client: HttpClient,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The lookup of secrets.
    pub secrets: Arc<dyn Secrets>,
}

impl AdapterParts {
    /// The tenants' clients of a provider, which is their name in errors, logs and metrics.
    #[must_use]
    pub fn tenant_clients<T>(self, provider: SourceName) -> TenantClients<T> {
        TenantClients {
            provider,
            parts: self,
            tenants: PerTenant::new(),
        }
    }
}

/// A client `T` of one provider for each tenant, with its own settings, token, budget and breaker. It is created on first
/// use, and again when the settings change.
pub struct TenantClients<T> {
    provider: SourceName,
    parts: AdapterParts,
    tenants: PerTenant<Option<Arc<T>>>,
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
#[error("the secret is not at its place")]
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

impl<T> TenantClients<T> {
    /// Whether non-public addresses may be called.
    #[must_use]
    pub const fn allows_private(&self) -> bool {
        self.parts.options.allow_private
    }

    /// The clock.
    #[must_use]
    pub const fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// The lookup of secrets.
    #[must_use]
    pub const fn secrets(&self) -> &Arc<dyn Secrets> {
        &self.parts.secrets
    }

    /// The secret at this place.
    ///
    /// # Errors
    /// There is no secret.
    pub fn secret(&self, place: &SecretPlace) -> Result<Secret, MissingSecretError> {
        self.parts.secrets.secret(place).ok_or(MissingSecretError)
    }

    /// Creates an upstream for a tenant. Without `credentials`, the adapter authenticates its requests.
    #[must_use]
    pub fn upstream(
        &self,
        tenant: &TenantId,
        budget: impl Into<BudgetOptions>,
        credentials: Option<ClientCredentialsOptions>,
    ) -> Upstream {
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
        let (client, clock) = (&self.parts.client, &self.parts.clock);
        let credentials = credentials.map(|options| ClientCredentials::new(options, client.clone(), Arc::clone(clock)));
        Upstream::new(options, tenant, client.clone(), Arc::clone(clock), credentials)
    }

    /// Returns the tenant's client, which `set_up` creates. Invalid settings are logged once until they change, a missing
    /// secret at each call.
    ///
    /// # Errors
    /// The client cannot be created: an operator must act.
    pub fn for_tenant(
        &self,
        tenant: &Tenant,
        operation: &'static str,
        set_up: impl FnOnce(&Tenant) -> Result<T, SetupError>,
    ) -> Result<Arc<T>, SourceError> {
        let (provider, kind) = (self.provider, SourceErrorKind::Misconfigured);
        let found = self.tenants.get_or_make(tenant, |tenant| match set_up(tenant) {
            Ok(made) => Ok(Some(Arc::new(made))),
            Err(SetupError::Settings(errors)) => {
                for error in errors {
                    tracing::error!(source.name = provider, tenant = %tenant.id, mistake = %error, "the provider cannot be called");
                }
                Ok(None)
            }
            Err(SetupError::Secret(reason)) => {
                tracing::error!(source.name = provider, tenant = %tenant.id, flaw = %reason, "the provider cannot be called");
                Err(SourceError::with_cause(operation, kind, reason))
            }
        })?;
        Option::clone(&found).ok_or_else(|| SourceError::new(operation, kind))
    }
}

impl<T: AsRef<Upstream>> TenantClients<T> {
    /// The state of each tenant's upstream, for readiness.
    #[must_use]
    pub fn health(&self) -> Vec<(TenantId, UpstreamHealth)> {
        let all = self.tenants.all().into_iter();
        all.filter_map(|(tenant, one)| Some((tenant, Option::as_deref(&one)?.as_ref().health())))
            .collect()
    }
}

impl<T> fmt::Debug for TenantClients<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapter")
            .field("provider", &self.provider)
            .field("options", &self.parts.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        test_support::{clock, tenant},
        testing::client,
    };

    struct Nowhere;

    impl Secrets for Nowhere {
        fn secret(&self, _: &SecretPlace) -> Option<Secret> {
            None
        }
    }

    #[tokio::test]
    async fn settings_are_parsed_once_secret_every_call() {
        let parts = AdapterParts {
            options: AdapterOptions::default(),
            client: client(),
            clock: clock(),
            secrets: Arc::new(Nowhere),
        };
        let adapter: TenantClients<u8> = parts.tenant_clients("Test");
        let tenant = tenant();
        let place = SecretPlace::Environment("NONE".into());
        for _ in 0..2 {
            let result = adapter.for_tenant(&tenant, "by_id", |_| {
                adapter.secret(&place).map_err(SetupError::secret)?;
                Ok(1)
            });
            let error = result.unwrap_err();
            assert_eq!(error.kind, SourceErrorKind::Misconfigured);
            assert_eq!(error.source.unwrap().to_string(), "the secret is not at its place");
        }
        let mistaken = adapter.for_tenant(&tenant, "by_id", |_| Err(SetupError::Settings(Vec::new())));
        assert_eq!(mistaken.unwrap_err().kind, SourceErrorKind::Misconfigured);
        let still = adapter.for_tenant(&tenant, "by_id", |_| Ok(2));
        assert!(still.is_err(), "the settings are the same");
        let mut changed = (*tenant).clone();
        changed.settings.provider.insert("X.Url".into(), "set".into());
        let set_up = adapter.for_tenant(&changed, "by_id", |_| Ok(3));
        assert_eq!(*set_up.unwrap(), 3);
    }
}

//! What every adapter is made with, and how it sets up each tenant's provider.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{
    clock::Clock,
    source::{SourceError, SourceErrorKind, SourceName},
};
use thiserror::Error;

use crate::{
    breaker::BreakerOptions,
    budget::BudgetOptions,
    client::HttpClient,
    client_credentials::{ClientCredentials, ClientCredentialsOptions},
    per_tenant::PerTenant,
    secret::{Secret, SecretPlace, Secrets},
    upstream::{Upstream, UpstreamHealth, UpstreamOptions},
};

/// How every tenant's provider is called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdapterOptions {
    /// Addresses that are not public may be called, in plain http too; as the client's own option.
    pub allow_private: bool,
    /// When a tenant's provider is left alone.
    pub breaker: BreakerOptions,
    /// How often one call that only reads is tried in all.
    pub attempts: u32,
    /// The pause before the second try.
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

/// One provider as every tenant calls it: a `T` for each, with settings, a token, a budget and a breaker of its own, set up
/// when the tenant is first asked about, and again when its settings change.
pub struct TenantClients<T> {
    provider: SourceName,
    options: AdapterOptions,
    client: HttpClient,
    clock: Arc<dyn Clock>,
    secrets: Arc<dyn Secrets>,
    tenants: PerTenant<Option<Arc<T>>>,
}

/// Why a tenant's provider cannot be set up.
#[derive(Debug)]
pub enum SetupError<M> {
    /// Its settings have mistakes; they are not looked at again until they change.
    Mistakes(Vec<M>),
    /// Its secret is not at its place, or is of no use; it is looked for again at the next call.
    Secret(Box<dyn Error + Send + Sync>),
}

/// Nothing that can be read is where the settings say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the secret is not at its place")]
pub struct MissingSecretError;

impl<M> SetupError<M> {
    /// A secret that is of no use.
    #[must_use]
    pub fn secret(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Secret(reason.into())
    }
}

impl<M> From<Vec<M>> for SetupError<M> {
    fn from(mistakes: Vec<M>) -> Self {
        Self::Mistakes(mistakes)
    }
}

impl<T> TenantClients<T> {
    /// No tenant yet. `provider` is its name in errors, logs and metrics.
    #[must_use]
    pub fn new(
        provider: SourceName,
        options: AdapterOptions,
        client: HttpClient,
        clock: Arc<dyn Clock>,
        secrets: Arc<dyn Secrets>,
    ) -> Self {
        Self {
            provider,
            options,
            client,
            clock,
            secrets,
            tenants: PerTenant::new(),
        }
    }

    /// Whether addresses that are not public may be called.
    #[must_use]
    pub const fn allows_private(&self) -> bool {
        self.options.allow_private
    }

    /// The clock.
    #[must_use]
    pub const fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Who finds secrets.
    #[must_use]
    pub const fn secrets(&self) -> &Arc<dyn Secrets> {
        &self.secrets
    }

    /// The secret at this place.
    ///
    /// # Errors
    /// There is none.
    pub fn secret(&self, place: &SecretPlace) -> Result<Secret, MissingSecretError> {
        self.secrets.secret(place).ok_or(MissingSecretError)
    }

    /// An upstream for a tenant. Without `credentials`, requests carry what the adapter puts on them.
    #[must_use]
    pub fn upstream(
        &self,
        tenant: &TenantId,
        budget: BudgetOptions,
        credentials: Option<ClientCredentialsOptions>,
    ) -> Upstream {
        let AdapterOptions {
            breaker,
            attempts,
            backoff,
            ..
        } = self.options;
        let options = UpstreamOptions {
            provider: self.provider,
            budget,
            breaker,
            attempts,
            backoff,
        };
        let (client, clock) = (&self.client, &self.clock);
        let credentials = credentials.map(|options| ClientCredentials::new(options, client.clone(), Arc::clone(clock)));
        Upstream::new(options, tenant, client.clone(), Arc::clone(clock), credentials)
    }

    /// The tenant's `T`, which `set_up` makes. What hinders it is told once for as long as the settings stay the same; a
    /// secret that is missing, at each call.
    ///
    /// # Errors
    /// The provider cannot be set up, now or before: an operator must act.
    pub fn for_tenant<M: fmt::Display>(
        &self,
        tenant: &Tenant,
        operation: &'static str,
        set_up: impl FnOnce(&Tenant) -> Result<T, SetupError<M>>,
    ) -> Result<Arc<T>, SourceError> {
        let (provider, kind) = (self.provider, SourceErrorKind::Misconfigured);
        let found = self.tenants.get_or_make(tenant, |tenant| match set_up(tenant) {
            Ok(made) => Ok(Some(Arc::new(made))),
            Err(SetupError::Mistakes(mistakes)) => {
                for mistake in mistakes {
                    tracing::error!(source.name = provider, tenant = %tenant.id, %mistake, "the provider cannot be called");
                }
                Ok(None)
            }
            Err(SetupError::Secret(reason)) => {
                tracing::error!(source.name = provider, tenant = %tenant.id, %reason, "the provider cannot be called");
                Err(SourceError::because(operation, kind, reason))
            }
        })?;
        Option::clone(&found).ok_or_else(|| SourceError::new(operation, kind))
    }
}

impl<T: AsRef<Upstream>> TenantClients<T> {
    /// How each tenant's provider is, for readiness.
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
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FrozenClock, client, tenant};

    struct Nowhere;

    impl Secrets for Nowhere {
        fn secret(&self, _: &SecretPlace) -> Option<Secret> {
            None
        }
    }

    #[tokio::test]
    async fn settings_are_parsed_once_secret_every_call() {
        let (client, clock) = (client(), Arc::new(FrozenClock));
        let adapter = TenantClients::<u8>::new("Test", AdapterOptions::default(), client, clock, Arc::new(Nowhere));
        let tenant = tenant();
        let place = SecretPlace::Environment("NONE".into());
        for _ in 0..2 {
            let result = adapter.for_tenant(&tenant, "by_id", |_| {
                adapter.secret(&place).map_err(SetupError::<&str>::secret)?;
                Ok(1)
            });
            let error = result.unwrap_err();
            assert_eq!(error.kind, SourceErrorKind::Misconfigured);
            assert_eq!(error.source.unwrap().to_string(), "the secret is not at its place");
        }
        let mistaken = adapter.for_tenant(&tenant, "by_id", |_| Err(SetupError::from(vec!["X.Url: must be set"])));
        assert_eq!(mistaken.unwrap_err().kind, SourceErrorKind::Misconfigured);
        let still = adapter.for_tenant(&tenant, "by_id", |_| Ok::<_, SetupError<&str>>(2));
        assert!(still.is_err(), "the settings are the same");
        let mut changed = (*tenant).clone();
        changed.settings.provider.insert("X.Url".into(), "set".into());
        let set_up = adapter.for_tenant(&changed, "by_id", |_| Ok::<_, SetupError<&str>>(3));
        assert_eq!(*set_up.unwrap(), 3);
    }
}

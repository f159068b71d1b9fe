//! Every tenant's far side: set up when it is first asked about.

use std::{fmt, sync::Arc, time::Duration};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{
    clock::Clock,
    source::{SUBSCRIBE, SourceError, SourceErrorKind},
};
use masthead_provider_http::{BreakerOptions, Health, HttpClient, PerTenant, Secrets, Upstream, UpstreamOptions};

use crate::{SubscribeSettings, far::Far};

/// How every tenant's far side is called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RemoteSubscribeOptions {
    /// Addresses that are not public may be called, in plain http too; as the client's own option.
    pub allow_private: bool,
    /// When a tenant's far side is left alone.
    pub breaker: BreakerOptions,
    /// How often one call is tried in all.
    pub attempts: u32,
    /// The pause before the second try.
    pub backoff: Duration,
}

impl Default for RemoteSubscribeOptions {
    fn default() -> Self {
        Self {
            allow_private: false,
            breaker: BreakerOptions::default(),
            attempts: 2,
            backoff: Duration::from_millis(100),
        }
    }
}

/// The remote Users API of every tenant that has one; each has its own settings, token, budget and breaker.
///
/// To those who ask it is `Subscribe`, like the registrations that it stands in for.
pub struct RemoteSubscribe {
    options: RemoteSubscribeOptions,
    client: HttpClient,
    clock: Arc<dyn Clock>,
    secrets: Arc<dyn Secrets>,
    tenants: PerTenant<Option<Arc<Far>>>,
}

impl RemoteSubscribe {
    /// No tenant yet: each is set up when it is first asked about, and again when its settings change.
    #[must_use]
    pub fn new(
        options: RemoteSubscribeOptions,
        client: HttpClient,
        clock: Arc<dyn Clock>,
        secrets: Arc<dyn Secrets>,
    ) -> Self {
        Self {
            options,
            client,
            clock,
            secrets,
            tenants: PerTenant::new(),
        }
    }

    /// How each tenant's far side is, for readiness.
    #[must_use]
    pub fn health(&self) -> Vec<(TenantId, Health)> {
        let all = self.tenants.all().into_iter();
        all.filter_map(|(tenant, far)| Some((tenant, far.as_ref().as_ref()?.upstream.health())))
            .collect()
    }

    /// The tenant's far side. Mistakes in its settings are told once, and are not looked at again until they change; a token
    /// that is not at its place is looked for again at the next call.
    pub(crate) fn far(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<Far>, SourceError> {
        let misconfigured = || SourceError::new(operation, SourceErrorKind::Misconfigured);
        let far = self.tenants.of(tenant, |tenant| {
            let settings = match SubscribeSettings::parse(&tenant.settings.provider, self.options.allow_private) {
                Ok(settings) => settings,
                Err(mistakes) => {
                    for mistake in mistakes {
                        tracing::error!(
                            source.name = SUBSCRIBE, tenant = %tenant.id, %mistake,
                            "the remote Users API cannot be called"
                        );
                    }
                    return Ok(None);
                }
            };
            let upstream = Upstream::new(
                UpstreamOptions {
                    provider: SUBSCRIBE,
                    budget: settings.budget(),
                    breaker: self.options.breaker,
                    attempts: self.options.attempts,
                    backoff: self.options.backoff,
                },
                &tenant.id,
                self.client.clone(),
                Arc::clone(&self.clock),
                None,
            );
            let far = Far::new(settings, &tenant.id, Arc::clone(&self.secrets), upstream).ok_or_else(|| {
                tracing::error!(source.name = SUBSCRIBE, tenant = %tenant.id, "the bearer token is not at its place");
                misconfigured()
            })?;
            Ok(Some(Arc::new(far)))
        })?;
        Option::clone(&far).ok_or_else(misconfigured)
    }
}

impl fmt::Debug for RemoteSubscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSubscribe")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

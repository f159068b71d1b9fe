//! Every tenant's Auth0: set up when it is first asked about.

use std::{fmt, sync::Arc, time::Duration};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{
    clock::Clock,
    provider::Searchable,
    source::{SourceError, SourceErrorKind, SourceName},
};
use masthead_provider_http::{
    BreakerOptions, ClientCredentials, Health, HttpClient, PerTenant, Secret, Secrets, Upstream, UpstreamOptions,
};
use time::OffsetDateTime;

use crate::{Auth0Settings, address::FEWEST_LITERALS, management::Management};

/// The name by which answers and metrics call Auth0.
pub const AUTH0: SourceName = "Auth0";

/// How every tenant's Auth0 is called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Auth0Options {
    /// Addresses that are not public may be called, in plain http too; as the client's own option.
    pub allow_private: bool,
    /// When a tenant's Auth0 is left alone.
    pub breaker: BreakerOptions,
    /// How often one call that only reads is tried in all.
    pub attempts: u32,
    /// The pause before the second try.
    pub backoff: Duration,
}

impl Default for Auth0Options {
    fn default() -> Self {
        Self {
            allow_private: false,
            breaker: BreakerOptions::default(),
            attempts: 2,
            backoff: Duration::from_millis(100),
        }
    }
}

/// The Auth0 of every tenant that has one; each has its own settings, token, budget and breaker.
pub struct Auth0 {
    pub(crate) options: Auth0Options,
    client: HttpClient,
    clock: Arc<dyn Clock>,
    pub(crate) secrets: Arc<dyn Secrets>,
    tenants: PerTenant<Option<Arc<Management>>>,
}

impl Auth0 {
    /// No tenant yet: each is set up when it is first asked about, and again when its settings change.
    #[must_use]
    pub fn new(options: Auth0Options, client: HttpClient, clock: Arc<dyn Clock>, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            options,
            client,
            clock,
            secrets,
            tenants: PerTenant::new(),
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
    pub fn health(&self) -> Vec<(TenantId, Health)> {
        let all = self.tenants.all().into_iter();
        all.filter_map(|(tenant, api)| Some((tenant, api.as_ref().as_ref()?.upstream.health())))
            .collect()
    }

    /// The moment.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// The tenant's API. Mistakes in its settings are told once, and are not looked at again until they change; a secret
    /// that is not at its place is looked for again at the next call.
    pub(crate) fn api(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<Management>, SourceError> {
        let misconfigured = || SourceError::new(operation, SourceErrorKind::Misconfigured);
        let api = self.tenants.of(tenant, |tenant| {
            let settings = match Auth0Settings::parse(&tenant.settings.provider, self.options.allow_private) {
                Ok(settings) => settings,
                Err(mistakes) => {
                    for mistake in mistakes {
                        tracing::error!(source.name = AUTH0, tenant = %tenant.id, %mistake, "auth0 cannot be called");
                    }
                    return Ok(None);
                }
            };
            let Some(secret) = self.secrets.secret(settings.secret_place()) else {
                tracing::error!(source.name = AUTH0, tenant = %tenant.id, "the client's secret is not at its place");
                return Err(misconfigured());
            };
            let upstream = self.upstream(tenant, &settings, secret).ok_or_else(misconfigured)?;
            Ok(Some(Arc::new(Management { settings, upstream })))
        })?;
        Option::clone(&api).ok_or_else(misconfigured)
    }

    fn upstream(&self, tenant: &Tenant, settings: &Auth0Settings, secret: Secret) -> Option<Upstream> {
        let credentials = settings.credentials(secret).ok()?;
        let credentials = ClientCredentials::new(credentials, self.client.clone(), Arc::clone(&self.clock));
        let options = UpstreamOptions {
            provider: AUTH0,
            budget: settings.budget(),
            breaker: self.options.breaker,
            attempts: self.options.attempts,
            backoff: self.options.backoff,
        };
        let clock = Arc::clone(&self.clock);
        Some(Upstream::new(
            options,
            &tenant.id,
            self.client.clone(),
            clock,
            Some(credentials),
        ))
    }
}

impl fmt::Debug for Auth0 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth0")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

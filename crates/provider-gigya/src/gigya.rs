//! Every tenant's Gigya: set up when it is first asked about.

use std::{fmt, sync::Arc, time::Duration};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{
    clock::Clock,
    provider::Searchable,
    source::{SourceError, SourceErrorKind, SourceName},
};
use masthead_provider_http::{BreakerOptions, Health, HttpClient, PerTenant, Secrets, Upstream, UpstreamOptions};

use crate::{
    GigyaSettings,
    credentials::{Caller, Credentials},
    nonces::{Nonces, SystemNonces},
    site::Site,
};

/// The name by which answers and metrics call Gigya.
pub const GIGYA: SourceName = "Gigya";

/// How every tenant's Gigya is called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GigyaOptions {
    /// Addresses that are not public may be called, in plain http too; as the client's own option.
    pub allow_private: bool,
    /// When a tenant's Gigya is left alone.
    pub breaker: BreakerOptions,
    /// How often one call that only reads is tried in all.
    pub attempts: u32,
    /// The pause before the second try.
    pub backoff: Duration,
}

impl Default for GigyaOptions {
    fn default() -> Self {
        Self {
            allow_private: false,
            breaker: BreakerOptions::default(),
            attempts: 2,
            backoff: Duration::from_millis(100),
        }
    }
}

/// The Gigya of every tenant that has one; each has its own settings, keys, clock, budget and breaker.
pub struct Gigya {
    pub(crate) options: GigyaOptions,
    client: HttpClient,
    clock: Arc<dyn Clock>,
    pub(crate) secrets: Arc<dyn Secrets>,
    nonces: Arc<dyn Nonces>,
    tenants: PerTenant<Option<Arc<Site>>>,
}

impl Gigya {
    /// No tenant yet: each is set up when it is first asked about, and again when its settings change.
    #[must_use]
    pub fn new(options: GigyaOptions, client: HttpClient, clock: Arc<dyn Clock>, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            options,
            client,
            clock,
            secrets,
            nonces: Arc::new(SystemNonces::default()),
            tenants: PerTenant::new(),
        }
    }

    /// Takes nonces from elsewhere than the system's own chance.
    #[must_use]
    pub fn with_nonces(mut self, nonces: Arc<dyn Nonces>) -> Self {
        self.nonces = nonces;
        self
    }

    /// Which conditions Gigya can apply itself for this tenant without losing a user who meets them: none but a whole
    /// address, which is no search.
    ///
    /// Addresses are encrypted, so that it knows no parts of them and no order by them; names and metadata are compared
    /// with case and accents there, ours without.
    #[must_use]
    pub const fn searchable(&self, _: &Tenant) -> Searchable {
        Searchable {
            list: true,
            email_prefix: false,
            email_contains: None,
            name_prefix: false,
            metadata: false,
        }
    }

    /// How each tenant's Gigya is, for readiness.
    #[must_use]
    pub fn health(&self) -> Vec<(TenantId, Health)> {
        let all = self.tenants.all().into_iter();
        all.filter_map(|(tenant, site)| Some((tenant, site.as_ref().as_ref()?.upstream.health())))
            .collect()
    }

    /// The tenant's site. Mistakes in its settings are told once, and are not looked at again until they change; a secret
    /// that is not at its place, or is none, is looked for again at the next call.
    pub(crate) fn site(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<Site>, SourceError> {
        let misconfigured = || SourceError::new(operation, SourceErrorKind::Misconfigured);
        let site = self.tenants.of(tenant, |tenant| {
            let settings = match GigyaSettings::parse(&tenant.settings.provider, self.options.allow_private) {
                Ok(settings) => settings,
                Err(mistakes) => {
                    for mistake in mistakes {
                        tracing::error!(source.name = GIGYA, tenant = %tenant.id, %mistake, "gigya cannot be called");
                    }
                    return Ok(None);
                }
            };
            let Some(secret) = self.secrets.secret(settings.secret_place()) else {
                tracing::error!(source.name = GIGYA, tenant = %tenant.id, "the application's secret is not at its place");
                return Err(misconfigured());
            };
            let credentials = Credentials::read(settings.auth, &secret).map_err(|flaw| {
                tracing::error!(source.name = GIGYA, tenant = %tenant.id, %flaw, "gigya cannot be called");
                SourceError::because(operation, SourceErrorKind::Misconfigured, flaw)
            })?;
            let caller = Caller::new(&settings, credentials, Arc::clone(&self.nonces), Arc::clone(&self.clock));
            let upstream = self.upstream(tenant, &settings);
            let clock = Arc::clone(&self.clock);
            Ok(Some(Arc::new(Site {
                settings,
                caller,
                upstream,
                clock,
            })))
        })?;
        Option::clone(&site).ok_or_else(misconfigured)
    }

    fn upstream(&self, tenant: &Tenant, settings: &GigyaSettings) -> Upstream {
        let options = UpstreamOptions {
            provider: GIGYA,
            budget: settings.budget(),
            breaker: self.options.breaker,
            attempts: self.options.attempts,
            backoff: self.options.backoff,
        };
        let clock = Arc::clone(&self.clock);
        Upstream::new(options, &tenant.id, self.client.clone(), clock, None)
    }
}

impl fmt::Debug for Gigya {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gigya")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

//! Every tenant's directory: set up when it is first asked about.

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderMap;
use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{
    clock::Clock,
    provider::Searchable,
    source::{SourceError, SourceErrorKind},
};
use masthead_provider_http::{
    BreakerOptions, ClientCredentials, Health, HttpClient, PerTenant, Secrets, Upstream, UpstreamOptions,
};

use crate::{DirectorySettings, Mistake, Preset, admission::Proof, described::Described, template::Slot};

/// How every tenant's directory is called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DirectoryOptions {
    /// Addresses that are not public may be called, in plain http too; as the client's own option.
    pub allow_private: bool,
    /// When a tenant's directory is left alone.
    pub breaker: BreakerOptions,
    /// How often one call that only reads is tried in all.
    pub attempts: u32,
    /// The pause before the second try.
    pub backoff: Duration,
}

impl Default for DirectoryOptions {
    fn default() -> Self {
        Self {
            allow_private: false,
            breaker: BreakerOptions::default(),
            attempts: 2,
            backoff: Duration::from_millis(100),
        }
    }
}

/// The directory of every tenant that has one of this preset; each has its own settings, token, budget and breaker.
///
/// It is named after its preset, also where a tenant's settings describe quite another directory in its place.
pub struct Directory {
    pub(crate) preset: Preset,
    options: DirectoryOptions,
    client: HttpClient,
    clock: Arc<dyn Clock>,
    secrets: Arc<dyn Secrets>,
    tenants: PerTenant<Option<Arc<Described>>>,
}

/// Why a tenant's directory cannot be called.
pub(crate) enum Unusable {
    Mistakes(Vec<Mistake>),
    NoSecret,
}

impl Directory {
    /// No tenant yet: each is set up when it is first asked about, and again when its settings change.
    #[must_use]
    pub fn new(
        preset: Preset,
        options: DirectoryOptions,
        client: HttpClient,
        clock: Arc<dyn Clock>,
        secrets: Arc<dyn Secrets>,
    ) -> Self {
        Self {
            preset,
            options,
            client,
            clock,
            secrets,
            tenants: PerTenant::new(),
        }
    }

    /// Which conditions this tenant's directory applies itself: those that its settings have a place for.
    #[must_use]
    pub fn searchable(&self, tenant: &Tenant) -> Searchable {
        let Ok(described) = self.of(tenant, "searchable") else {
            return Searchable::default();
        };
        let Some(search) = &described.settings.search else {
            return Searchable::default();
        };
        Searchable {
            list: true,
            email_prefix: search.holds(Slot::EmailPrefix),
            email_contains: search
                .holds(Slot::EmailContains)
                .then_some(described.settings.contains_from),
            name_prefix: search.holds(Slot::FirstName) && search.holds(Slot::LastName),
            metadata: false,
        }
    }

    /// How each tenant's directory is, for readiness.
    #[must_use]
    pub fn health(&self) -> Vec<(TenantId, Health)> {
        let all = self.tenants.all().into_iter();
        all.filter_map(|(tenant, one)| Some((tenant, one.as_ref().as_ref()?.upstream.health())))
            .collect()
    }

    /// The tenant's directory. Mistakes in its settings are told once, and are not looked at again until they change; a
    /// secret that is not at its place is looked for again at the next call.
    pub(crate) fn of(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<Described>, SourceError> {
        let misconfigured = || SourceError::new(operation, SourceErrorKind::Misconfigured);
        let name = self.preset.name;
        let described = self.tenants.of(tenant, |tenant| match self.describe(tenant) {
            Ok(described) => Ok(Some(Arc::new(described))),
            Err(Unusable::Mistakes(mistakes)) => {
                for mistake in mistakes {
                    tracing::error!(source.name = name, tenant = %tenant.id, %mistake, "the directory cannot be called");
                }
                Ok(None)
            }
            Err(Unusable::NoSecret) => {
                tracing::error!(source.name = name, tenant = %tenant.id, "the directory's secret is not at its place");
                Err(misconfigured())
            }
        })?;
        Option::clone(&described).ok_or_else(misconfigured)
    }

    /// The directory as the tenant's settings describe it, with an upstream of its own.
    pub(crate) fn describe(&self, tenant: &Tenant) -> Result<Described, Unusable> {
        let settings = DirectorySettings::parse(&self.preset, &tenant.settings.provider, self.options.allow_private)
            .map_err(Unusable::Mistakes)?;
        let mut proof = Proof::default();
        let mut credentials = None;
        if let Some(place) = settings.secret_place() {
            let secret = self.secrets.secret(place).ok_or(Unusable::NoSecret)?;
            proof = settings.admission.proof(&secret).ok_or(Unusable::NoSecret)?;
            credentials = settings.admission.tokens(secret);
        }
        let credentials =
            credentials.map(|options| ClientCredentials::new(options, self.client.clone(), Arc::clone(&self.clock)));
        let options = UpstreamOptions {
            provider: self.preset.name,
            budget: settings.budget(),
            breaker: self.options.breaker,
            attempts: self.options.attempts,
            backoff: self.options.backoff,
        };
        let clock = Arc::clone(&self.clock);
        let mut headers: HeaderMap = settings.headers.clone();
        headers.extend(proof.headers.clone());
        Ok(Described {
            upstream: Upstream::new(
                options,
                &tenant.id,
                self.client.clone(),
                Arc::clone(&clock),
                credentials,
            ),
            name: self.preset.name,
            settings,
            proof,
            headers,
            clock,
        })
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory")
            .field("name", &self.preset.name)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

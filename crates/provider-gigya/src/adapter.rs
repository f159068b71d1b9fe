//! Every tenant's Gigya: set up when it is first asked about.

use std::{fmt, sync::Arc};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{clock::Clock, provider::Searchable, source::SourceError};
use masthead_provider_kit::{
    AdapterOptions, HttpClient, ProviderSettingError, Secrets, SetupError, TenantClients, UpstreamHealth,
};

use crate::{
    GigyaSettings,
    credentials::{GigyaCredentials, RequestSigner},
    name::GIGYA,
    nonces::{NonceSource, SystemNonceSource},
    site::GigyaSite,
};

/// The Gigya of every tenant that has one; each has a clock of its own too.
pub struct GigyaAdapter {
    pub(crate) adapter: TenantClients<GigyaSite>,
    nonces: Arc<dyn NonceSource>,
}

impl GigyaAdapter {
    /// No tenant yet.
    #[must_use]
    pub fn new(options: AdapterOptions, client: HttpClient, clock: Arc<dyn Clock>, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            adapter: TenantClients::new(GIGYA, options, client, clock, secrets),
            nonces: Arc::new(SystemNonceSource::default()),
        }
    }

    /// Takes nonces from elsewhere than the system's own chance.
    #[must_use]
    pub fn with_nonces(mut self, nonces: Arc<dyn NonceSource>) -> Self {
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
    pub fn health(&self) -> Vec<(TenantId, UpstreamHealth)> {
        self.adapter.health()
    }

    /// The tenant's site.
    pub(crate) fn site(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<GigyaSite>, SourceError> {
        self.adapter.for_tenant(tenant, operation, |tenant| {
            let settings = GigyaSettings::parse(&tenant.settings.provider, self.adapter.allows_private())?;
            let secret = self
                .adapter
                .secret(settings.secret_place())
                .map_err(SetupError::secret)?;
            let credentials = GigyaCredentials::read(settings.auth, &secret).map_err(SetupError::secret)?;
            let clock = Arc::clone(self.adapter.clock());
            let caller = RequestSigner::new(&settings, credentials, Arc::clone(&self.nonces), Arc::clone(&clock));
            let upstream = self.adapter.upstream(&tenant.id, settings.budget(), None);
            Ok::<_, SetupError<ProviderSettingError>>(GigyaSite {
                settings,
                caller,
                upstream,
                clock,
            })
        })
    }
}

impl fmt::Debug for GigyaAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gigya")
            .field("adapter", &self.adapter)
            .finish_non_exhaustive()
    }
}

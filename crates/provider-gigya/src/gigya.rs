//! Every tenant's Gigya: set up when it is first asked about.

use std::{fmt, sync::Arc};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{
    clock::Clock,
    provider::Searchable,
    source::{SourceError, SourceName},
};
use masthead_provider_http::{Adapter, AdapterOptions, Health, HttpClient, Mistake, Secrets, Unusable};

use crate::{
    GigyaSettings,
    credentials::{Caller, Credentials},
    nonces::{Nonces, SystemNonces},
    site::Site,
};

/// The name by which answers and metrics call Gigya.
pub const GIGYA: SourceName = "Gigya";

/// The Gigya of every tenant that has one; each has a clock of its own too.
pub struct Gigya {
    pub(crate) adapter: Adapter<Site>,
    nonces: Arc<dyn Nonces>,
}

impl Gigya {
    /// No tenant yet.
    #[must_use]
    pub fn new(options: AdapterOptions, client: HttpClient, clock: Arc<dyn Clock>, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            adapter: Adapter::new(GIGYA, options, client, clock, secrets),
            nonces: Arc::new(SystemNonces::default()),
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
        self.adapter.health()
    }

    /// The tenant's site.
    pub(crate) fn site(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<Site>, SourceError> {
        self.adapter.of(tenant, operation, |tenant| {
            let settings = GigyaSettings::parse(&tenant.settings.provider, self.adapter.allows_private())?;
            let secret = self.adapter.secret(settings.secret_place()).map_err(Unusable::secret)?;
            let credentials = Credentials::read(settings.auth, &secret).map_err(Unusable::secret)?;
            let clock = Arc::clone(self.adapter.clock());
            let caller = Caller::new(&settings, credentials, Arc::clone(&self.nonces), Arc::clone(&clock));
            let upstream = self.adapter.upstream(&tenant.id, settings.budget(), None);
            Ok::<_, Unusable<Mistake>>(Site {
                settings,
                caller,
                upstream,
                clock,
            })
        })
    }
}

impl fmt::Debug for Gigya {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gigya")
            .field("adapter", &self.adapter)
            .finish_non_exhaustive()
    }
}

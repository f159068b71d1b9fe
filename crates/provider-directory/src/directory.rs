//! Every tenant's directory: set up when it is first asked about.

use std::sync::Arc;

use http::HeaderMap;
use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{clock::Clock, provider::Searchable, source::SourceError};
use masthead_provider_http::{Adapter, AdapterOptions, Health, HttpClient, Secrets, Unusable};
use thiserror::Error;

use crate::{DirectorySettings, Mistake, Preset, admission::Proof, described::Described, template::Slot};

/// The directory of every tenant that has one of this preset.
///
/// It is named after its preset, also where a tenant's settings describe quite another directory in its place.
#[derive(Debug)]
pub struct Directory {
    pub(crate) preset: Preset,
    adapter: Adapter<Described>,
}

impl Directory {
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
            adapter: Adapter::new(preset.name, options, client, clock, secrets),
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
        self.adapter.health()
    }

    /// The tenant's directory.
    pub(crate) fn of(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<Described>, SourceError> {
        self.adapter.of(tenant, operation, |tenant| self.describe(tenant))
    }

    /// The directory as the tenant's settings describe it, with an upstream of its own.
    pub(crate) fn describe(&self, tenant: &Tenant) -> Result<Described, Unusable<Mistake>> {
        let allow_private = self.adapter.allows_private();
        let settings = DirectorySettings::parse(&self.preset, &tenant.settings.provider, allow_private)?;
        let mut proof = Proof::default();
        let mut credentials = None;
        if let Some(place) = settings.secret_place() {
            let secret = self.adapter.secret(place).map_err(Unusable::secret)?;
            proof = settings
                .admission
                .proof(&secret)
                .ok_or_else(|| Unusable::secret(CannotBeSent))?;
            credentials = settings.admission.tokens(secret);
        }
        let mut headers: HeaderMap = settings.headers.clone();
        headers.extend(proof.headers.clone());
        Ok(Described {
            upstream: self.adapter.upstream(&tenant.id, settings.budget(), credentials),
            name: self.preset.name,
            settings,
            proof,
            headers,
            clock: Arc::clone(self.adapter.clock()),
        })
    }
}

/// The secret has bytes that no header or field can carry.
#[derive(Debug, Error)]
#[error("the secret cannot be sent")]
struct CannotBeSent;

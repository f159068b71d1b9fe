//! The adapter: the site client of each tenant, and the registration.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    tenant::{Tenant, TenantId},
};
use masthead_ports::{
    accounts::{Ability, AccountWriter, MissingSetting, SignIn},
    provider::Searchable,
    source::{CallContext, SourceError},
};
use masthead_provider_kit::{
    AccountAbilities, AdapterParts, CheckHints, CheckReport, CheckResult, MissingSecretError, ProviderAdapter,
    ProviderRegistration, SetupError, TenantClients, UpstreamHealth, check_source, error_texts, register,
};

use crate::{
    GigyaSettings,
    credentials::{GigyaCredentials, RequestSigner},
    name::GIGYA,
    site::GigyaSite,
};

/// Gigya for all of its tenants.
#[derive(Debug)]
pub struct GigyaAdapter {
    clients: TenantClients<GigyaSite>,
}

impl GigyaAdapter {
    /// Creates the adapter.
    #[must_use]
    pub fn new(parts: AdapterParts) -> Self {
        Self {
            clients: parts.tenant_clients(GIGYA),
        }
    }

    pub(crate) fn site(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<GigyaSite>, SourceError> {
        self.clients.for_tenant(tenant, operation, |setup| {
            let settings = GigyaSettings::parse(setup.settings(), self.clients.allows_private())?;
            let secret = setup.secret(&settings.secret)?;
            let credentials = GigyaCredentials::read(settings.auth, &secret).map_err(SetupError::secret)?;
            let clock = Arc::clone(self.clients.clock());
            let signer = RequestSigner::new(&settings, credentials, Arc::clone(&clock));
            let upstream = setup.upstream(settings.budget, None, &settings.tls)?;
            Ok(GigyaSite {
                settings,
                signer,
                upstream,
                clock,
            })
        })
    }
}

/// The registration of Gigya.
pub const PROVIDER: ProviderRegistration = ProviderRegistration {
    name: GIGYA,
    check_settings: |settings, allow_private| GigyaSettings::parse(settings, allow_private).map(drop),
    create: |parts, cache| register(GigyaAdapter::new, parts, cache),
};

const HINTS: CheckHints = CheckHints {
    unknown_id: "masthead-check-nobody",
    address: "Gigya.DataCenter or Gigya.BaseUrl",
    credentials: "Gigya.ApiKey, Gigya.UserKey, Gigya.Auth, its secret or key, and what the application's group permits",
};

impl AccountAbilities for GigyaAdapter {
    fn account_writer(&self) -> Option<&dyn AccountWriter> {
        Some(self)
    }

    fn password_check(&self) -> Option<&dyn SignIn> {
        Some(self)
    }

    /// None is missing: a site has all methods.
    fn missing_setting(&self, _: &Tenant, _: Ability) -> Option<MissingSetting> {
        None
    }
}

#[async_trait]
impl ProviderAdapter for GigyaAdapter {
    /// Only lists are searchable: Gigya encrypts addresses, so it finds no parts of them, and compares names and metadata
    /// with case and accents.
    fn searchable(&self, _: &Tenant) -> Searchable {
        Searchable {
            list: true,
            ..Searchable::default()
        }
    }

    async fn check(
        &self,
        cx: &CallContext,
        known: Option<&CustomerRegistrationId>,
    ) -> Result<Vec<CheckResult>, Vec<String>> {
        let settings = GigyaSettings::parse(&cx.tenant.settings.provider, self.clients.allows_private());
        let settings = settings.map_err(error_texts)?;
        let setup = self.clients.setup(&cx.tenant);
        if setup.client(&settings.tls).is_err() {
            return Ok(CheckReport::unusable_tls("Gigya"));
        }
        let secret = setup.secret(&settings.secret);
        let reason = match secret.map(|secret| GigyaCredentials::read(settings.auth, &secret)) {
            Ok(Ok(_)) => return Ok(check_source(self, cx, known, HINTS).await),
            Ok(Err(error)) => error.to_string(),
            Err(MissingSecretError) => "it is not at its place: see Gigya.SecretFile and Gigya.SecretEnv, or \
                                        Gigya.PrivateKeyFile and Gigya.PrivateKeyEnv"
                .to_owned(),
        };
        Ok(CheckReport::unusable_secret(reason))
    }

    fn health(&self) -> Vec<(TenantId, UpstreamHealth)> {
        self.clients.health()
    }
}

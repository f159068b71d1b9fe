//! The adapter: the Management API client of each tenant, and the registration.

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
    AccountAbilities, AdapterParts, CheckHints, CheckReport, CheckResult, ProviderAdapter, ProviderRegistration,
    SetupError, TenantClients, UpstreamHealth, check_source, error_texts, register,
};
use time::OffsetDateTime;

use crate::{Auth0Settings, address::FEWEST_LITERALS, management::ManagementApi, name::AUTH0};

/// Auth0 for all of its tenants.
#[derive(Debug)]
pub struct Auth0Adapter {
    pub(crate) clients: TenantClients<ManagementApi>,
}

impl Auth0Adapter {
    /// Creates the adapter.
    #[must_use]
    pub fn new(parts: AdapterParts) -> Self {
        Self {
            clients: parts.tenant_clients(AUTH0),
        }
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.clients.clock().now()
    }

    pub(crate) fn api(&self, tenant: &Tenant, operation: &'static str) -> Result<Arc<ManagementApi>, SourceError> {
        self.clients.for_tenant(tenant, operation, |setup| {
            let settings = Auth0Settings::parse(setup.settings(), self.clients.allows_private())?;
            let secret = setup.secret(&settings.secret)?;
            let credentials = settings.credentials(secret.clone()).map_err(SetupError::secret)?;
            let upstream = setup.upstream(settings.budget, Some(credentials), &settings.tls)?;
            Ok(ManagementApi {
                settings,
                upstream,
                client_secret: secret,
            })
        })
    }
}

/// The registration of Auth0.
pub const PROVIDER: ProviderRegistration = ProviderRegistration {
    name: AUTH0,
    check_settings: |settings, allow_private| Auth0Settings::parse(settings, allow_private).map(drop),
    create: |parts, cache| register(Auth0Adapter::new, parts, cache),
};

const HINTS: CheckHints = CheckHints {
    unknown_id: "auth0|masthead-check-nobody",
    address: "Auth0.Domain or Auth0.BaseUrl",
    credentials: "Auth0.ClientId, its secret, Auth0.Audience and the application's grant of read:users",
};

impl AccountAbilities for Auth0Adapter {
    fn account_writer(&self) -> Option<&dyn AccountWriter> {
        Some(self)
    }

    fn password_check(&self) -> Option<&dyn SignIn> {
        Some(self)
    }

    /// New accounts and passwords are of a connection.
    fn missing_setting(&self, tenant: &Tenant, ability: Ability) -> Option<MissingSetting> {
        let needs_connection = matches!(ability, Ability::Create | Ability::SignIn);
        let api = self.api(tenant, "missing_setting").ok().filter(|_| needs_connection)?;
        api.settings
            .connection
            .is_none()
            .then(|| MissingSetting::new("Auth0.Connection"))
    }
}

#[async_trait]
impl ProviderAdapter for Auth0Adapter {
    /// Names and metadata are not searchable: Auth0 compares names with accents, and metadata with case.
    fn searchable(&self, tenant: &Tenant) -> Searchable {
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

    async fn check(
        &self,
        cx: &CallContext,
        known: Option<&CustomerRegistrationId>,
    ) -> Result<Vec<CheckResult>, Vec<String>> {
        let settings = Auth0Settings::parse(&cx.tenant.settings.provider, self.clients.allows_private());
        let settings = settings.map_err(error_texts)?;
        let setup = self.clients.setup(&cx.tenant);
        if setup.secret(&settings.secret).is_err() {
            let reason = "it is not at its place: see Auth0.ClientSecretFile and Auth0.ClientSecretEnv";
            return Ok(CheckReport::unusable_secret(reason));
        }
        if setup.client(&settings.tls).is_err() {
            return Ok(CheckReport::unusable_tls("Auth0"));
        }
        Ok(check_source(self, cx, known, HINTS).await)
    }

    fn health(&self) -> Vec<(TenantId, UpstreamHealth)> {
        self.clients.health()
    }
}

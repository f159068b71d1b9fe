//! The outside providers: the list of all adapters, and the adapter of each tenant.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    first_login::FormerProvider,
    flow::UserProvider,
    settings::TenantSettings,
    tenant::{Tenant, TenantId},
};
use masthead_ports::{
    accounts::{Ability, AccountWriter, MissingSetting, SignIn, SignInAnswer, SignInAttempt},
    bulk::BulkLookups,
    clock::Clock,
    passwords::PlainPassword,
    provider::{AccountSide, IdentityProvider, ProviderWriters, Providers},
    scan::{UserScan, UserScans},
    source::{CallContext, SUBSCRIBE, SourceError, SourceErrorKind, SourceName, UserSource},
};
use masthead_provider_cognito::{CognitoAdapter, CognitoSettings};
use masthead_provider_kit::{
    AdapterOptions, AdapterParts, BreakerState, CacheOptions, CachedSource, CheckResult, CheckVerdict,
    ClientOptionsError, HttpClient, HttpOptions, ProviderRegistration, ProviderSettingError, RegisteredProvider,
    SecretPlace, SettingMap, UpstreamHealth, check::UNKNOWN_ADDRESS, error_texts,
};
use masthead_provider_subscribe::{RemoteSubscribe, SubscribeSettings};
use masthead_telemetry::add_trace_headers;
use serde::Serialize;

use crate::{
    command_error::ErrorChain,
    hash_secrets,
    settings::{PrivateAddresses, ProviderSettings},
    subscribe::{SubscribeBulk, SubscribeSource},
};

/// Every provider. A new one is a package and a line here.
const PROVIDERS: &[ProviderRegistration] = &[
    masthead_provider_auth0::PROVIDER,
    masthead_provider_gigya::PROVIDER,
    masthead_provider_ssor::PROVIDER,
    masthead_provider_firefly::PROVIDER,
];

/// Registrations are not remembered: what is written there is read at once.
const NOTHING_REMEMBERED: CacheOptions = CacheOptions {
    fresh: Duration::ZERO,
    stale: Duration::ZERO,
    stale_after: Duration::ZERO,
    max_answers: 0,
    max_bytes: 0,
};

/// Every adapter of this program; cheap to clone.
#[derive(Clone)]
pub struct Adapters {
    providers: Arc<[(SourceName, Box<dyn RegisteredProvider>)]>,
    remote: CachedSource<RemoteSubscribe>,
    /// It is no source of users: it checks the passwords of those who came from it.
    cognito: Arc<CognitoAdapter>,
}

/// The state of one tenant's provider, for `/health/ready`. It never makes the service unready, since the store still
/// answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderHealth {
    /// The provider, or `Subscribe` for a remote Users API.
    pub provider: &'static str,
    /// The tenant.
    pub tenant: String,
    /// `closed`, `half_open` or `open`.
    pub breaker: &'static str,
    /// The number of calls that are possible now.
    pub budget_remaining: f64,
    /// It rejects our credentials or settings: an operator must act.
    pub misconfigured: bool,
}

impl Adapters {
    /// Creates the adapters, with one outbound client.
    ///
    /// # Errors
    /// The client cannot be created.
    pub fn new(settings: &ProviderSettings, clock: &Arc<dyn Clock>) -> Result<Self, ClientOptionsError> {
        let parts = parts(settings, clock)?;
        let cache = CacheOptions {
            fresh: settings.fresh,
            stale: settings.stale,
            stale_after: settings.stale_after,
            ..CacheOptions::default()
        };
        let create = |provider: &ProviderRegistration| (provider.name, (provider.create)(parts.clone(), cache));
        Ok(Self {
            providers: PROVIDERS.iter().map(create).collect(),
            cognito: Arc::new(CognitoAdapter::new(parts.clone())),
            remote: CachedSource::new(RemoteSubscribe::new(parts), NOTHING_REMEMBERED, Arc::clone(clock)),
        })
    }

    /// Checks this tenant's provider; returns nothing where the tenant has none.
    ///
    /// # Errors
    /// All errors in the provider's settings.
    pub async fn check(
        &self,
        cx: &CallContext,
        known: Option<&CustomerRegistrationId>,
    ) -> Result<Vec<CheckResult>, Vec<String>> {
        match self.of_tenant(&cx.tenant) {
            Some(provider) => provider.adapter().check(cx, known).await,
            None => Ok(Vec::new()),
        }
    }

    /// Tries the password of an unknown user at the former provider of this tenant, which must refuse it; `None` where the
    /// tenant names none.
    pub(crate) async fn check_first_login(&self, cx: &CallContext) -> Option<CheckResult> {
        let name = first_login_provider(&cx.tenant.settings)?.name();
        let answer = match self.sign_in(&cx.tenant, AccountSide::FormerProvider) {
            Ok(provider) => {
                let attempt = SignInAttempt {
                    login: UNKNOWN_ADDRESS,
                    password: &PlainPassword::new(UNKNOWN_ADDRESS),
                    address: None,
                };
                let answer = provider.sign_in(&cx.new_read(), &attempt).await;
                answer.map_err(|error| ErrorChain(&error).to_string())
            }
            Err(missing) => Err(missing.to_string()),
        };
        let (verdict, explanation) = match answer {
            Ok(SignInAnswer::WrongCredentials) => (
                CheckVerdict::Agrees,
                format!("{name} refuses the password of an unknown user"),
            ),
            Ok(other) => {
                let class = other.reason().unwrap_or("another answer than a wrong password");
                let text = format!("{name} answers an unknown user with {class}: see the {name}. settings");
                (CheckVerdict::Differs, text)
            }
            Err(reason) => (
                CheckVerdict::Differs,
                format!("{name} cannot check passwords: {reason}: see the {name}. settings"),
            ),
        };
        Some(CheckResult {
            subject: "the check at first login",
            verdict,
            explanation,
        })
    }

    /// Looks up an unknown user at the remote Users API of this tenant, which must confirm the absence.
    ///
    /// # Errors
    /// It does not.
    pub(crate) async fn check_remote(&self, cx: &CallContext, unknown_id: &str) -> Result<(), SourceError> {
        const OPERATION: &str = "check";
        let refused = |_| SourceError::new(OPERATION, SourceErrorKind::Refused);
        let id = CustomerRegistrationId::parse(unknown_id).map_err(refused)?;
        match self.remote.find(cx, &id.into()).await?.as_slice() {
            [] => Ok(()),
            [_, ..] => Err(SourceError::new(OPERATION, SourceErrorKind::Corrupt)),
        }
    }

    /// The Subscribe source: this store, or the remote Users API that a tenant's settings contain.
    #[must_use]
    pub fn subscribe(&self, store: Arc<dyn UserSource>) -> Arc<dyn UserSource> {
        let remote = self.remote.clone();
        Arc::new(SubscribeSource { store, remote })
    }

    /// The Subscribe source for bulk lookups.
    #[must_use]
    pub fn subscribe_bulk(&self, store: Arc<dyn BulkLookups>) -> Arc<dyn BulkLookups> {
        let remote = self.remote.clone();
        Arc::new(SubscribeBulk { store, remote })
    }

    /// Forgets what is remembered of the users with these ids and addresses. Of registrations nothing is remembered.
    pub(crate) async fn forget(&self, is_of_user: &(dyn Fn(&str) -> bool + Send + Sync)) {
        for (_, provider) in &*self.providers {
            provider.forget(is_of_user).await;
        }
    }

    /// The state of each provider that was used since the start.
    #[must_use]
    pub fn health(&self) -> Vec<ProviderHealth> {
        let providers = self
            .providers
            .iter()
            .map(|(name, provider)| (*name, provider.adapter().health()));
        let others = [
            (SUBSCRIBE, self.remote.inner().health()),
            (FormerProvider::Cognito.name(), self.cognito.health()),
        ];
        let all = providers.chain(others);
        all.flat_map(|(name, tenants)| {
            tenants
                .into_iter()
                .map(move |(tenant, health)| ProviderHealth::new(name, &tenant, health))
        })
        .collect()
    }

    fn written_provider(&self, tenant: &Tenant) -> Result<&dyn RegisteredProvider, MissingSetting> {
        let none = || MissingSetting::new("Flow.UserProvider");
        self.of_tenant(tenant).ok_or_else(none)
    }

    fn of_tenant(&self, tenant: &Tenant) -> Option<&dyn RegisteredProvider> {
        self.named(tenant.settings.user_provider?.name())
    }

    fn named(&self, wanted: SourceName) -> Option<&dyn RegisteredProvider> {
        let found = self.providers.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, provider)| &**provider)
    }

    fn former_provider(&self, tenant: &Tenant) -> Result<Arc<dyn SignIn>, MissingSetting> {
        let former = tenant.settings.first_login.provider;
        let former = former.ok_or_else(|| MissingSetting::new("Import.FirstLogin"))?;
        match self.named(former.name()) {
            Some(provider) => provider.sign_in(tenant),
            None => Ok(Arc::clone(&self.cognito) as _),
        }
    }
}

/// The former provider of a tenant whose passwords are not checked elsewhere always.
pub(crate) fn first_login_provider(settings: &TenantSettings) -> Option<FormerProvider> {
    let has_other = settings.is_federated() || settings.has_remote_store();
    settings.first_login.provider.filter(|_| !has_other)
}

impl ProviderHealth {
    fn new(provider: &'static str, tenant: &TenantId, health: UpstreamHealth) -> Self {
        Self {
            provider,
            tenant: tenant.to_string(),
            breaker: match health.breaker {
                BreakerState::Closed => "closed",
                BreakerState::HalfOpen => "half_open",
                BreakerState::Open => "open",
            },
            budget_remaining: health.budget_remaining.floor(),
            misconfigured: health.misconfigured,
        }
    }
}

impl Providers for Adapters {
    fn for_tenant(&self, tenant: &Arc<Tenant>) -> Option<Arc<dyn IdentityProvider>> {
        self.of_tenant(tenant).map(|provider| provider.provider(tenant))
    }
}

impl ProviderWriters for Adapters {
    fn writer(
        &self,
        tenant: &Tenant,
        side: AccountSide,
        ability: Ability,
    ) -> Result<Arc<dyn AccountWriter>, MissingSetting> {
        match side {
            AccountSide::Provider => self.written_provider(tenant)?.writer(tenant, ability),
            AccountSide::RemoteStore => self.remote.writer(tenant, ability),
            // It checks passwords, and is never written.
            AccountSide::FormerProvider => Err(MissingSetting::new("Flow.UserProvider")),
        }
    }

    fn sign_in(&self, tenant: &Tenant, side: AccountSide) -> Result<Arc<dyn SignIn>, MissingSetting> {
        match side {
            AccountSide::Provider => self.written_provider(tenant)?.sign_in(tenant),
            AccountSide::RemoteStore => self.remote.sign_in(tenant),
            AccountSide::FormerProvider => self.former_provider(tenant),
        }
    }
}

impl UserScans for Adapters {
    fn for_tenant(&self, tenant: &Arc<Tenant>) -> Option<Arc<dyn UserScan>> {
        self.of_tenant(tenant)?.scan(tenant)
    }
}

/// The options of a client whose addresses are tenants' settings.
pub(crate) fn guarded_options(settings: &ProviderSettings) -> HttpOptions {
    let (allow_private, networks) = match &settings.allow_private_addresses {
        PrivateAddresses::All => (true, Vec::new()),
        PrivateAddresses::Networks(networks) => (false, networks.clone()),
    };
    HttpOptions {
        allow_private,
        networks,
        ..HttpOptions::default()
    }
}

fn parts(settings: &ProviderSettings, clock: &Arc<dyn Clock>) -> Result<AdapterParts, ClientOptionsError> {
    let client = HttpClient::new(HttpOptions {
        connect_timeout: settings.connect_timeout,
        idle_timeout: settings.call_timeout,
        total_timeout: settings.call_timeout,
        max_body_bytes: settings.max_answer_bytes,
        add_trace_headers: Some(add_trace_headers),
        ..guarded_options(settings)
    })?;
    Ok(AdapterParts {
        options: AdapterOptions {
            allow_private: settings.allow_private_addresses.are_allowed(),
            ..AdapterOptions::default()
        },
        client,
        clock: Arc::clone(clock),
        secrets: Arc::new(settings.tenant_secrets()),
    })
}

/// Remote Users APIs, with their own client.
///
/// # Errors
/// The client cannot be created.
pub(crate) fn remote_alone(
    settings: &ProviderSettings,
    clock: &Arc<dyn Clock>,
) -> Result<RemoteSubscribe, ClientOptionsError> {
    Ok(RemoteSubscribe::new(parts(settings, clock)?))
}

/// All errors in a tenant's settings for its provider, now or before, its remote Users API and its imported password hashes.
#[must_use]
pub fn setting_errors(
    tenant: &TenantId,
    settings: &BTreeMap<String, String>,
    options: &ProviderSettings,
) -> Vec<String> {
    let allow_private_addresses = options.allow_private_addresses.are_allowed();
    let (settings, _) = TenantSettings::parse(settings.iter().map(|(name, value)| (&**name, &**value)));
    let own = &settings.provider;
    let provider = settings.user_provider.map(UserProvider::name);
    let provider = provider.or_else(|| first_login_provider(&settings).map(FormerProvider::name));
    let mut errors = provider.map_or_else(Vec::new, |name| {
        let checked = check_settings(name, own, allow_private_addresses);
        checked.err().map_or_else(Vec::new, error_texts)
    });
    if settings.has_remote_store() {
        let parsed = SubscribeSettings::parse(own, allow_private_addresses);
        errors.extend(parsed.err().into_iter().flat_map(error_texts));
    }
    errors.extend(error_texts(hash_secrets::setting_errors(own)));
    let secrets = options.tenant_secrets();
    let objections = own.iter().filter_map(|(name, value)| {
        let objection = secrets.objection(tenant, &secret_place(name, value)?)?;
        Some(format!("{name}: {objection}, or set providers.shared_secrets"))
    });
    errors.extend(objections);
    errors
}

fn check_settings(
    provider: SourceName,
    settings: &SettingMap,
    allow_private_addresses: bool,
) -> Result<(), Vec<ProviderSettingError>> {
    match PROVIDERS.iter().find(|registered| registered.name == provider) {
        Some(registered) => (registered.check_settings)(settings, allow_private_addresses),
        None => CognitoSettings::parse(settings, allow_private_addresses).map(drop),
    }
}

/// The place that a setting of this name has as its value: `{prefix}.…File` or `{prefix}.…Env`.
fn secret_place(name: &str, value: &str) -> Option<SecretPlace> {
    let (_, own) = name.split_once('.')?;
    if own.contains('.') {
        None
    } else if own.ends_with("File") {
        Some(SecretPlace::File(value.trim().into()))
    } else if own.ends_with("Env") {
        Some(SecretPlace::Environment(value.trim().into()))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_provider_has_an_adapter_and_is_documented() {
        let mut registered: Vec<&str> = PROVIDERS.iter().map(|provider| provider.name).collect();
        let mut published: Vec<&str> = UserProvider::ALL.iter().map(|provider| provider.name()).collect();
        registered.sort_unstable();
        published.sort_unstable();
        assert_eq!(registered, published);
        let mut lines = include_str!("../../../docs/operations.md").lines();
        let row = lines.find(|line| line.starts_with("| Flow.UserProvider |")).unwrap();
        assert!(published.iter().all(|name| row.contains(&format!("`{name}`"))), "{row}");
    }
}

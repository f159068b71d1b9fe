//! The outside providers: the list of all adapters, and the adapter of each tenant.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    settings::TenantSettings,
    tenant::{Tenant, TenantId},
};
use masthead_ports::{
    accounts::{Ability, AccountWriter, MissingSetting, SignIn},
    bulk::BulkLookups,
    clock::Clock,
    provider::{AccountSide, IdentityProvider, ProviderWriters, Providers},
    scan::{UserScan, UserScans},
    source::{CallContext, SUBSCRIBE, SourceError, SourceErrorKind, SourceName, UserSource},
};
use masthead_provider_kit::{
    AdapterOptions, AdapterParts, BreakerState, CacheOptions, CachedSource, CheckResult, ClientOptionsError,
    HttpClient, HttpOptions, ProviderRegistration, RegisteredProvider, SecretPlace, UpstreamHealth, error_texts,
};
use masthead_provider_subscribe::{RemoteSubscribe, SubscribeSettings};
use masthead_telemetry::add_trace_headers;
use serde::Serialize;

use crate::{
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
        let all = providers.chain([(SUBSCRIBE, self.remote.inner().health())]);
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
        let wanted = tenant.settings.user_provider?.name();
        let found = self.providers.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, provider)| &**provider)
    }
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
        }
    }

    fn sign_in(&self, tenant: &Tenant, side: AccountSide) -> Result<Arc<dyn SignIn>, MissingSetting> {
        match side {
            AccountSide::Provider => self.written_provider(tenant)?.sign_in(tenant),
            AccountSide::RemoteStore => self.remote.sign_in(tenant),
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

/// All errors in a tenant's settings for its provider, its remote Users API and its imported password hashes.
#[must_use]
pub fn setting_errors(
    tenant: &TenantId,
    settings: &BTreeMap<String, String>,
    options: &ProviderSettings,
) -> Vec<String> {
    let allow_private_addresses = options.allow_private_addresses.are_allowed();
    let (settings, _) = TenantSettings::parse(settings.iter().map(|(name, value)| (&**name, &**value)));
    let own = &settings.provider;
    let provider = settings.user_provider.and_then(|wanted| {
        let named = |provider: &&ProviderRegistration| provider.name == wanted.name();
        PROVIDERS.iter().find(named)
    });
    let mut errors = provider.map_or_else(Vec::new, |provider| {
        (provider.check_settings)(own, allow_private_addresses)
            .err()
            .map_or_else(Vec::new, error_texts)
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
    use masthead_domain::flow::UserProvider;

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

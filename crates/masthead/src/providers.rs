//! The outside providers: which adapter serves a tenant, and the health of each.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    flow::UserProvider,
    settings::TenantSettings,
    tenant::{Tenant, TenantId},
};
use masthead_ports::{
    bulk::BulkLookups,
    clock::Clock,
    provider::{IdentityProvider, Providers},
    scan::{UserScan, UserScans},
    source::{CallContext, SUBSCRIBE, UserSource},
};
use masthead_provider_auth0::{Auth0, Auth0Settings};
use masthead_provider_directory::{Directory, DirectorySettings};
use masthead_provider_firefly::FIREFLY;
use masthead_provider_gigya::{Gigya, GigyaSettings};
use masthead_provider_http::{
    AdapterOptions, BreakerState, Checked, GuardOptions, GuardedSource, Health, HeardSource, HttpClient, HttpOptions,
    InvalidOptions, Secrets,
};
use masthead_provider_ssor::SSOR;
use masthead_provider_subscribe::{RemoteSubscribe, SubscribeSettings};
use serde::Serialize;

use crate::{
    settings::{ProviderSettings, TenantSecrets},
    subscribe::{SubscribeBulk, SubscribeSource},
};

/// A remote Users API is not cached: registrations are always read directly.
const NO_CACHE: GuardOptions = GuardOptions {
    fresh: Duration::ZERO,
    stale: Duration::ZERO,
    stale_after: Duration::ZERO,
    max_answers: 0,
    max_bytes: 0,
};

/// Every adapter of this program; cheap to clone.
#[derive(Clone)]
pub struct Adapters {
    auth0: GuardedSource<Auth0>,
    gigya: GuardedSource<Gigya>,
    ssor: GuardedSource<Directory>,
    firefly: GuardedSource<Directory>,
    remote: GuardedSource<RemoteSubscribe>,
}

/// The state of one tenant's provider, for `/health/ready`; it never makes the service unready, since the store still answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderHealth {
    /// The provider, or `Subscribe` for a remote Users API.
    pub provider: &'static str,
    /// The tenant.
    pub tenant: String,
    /// `closed`, `half_open` or `open`.
    pub breaker: &'static str,
    /// How many calls are possible now.
    pub budget_remaining: f64,
    /// It rejects our credentials or settings: an operator must act.
    pub misconfigured: bool,
}

impl Adapters {
    /// The adapters, which share one outbound client.
    ///
    /// # Errors
    /// The client cannot be created.
    pub fn new(settings: &ProviderSettings, clock: &Arc<dyn Clock>) -> Result<Self, InvalidOptions> {
        let client = client(settings)?;
        let guard = GuardOptions {
            fresh: settings.fresh,
            stale: settings.stale,
            stale_after: settings.stale_after,
            ..GuardOptions::default()
        };
        let options = options(settings);
        let secrets: Arc<dyn Secrets> = Arc::new(TenantSecrets::new(&settings.secrets_folder));
        let auth0 = Auth0::new(options, client.clone(), Arc::clone(clock), Arc::clone(&secrets));
        let gigya = Gigya::new(options, client.clone(), Arc::clone(clock), Arc::clone(&secrets));
        let directory = |preset| {
            let directory = Directory::new(preset, options, client.clone(), Arc::clone(clock), Arc::clone(&secrets));
            GuardedSource::new(directory, guard, Arc::clone(clock))
        };
        Ok(Self {
            remote: GuardedSource::new(remote(settings, client.clone(), clock), NO_CACHE, Arc::clone(clock)),
            ssor: directory(SSOR),
            firefly: directory(FIREFLY),
            auth0: GuardedSource::new(auth0, guard, Arc::clone(clock)),
            gigya: GuardedSource::new(gigya, guard, Arc::clone(clock)),
        })
    }

    /// Sends test requests to this tenant's provider; returns nothing without a provider.
    ///
    /// # Errors
    /// All errors in the provider's settings.
    pub async fn check(
        &self,
        cx: &CallContext,
        known: Option<&CustomerRegistrationId>,
    ) -> Result<Vec<Checked>, Vec<String>> {
        match cx.tenant.settings.user_provider {
            Some(UserProvider::Auth0) => self
                .auth0
                .inner()
                .check(cx, known)
                .await
                .map_err(|all| to_messages(&all)),
            Some(UserProvider::Gigya) => self
                .gigya
                .inner()
                .check(cx, known)
                .await
                .map_err(|all| to_messages(&all)),
            Some(UserProvider::Ssor) => self
                .ssor
                .inner()
                .check(cx, known)
                .await
                .map_err(|all| to_messages(&all)),
            Some(UserProvider::Firefly) => self
                .firefly
                .inner()
                .check(cx, known)
                .await
                .map_err(|all| to_messages(&all)),
            None => Ok(Vec::new()),
        }
    }

    /// The Subscribe source: this store, or the remote Users API that a tenant's settings contain.
    #[must_use]
    pub fn subscribe(&self, store: Arc<dyn UserSource>) -> Arc<dyn UserSource> {
        let remote = self.remote.clone();
        Arc::new(SubscribeSource { store, remote })
    }

    /// The same for bulk lookups.
    #[must_use]
    pub fn subscribe_bulk(&self, store: Arc<dyn BulkLookups>) -> Arc<dyn BulkLookups> {
        let remote = self.remote.clone();
        Arc::new(SubscribeBulk { store, remote })
    }

    /// The state of each provider that was called since the start.
    #[must_use]
    pub fn health(&self) -> Vec<ProviderHealth> {
        let all = [
            (UserProvider::Auth0.name(), self.auth0.inner().health()),
            (UserProvider::Gigya.name(), self.gigya.inner().health()),
            (UserProvider::Ssor.name(), self.ssor.inner().health()),
            (UserProvider::Firefly.name(), self.firefly.inner().health()),
            (SUBSCRIBE, self.remote.inner().health()),
        ];
        let health = all.into_iter().flat_map(|(provider, tenants)| {
            tenants
                .into_iter()
                .map(move |(tenant, health)| ProviderHealth::new(provider, &tenant, health))
        });
        health.collect()
    }
}

impl ProviderHealth {
    fn new(provider: &'static str, tenant: &TenantId, health: Health) -> Self {
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
        Some(match tenant.settings.user_provider? {
            UserProvider::Auth0 => {
                let searchable = self.auth0.inner().searchable(tenant);
                Arc::new(HeardSource::new(self.auth0.clone(), searchable))
            }
            UserProvider::Gigya => {
                let searchable = self.gigya.inner().searchable(tenant);
                Arc::new(HeardSource::new(self.gigya.clone(), searchable))
            }
            UserProvider::Ssor => generic_provider(&self.ssor, tenant),
            UserProvider::Firefly => generic_provider(&self.firefly, tenant),
        })
    }
}

impl UserScans for Adapters {
    fn for_tenant(&self, tenant: &Arc<Tenant>) -> Option<Arc<dyn UserScan>> {
        Some(match tenant.settings.user_provider? {
            UserProvider::Auth0 => Arc::new(self.auth0.clone()),
            UserProvider::Gigya => Arc::new(self.gigya.clone()),
            UserProvider::Ssor => walk(&self.ssor, tenant)?,
            UserProvider::Firefly => walk(&self.firefly, tenant)?,
        })
    }
}

fn walk(directory: &GuardedSource<Directory>, tenant: &Tenant) -> Option<Arc<dyn UserScan>> {
    let walked = directory.inner().can_be_walked(tenant);
    walked.then(|| Arc::new(directory.clone()) as _)
}

fn generic_provider(directory: &GuardedSource<Directory>, tenant: &Tenant) -> Arc<dyn IdentityProvider> {
    let searchable = directory.inner().searchable(tenant);
    Arc::new(HeardSource::new(directory.clone(), searchable))
}

fn options(settings: &ProviderSettings) -> AdapterOptions {
    AdapterOptions {
        allow_private: settings.allow_private_addresses,
        ..AdapterOptions::default()
    }
}

fn client(settings: &ProviderSettings) -> Result<HttpClient, InvalidOptions> {
    HttpClient::new(HttpOptions {
        connect_timeout: settings.connect_timeout,
        idle_timeout: settings.call_timeout,
        total_timeout: settings.call_timeout,
        max_body_bytes: settings.max_answer_bytes,
        allow_private: settings.allow_private_addresses,
        ..HttpOptions::default()
    })
}

/// Remote Users APIs, with a client of their own.
///
/// # Errors
/// The client cannot be created.
pub(crate) fn remote_alone(
    settings: &ProviderSettings,
    clock: &Arc<dyn Clock>,
) -> Result<RemoteSubscribe, InvalidOptions> {
    Ok(remote(settings, client(settings)?, clock))
}

fn remote(settings: &ProviderSettings, client: HttpClient, clock: &Arc<dyn Clock>) -> RemoteSubscribe {
    let secrets = Arc::new(TenantSecrets::new(&settings.secrets_folder));
    RemoteSubscribe::new(options(settings), client, Arc::clone(clock), secrets)
}

/// All errors in a tenant's settings of its provider and of its remote Users API; none if it has neither.
#[must_use]
pub fn setting_errors(settings: &BTreeMap<String, String>, allow_private_addresses: bool) -> Vec<String> {
    let (settings, _) = TenantSettings::parse(settings.iter().map(|(name, value)| (&**name, &**value)));
    let own = &settings.provider;
    let mut errors = match settings.user_provider {
        Some(UserProvider::Auth0) => error_messages(Auth0Settings::parse(own, allow_private_addresses)),
        Some(UserProvider::Ssor) => error_messages(DirectorySettings::parse(&SSOR, own, allow_private_addresses)),
        Some(UserProvider::Firefly) => error_messages(DirectorySettings::parse(&FIREFLY, own, allow_private_addresses)),
        Some(UserProvider::Gigya) => error_messages(GigyaSettings::parse(own, allow_private_addresses)),
        None => Vec::new(),
    };
    if settings.has_remote_store() {
        errors.extend(error_messages(SubscribeSettings::parse(own, allow_private_addresses)));
    }
    errors
}

fn error_messages<T, M: ToString>(parsed: Result<T, Vec<M>>) -> Vec<String> {
    to_messages(&parsed.err().unwrap_or_default())
}

fn to_messages<M: ToString>(errors: &[M]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

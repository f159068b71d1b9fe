//! The outside providers: which adapter answers for a tenant, and how each is.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use masthead_domain::{
    crid::Crid,
    flow::UserProvider,
    settings::TenantSettings,
    tenant::{Tenant, TenantId},
};
use masthead_ports::{
    bulk::BulkLookups,
    clock::Clock,
    provider::{Provider, Providers},
    source::{CallContext, SUBSCRIBE, UserSource},
    walk::{Walk, Walks},
};
use masthead_provider_auth0::{Auth0Adapter, Auth0Settings};
use masthead_provider_firefly::FIREFLY;
use masthead_provider_generic::{GenericAdapter, GenericSettings};
use masthead_provider_gigya::{GigyaAdapter, GigyaSettings};
use masthead_provider_kit::{
    AdapterOptions, BreakerState, CacheOptions, CachedProvider, CachedSource, CheckResult, ClientOptionsError,
    HttpClient, HttpOptions, Secrets, UpstreamHealth,
};
use masthead_provider_ssor::SSOR;
use masthead_provider_subscribe::{RemoteSubscribe, SubscribeSettings};
use serde::Serialize;

use crate::{
    settings::{Places, ProviderSettings},
    subscribe::{Subscribe, SubscribeBulk},
};

/// Our own registrations are not remembered either: what is written there is read at once.
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
    auth0: CachedSource<Auth0Adapter>,
    gigya: CachedSource<GigyaAdapter>,
    ssor: CachedSource<GenericAdapter>,
    firefly: CachedSource<GenericAdapter>,
    remote: CachedSource<RemoteSubscribe>,
}

/// How one tenant's provider is, for `/health/ready`; it never makes the service unready, since the store still answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderHealth {
    /// The provider, or `Subscribe` for a remote Users API.
    pub provider: &'static str,
    /// The tenant.
    pub tenant: String,
    /// `closed`, `half_open` or `open`.
    pub breaker: &'static str,
    /// How many calls could be made now.
    pub budget_remaining: f64,
    /// It rejects our credentials or settings: an operator must act.
    pub misconfigured: bool,
}

impl Adapters {
    /// The adapters, with one outbound client among them.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(settings: &ProviderSettings, clock: &Arc<dyn Clock>) -> Result<Self, ClientOptionsError> {
        let client = client(settings)?;
        let guard = CacheOptions {
            fresh: settings.fresh,
            stale: settings.stale,
            stale_after: settings.stale_after,
            ..CacheOptions::default()
        };
        let options = options(settings);
        let secrets: Arc<dyn Secrets> = Arc::new(Places::new(&settings.secrets_folder));
        let auth0 = Auth0Adapter::new(options, client.clone(), Arc::clone(clock), Arc::clone(&secrets));
        let gigya = GigyaAdapter::new(options, client.clone(), Arc::clone(clock), Arc::clone(&secrets));
        let directory = |preset| {
            let directory =
                GenericAdapter::new(preset, options, client.clone(), Arc::clone(clock), Arc::clone(&secrets));
            CachedSource::new(directory, guard, Arc::clone(clock))
        };
        Ok(Self {
            remote: CachedSource::new(
                remote(settings, client.clone(), clock),
                NOTHING_REMEMBERED,
                Arc::clone(clock),
            ),
            ssor: directory(SSOR),
            firefly: directory(FIREFLY),
            auth0: CachedSource::new(auth0, guard, Arc::clone(clock)),
            gigya: CachedSource::new(gigya, guard, Arc::clone(clock)),
        })
    }

    /// Tries this tenant's provider against its address; nothing where its flow names no provider.
    ///
    /// # Errors
    /// The provider's settings have mistakes: all of them.
    pub async fn check(&self, cx: &CallContext, known: Option<&Crid>) -> Result<Vec<CheckResult>, Vec<String>> {
        match cx.tenant.settings.user_provider {
            Some(UserProvider::Auth0) => self.auth0.inner().check(cx, known).await.map_err(|all| in_words(&all)),
            Some(UserProvider::Gigya) => self.gigya.inner().check(cx, known).await.map_err(|all| in_words(&all)),
            Some(UserProvider::Ssor) => self.ssor.inner().check(cx, known).await.map_err(|all| in_words(&all)),
            Some(UserProvider::Firefly) => self
                .firefly
                .inner()
                .check(cx, known)
                .await
                .map_err(|all| in_words(&all)),
            None => Ok(Vec::new()),
        }
    }

    /// The Subscribe source: this store, or for a tenant whose settings name one, a remote Users API.
    #[must_use]
    pub fn subscribe(&self, store: Arc<dyn UserSource>) -> Arc<dyn UserSource> {
        let remote = self.remote.clone();
        Arc::new(Subscribe { store, remote })
    }

    /// The same for many users at once.
    #[must_use]
    pub fn subscribe_bulk(&self, store: Arc<dyn BulkLookups>) -> Arc<dyn BulkLookups> {
        let remote = self.remote.clone();
        Arc::new(SubscribeBulk { store, remote })
    }

    /// How each provider is that was asked since the start.
    #[must_use]
    pub fn health(&self) -> Vec<ProviderHealth> {
        let all = [
            (UserProvider::Auth0.name(), self.auth0.inner().health()),
            (UserProvider::Gigya.name(), self.gigya.inner().health()),
            (UserProvider::Ssor.name(), self.ssor.inner().health()),
            (UserProvider::Firefly.name(), self.firefly.inner().health()),
            (SUBSCRIBE, self.remote.inner().health()),
        ];
        let told = all.into_iter().flat_map(|(provider, tenants)| {
            tenants
                .into_iter()
                .map(move |(tenant, health)| ProviderHealth::of(provider, &tenant, health))
        });
        told.collect()
    }
}

impl ProviderHealth {
    fn of(provider: &'static str, tenant: &TenantId, health: UpstreamHealth) -> Self {
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
    fn of(&self, tenant: &Arc<Tenant>) -> Option<Arc<dyn Provider>> {
        Some(match tenant.settings.user_provider? {
            UserProvider::Auth0 => {
                let searchable = self.auth0.inner().searchable(tenant);
                Arc::new(CachedProvider::new(self.auth0.clone(), searchable))
            }
            UserProvider::Gigya => {
                let searchable = self.gigya.inner().searchable(tenant);
                Arc::new(CachedProvider::new(self.gigya.clone(), searchable))
            }
            UserProvider::Ssor => described(&self.ssor, tenant),
            UserProvider::Firefly => described(&self.firefly, tenant),
        })
    }
}

impl Walks for Adapters {
    fn of(&self, tenant: &Arc<Tenant>) -> Option<Arc<dyn Walk>> {
        Some(match tenant.settings.user_provider? {
            UserProvider::Auth0 => Arc::new(self.auth0.clone()),
            UserProvider::Gigya => Arc::new(self.gigya.clone()),
            UserProvider::Ssor => walk(&self.ssor, tenant)?,
            UserProvider::Firefly => walk(&self.firefly, tenant)?,
        })
    }
}

fn walk(directory: &CachedSource<GenericAdapter>, tenant: &Tenant) -> Option<Arc<dyn Walk>> {
    let walked = directory.inner().can_be_scanned(tenant);
    walked.then(|| Arc::new(directory.clone()) as _)
}

fn described(directory: &CachedSource<GenericAdapter>, tenant: &Tenant) -> Arc<dyn Provider> {
    let searchable = directory.inner().searchable(tenant);
    Arc::new(CachedProvider::new(directory.clone(), searchable))
}

fn options(settings: &ProviderSettings) -> AdapterOptions {
    AdapterOptions {
        allow_private: settings.allow_private_addresses,
        ..AdapterOptions::default()
    }
}

fn client(settings: &ProviderSettings) -> Result<HttpClient, ClientOptionsError> {
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
/// The client cannot be made.
pub(crate) fn remote_alone(
    settings: &ProviderSettings,
    clock: &Arc<dyn Clock>,
) -> Result<RemoteSubscribe, ClientOptionsError> {
    Ok(remote(settings, client(settings)?, clock))
}

fn remote(settings: &ProviderSettings, client: HttpClient, clock: &Arc<dyn Clock>) -> RemoteSubscribe {
    let secrets = Arc::new(Places::new(&settings.secrets_folder));
    RemoteSubscribe::new(options(settings), client, Arc::clone(clock), secrets)
}

/// What is wrong with a tenant's settings of its provider and of its remote Users API, every mistake at once; nothing where
/// it has neither.
#[must_use]
pub fn mistakes(settings: &BTreeMap<String, String>, allow_private_addresses: bool) -> Vec<String> {
    let (settings, _) = TenantSettings::parse(settings.iter().map(|(name, value)| (&**name, &**value)));
    let own = &settings.provider;
    let mut mistakes = match settings.user_provider {
        Some(UserProvider::Auth0) => told(Auth0Settings::parse(own, allow_private_addresses)),
        Some(UserProvider::Ssor) => told(GenericSettings::parse(&SSOR, own, allow_private_addresses)),
        Some(UserProvider::Firefly) => told(GenericSettings::parse(&FIREFLY, own, allow_private_addresses)),
        Some(UserProvider::Gigya) => told(GigyaSettings::parse(own, allow_private_addresses)),
        None => Vec::new(),
    };
    if settings.subscribe_is_remote() {
        mistakes.extend(told(SubscribeSettings::parse(own, allow_private_addresses)));
    }
    mistakes
}

fn told<T, M: ToString>(parsed: Result<T, Vec<M>>) -> Vec<String> {
    in_words(&parsed.err().unwrap_or_default())
}

fn in_words<M: ToString>(mistakes: &[M]) -> Vec<String> {
    mistakes.iter().map(ToString::to_string).collect()
}

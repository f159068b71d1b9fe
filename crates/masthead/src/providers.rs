//! The outside providers: which adapter answers for a tenant, and how each is.

use std::{collections::BTreeMap, sync::Arc};

use masthead_domain::{
    flow::UserProvider,
    settings::TenantSettings,
    tenant::{Tenant, TenantId},
};
use masthead_ports::{
    clock::Clock,
    provider::{Provider, Providers},
    walk::{Walk, Walks},
};
use masthead_provider_auth0::{Auth0, Auth0Options, Auth0Settings};
use masthead_provider_directory::{Directory, DirectoryOptions, DirectorySettings};
use masthead_provider_firefly::FIREFLY;
use masthead_provider_gigya::{Gigya, GigyaOptions, GigyaSettings};
use masthead_provider_http::{
    BreakerState, GuardOptions, GuardedSource, Health, HeardSource, HttpClient, HttpOptions, Secrets,
};
use masthead_provider_ssor::SSOR;
use serde::Serialize;

use crate::{
    failure::Failure,
    settings::{Places, ProviderSettings},
};

/// Every adapter of this program; cheap to clone.
#[derive(Clone)]
pub struct Adapters {
    auth0: GuardedSource<Auth0>,
    gigya: GuardedSource<Gigya>,
    ssor: GuardedSource<Directory>,
    firefly: GuardedSource<Directory>,
}

/// How one tenant's provider is, for `/health/ready`; it never makes the service unready, since the store still answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderHealth {
    /// The provider.
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
    pub(crate) fn new(settings: &ProviderSettings, clock: &Arc<dyn Clock>) -> Result<Self, Failure> {
        let client = HttpClient::new(HttpOptions {
            connect_timeout: settings.connect_timeout,
            idle_timeout: settings.call_timeout,
            total_timeout: settings.call_timeout,
            max_body_bytes: settings.max_answer_bytes,
            allow_private: settings.allow_private_addresses,
            ..HttpOptions::default()
        })
        .map_err(Failure::when("the client for the providers cannot be made"))?;
        let guard = GuardOptions {
            fresh: settings.fresh,
            stale: settings.stale,
            ..GuardOptions::default()
        };
        let allow_private = settings.allow_private_addresses;
        let secrets: Arc<dyn Secrets> = Arc::new(Places::new(&settings.secrets_folder));
        let auth0 = Auth0::new(
            Auth0Options {
                allow_private,
                ..Auth0Options::default()
            },
            client.clone(),
            Arc::clone(clock),
            Arc::clone(&secrets),
        );
        let gigya = Gigya::new(
            GigyaOptions {
                allow_private,
                ..GigyaOptions::default()
            },
            client.clone(),
            Arc::clone(clock),
            Arc::clone(&secrets),
        );
        let directory = |preset| {
            let options = DirectoryOptions {
                allow_private,
                ..DirectoryOptions::default()
            };
            let directory = Directory::new(preset, options, client.clone(), Arc::clone(clock), Arc::clone(&secrets));
            GuardedSource::new(directory, guard, Arc::clone(clock))
        };
        Ok(Self {
            ssor: directory(SSOR),
            firefly: directory(FIREFLY),
            auth0: GuardedSource::new(auth0, guard, Arc::clone(clock)),
            gigya: GuardedSource::new(gigya, guard, Arc::clone(clock)),
        })
    }

    /// How each provider is that was asked since the start.
    #[must_use]
    pub fn health(&self) -> Vec<ProviderHealth> {
        let all = [
            (UserProvider::Auth0, self.auth0.inner().health()),
            (UserProvider::Gigya, self.gigya.inner().health()),
            (UserProvider::Ssor, self.ssor.inner().health()),
            (UserProvider::Firefly, self.firefly.inner().health()),
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
    fn of(provider: UserProvider, tenant: &TenantId, health: Health) -> Self {
        Self {
            provider: provider.name(),
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
                Arc::new(HeardSource::new(self.auth0.clone(), searchable))
            }
            UserProvider::Gigya => {
                let searchable = self.gigya.inner().searchable(tenant);
                Arc::new(HeardSource::new(self.gigya.clone(), searchable))
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

fn walk(directory: &GuardedSource<Directory>, tenant: &Tenant) -> Option<Arc<dyn Walk>> {
    let walked = directory.inner().can_be_walked(tenant);
    walked.then(|| Arc::new(directory.clone()) as _)
}

fn described(directory: &GuardedSource<Directory>, tenant: &Tenant) -> Arc<dyn Provider> {
    let searchable = directory.inner().searchable(tenant);
    Arc::new(HeardSource::new(directory.clone(), searchable))
}

/// What is wrong with the provider's own settings of a tenant, every mistake at once; nothing where its flow names no
/// provider.
#[must_use]
pub fn mistakes(settings: &BTreeMap<String, String>, allow_private_addresses: bool) -> Vec<String> {
    let (settings, _) = TenantSettings::parse(settings.iter().map(|(name, value)| (&**name, &**value)));
    let own = &settings.provider;
    match settings.user_provider {
        Some(UserProvider::Auth0) => told(Auth0Settings::parse(own, allow_private_addresses)),
        Some(UserProvider::Ssor) => told(DirectorySettings::parse(&SSOR, own, allow_private_addresses)),
        Some(UserProvider::Firefly) => told(DirectorySettings::parse(&FIREFLY, own, allow_private_addresses)),
        Some(UserProvider::Gigya) => told(GigyaSettings::parse(own, allow_private_addresses)),
        None => Vec::new(),
    }
}

fn told<T, M: ToString>(parsed: Result<T, Vec<M>>) -> Vec<String> {
    let mistakes = parsed.err().unwrap_or_default();
    mistakes.iter().map(ToString::to_string).collect()
}

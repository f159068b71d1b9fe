//! The outside providers: which adapter answers for a tenant, and how each is.

use std::{collections::BTreeMap, sync::Arc};

use masthead_domain::{flow::UserProvider, settings::TenantSettings, tenant::Tenant};
use masthead_ports::{
    clock::Clock,
    provider::{Provider, Providers},
};
use masthead_provider_auth0::{AUTH0, Auth0, Auth0Options, Auth0Settings};
use masthead_provider_http::{BreakerState, GuardOptions, GuardedSource, Health, HeardSource, HttpClient, HttpOptions};
use serde::Serialize;

use crate::{
    failure::Failure,
    settings::{Places, ProviderSettings},
    unserved::Unserved,
};

/// Every adapter of this program; cheap to clone.
#[derive(Clone)]
pub struct Adapters {
    auth0: GuardedSource<Auth0>,
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
    pub(crate) fn new(settings: &ProviderSettings, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
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
        let options = Auth0Options {
            allow_private: settings.allow_private_addresses,
            ..Auth0Options::default()
        };
        let auth0 = Auth0::new(
            options,
            client,
            Arc::clone(&clock),
            Arc::new(Places::new(&settings.secrets_folder)),
        );
        Ok(Self {
            auth0: GuardedSource::new(auth0, guard, clock),
        })
    }

    /// How each provider is that was asked since the start.
    #[must_use]
    pub fn health(&self) -> Vec<ProviderHealth> {
        let auth0 = self.auth0.inner().health().into_iter();
        auth0
            .map(|(tenant, health)| {
                let Health {
                    breaker,
                    budget_remaining,
                    misconfigured,
                } = health;
                ProviderHealth {
                    provider: AUTH0,
                    tenant: tenant.to_string(),
                    breaker: match breaker {
                        BreakerState::Closed => "closed",
                        BreakerState::HalfOpen => "half_open",
                        BreakerState::Open => "open",
                    },
                    budget_remaining: budget_remaining.floor(),
                    misconfigured,
                }
            })
            .collect()
    }
}

impl Providers for Adapters {
    fn of(&self, tenant: &Arc<Tenant>) -> Option<Arc<dyn Provider>> {
        Some(match tenant.settings.user_provider? {
            UserProvider::Auth0 => {
                let searchable = self.auth0.inner().searchable(tenant);
                Arc::new(HeardSource::new(self.auth0.clone(), searchable))
            }
            provider @ (UserProvider::Gigya | UserProvider::Ssor | UserProvider::Firefly) => {
                Arc::new(Unserved::new(provider))
            }
        })
    }
}

/// What is wrong with the provider's own settings of a tenant, every mistake at once; nothing where its flow names no
/// provider.
#[must_use]
pub fn mistakes(settings: &BTreeMap<String, String>, allow_private_addresses: bool) -> Vec<String> {
    let (settings, _) = TenantSettings::parse(settings.iter().map(|(name, value)| (&**name, &**value)));
    match settings.user_provider {
        Some(UserProvider::Auth0) => match Auth0Settings::parse(&settings.provider, allow_private_addresses) {
            Ok(_) => Vec::new(),
            Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
        },
        Some(UserProvider::Gigya | UserProvider::Ssor | UserProvider::Firefly) | None => Vec::new(),
    }
}

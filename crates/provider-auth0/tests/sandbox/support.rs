//! A stand-in Auth0 and the adapter that calls it for one tenant.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    account::Account,
    crid::Crid,
    email::EmailKey,
    settings::TenantSettings,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_ports::{
    clock::Clock,
    source::{CallContext, Priority, SourceError, SourceErrorKind, UserSource},
};
use masthead_provider_auth0::Auth0;
use masthead_provider_http::{AdapterOptions, BreakerOptions, HttpClient, HttpOptions, Secret, SecretPlace, Secrets};
use masthead_sandbox::{Auth0Config, Quota, Sandbox};
use masthead_testkit::clock::StoppedClock;
use serde_json::{Value, json};

/// The connection that Auth0 makes by itself.
pub(crate) const DATABASE: &str = "Username-Password-Authentication";

/// The adapter, its tenant, and the Auth0 that it calls.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) auth0: Auth0,
    remake: Box<dyn Fn() -> Auth0 + Send + Sync>,
    pub(crate) tenant: Arc<Tenant>,
}

struct Told(Option<&'static [u8]>);

impl Secrets for Told {
    fn secret(&self, place: &SecretPlace) -> Option<Secret> {
        assert_eq!(*place, SecretPlace::Environment("SANDBOX_SECRET".into()));
        self.0.map(Secret::new)
    }
}

impl World {
    /// A tenant with these users and settings, no quota, and one try for each call.
    pub(crate) async fn with(users: Vec<Value>, settings: &[(&str, &str)]) -> Self {
        Self::patient(users, settings, 1, Some(b"sandbox-client-secret")).await
    }

    /// The same with so many tries for each call, and with this secret.
    pub(crate) async fn patient(
        users: Vec<Value>,
        settings: &[(&str, &str)],
        attempts: u32,
        secret: Option<&'static [u8]>,
    ) -> Self {
        let mut config = Auth0Config {
            users,
            ..Auth0Config::default()
        };
        config.settings.quota = Quota::unlimited();
        config.settings.token_quota = Quota::unlimited();
        let sandbox = Sandbox::start(config).await.unwrap();
        let clock = Arc::new(StoppedClock::default());
        sandbox.clock().freeze_at(clock.now());
        let base = [
            ("Auth0.BaseUrl", sandbox.url()),
            ("Auth0.ClientId", "sandbox-client"),
            ("Auth0.ClientSecretEnv", "SANDBOX_SECRET"),
            ("Auth0.BudgetPerSecond", "1000"),
            ("Auth0.BudgetBurst", "1000"),
        ];
        let (parsed, mistakes) = TenantSettings::parse(base.iter().chain(settings).copied());
        assert_eq!(mistakes, []);
        let tenant = Tenant {
            id: TenantId::parse("north/daily/herald").unwrap(),
            pool: PoolId(1),
            settings: parsed,
        };
        let client = HttpClient::new(HttpOptions {
            connect_timeout: Duration::from_millis(300),
            idle_timeout: Duration::from_millis(300),
            total_timeout: Duration::from_secs(20),
            max_body_bytes: 1024 * 1024,
            allow_private: true,
            ..HttpOptions::default()
        })
        .unwrap();
        let options = AdapterOptions {
            allow_private: true,
            breaker: BreakerOptions {
                min_calls: 1_000,
                ..BreakerOptions::default()
            },
            attempts,
            backoff: Duration::from_millis(5),
        };
        let remake = Box::new(move || {
            Auth0::new(
                options,
                client.clone(),
                Arc::clone(&clock) as Arc<dyn Clock>,
                Arc::new(Told(secret)),
            )
        });
        Self {
            sandbox,
            auth0: remake(),
            remake,
            tenant: Arc::new(tenant),
        }
    }

    /// The adapter, to put something around it; another stays in its place.
    pub(crate) fn take_auth0(mut self) -> (Auth0, Self) {
        let another = (self.remake)();
        (std::mem::replace(&mut self.auth0, another), self)
    }

    pub(crate) fn cx(&self) -> CallContext {
        let deadline = Instant::now() + Duration::from_mins(1);
        CallContext::new(Arc::clone(&self.tenant), deadline, Priority::Interactive)
    }

    pub(crate) async fn by_id(&self, id: &str) -> Result<Option<Account>, SourceError> {
        self.auth0.by_id(&self.cx(), &crid(id)).await
    }

    pub(crate) async fn by_email(&self, email: &str) -> Result<Vec<Account>, SourceError> {
        self.auth0.by_email(&self.cx(), &EmailKey::of(email)).await
    }

    /// The ids of the users with this address.
    pub(crate) async fn ids_by_email(&self, email: &str) -> Vec<String> {
        ids(&self.by_email(email).await.unwrap())
    }

    /// The method, path and text after `?` of what was asked of the API, tokens apart.
    pub(crate) fn asked(&self) -> Vec<(String, String, String)> {
        let log = self
            .sandbox
            .log()
            .into_iter()
            .filter(|entry| entry.path != "/oauth/token");
        log.map(|entry| (entry.method, entry.path, entry.query)).collect()
    }
}

pub(crate) fn crid(id: &str) -> Crid {
    Crid::parse(id).unwrap()
}

pub(crate) fn ids(accounts: &[Account]) -> Vec<String> {
    accounts
        .iter()
        .map(|account| account.crid.as_str().to_owned())
        .collect()
}

pub(crate) fn kind<T: std::fmt::Debug>(answer: Result<T, SourceError>) -> SourceErrorKind {
    answer.unwrap_err().kind
}

/// A user of Auth0's own database.
pub(crate) fn reader(own_id: &str, email: &str) -> Value {
    user("auth0", DATABASE, own_id, email)
}

/// A user of any connection.
pub(crate) fn user(provider: &str, connection: &str, own_id: &str, email: &str) -> Value {
    json!({
        "user_id": format!("{provider}|{own_id}"), "email": email, "email_verified": true,
        "given_name": "Ann", "family_name": "Lee", "created_at": "2024-01-02T03:04:05.678Z",
        "identities": [{"provider": provider, "connection": connection, "user_id": own_id, "isSocial": provider != "auth0"}],
    })
}

//! A stand-in Auth0 and the adapter that calls it for one tenant.

use std::sync::Arc;

use masthead_domain::tenant::Tenant;
use masthead_ports::{clock::Clock, source::UserSource};
use masthead_provider_auth0::Auth0Adapter;
use masthead_sandbox::{Auth0Config, Quota, Sandbox};
pub(crate) use masthead_testkit::asking::{Asking, crid, ids, kind};
use masthead_testkit::{clock::StoppedClock, tenants::tenant};
use serde_json::{Value, json};

use masthead_provider_kit::testing::{SECRET_ENV, TestSecrets, adapter_options, client};

/// The connection that Auth0 makes by itself.
pub(crate) const DATABASE: &str = "Username-Password-Authentication";

/// The adapter, its tenant, and the Auth0 that it calls.
pub(crate) struct Auth0Fixture {
    pub(crate) sandbox: Sandbox,
    pub(crate) auth0: Auth0Adapter,
    remake: Box<dyn Fn() -> Auth0Adapter + Send + Sync>,
    pub(crate) tenant: Arc<Tenant>,
}

impl Asking for Auth0Fixture {
    fn source(&self) -> &dyn UserSource {
        &self.auth0
    }

    fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }
}

impl Auth0Fixture {
    /// A tenant with these users and settings, no quota, and one try for each call.
    pub(crate) async fn with(users: Vec<Value>, settings: &[(&str, &str)]) -> Self {
        Self::patient(users, settings, 1, Some("sandbox-client-secret")).await
    }

    /// The same with so many tries for each call, and with this secret.
    pub(crate) async fn patient(
        users: Vec<Value>,
        settings: &[(&str, &str)],
        attempts: u32,
        secret: Option<&str>,
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
            ("Auth0.ClientSecretEnv", SECRET_ENV),
            ("Auth0.BudgetPerSecond", "1000"),
            ("Auth0.BudgetBurst", "1000"),
        ];
        let settings: Vec<_> = base.iter().chain(settings).copied().collect();
        let tenant = Arc::new(tenant("north/daily/herald", 1, &settings));
        let client = client();
        let secret = secret.map(str::to_owned);
        let remake = Box::new(move || {
            Auth0Adapter::new(
                adapter_options(attempts),
                client.clone(),
                Arc::clone(&clock) as Arc<dyn Clock>,
                Arc::new(TestSecrets(secret.clone())),
            )
        });
        Self {
            sandbox,
            auth0: remake(),
            remake,
            tenant,
        }
    }

    /// The adapter, to put something around it; another stays in its place.
    pub(crate) fn take_adapter(mut self) -> (Auth0Adapter, Self) {
        let another = (self.remake)();
        (std::mem::replace(&mut self.auth0, another), self)
    }

    /// The method, path and text after `?` of what was asked of the API, tokens apart.
    pub(crate) fn requests(&self) -> Vec<(String, String, String)> {
        let log = self
            .sandbox
            .log()
            .into_iter()
            .filter(|entry| entry.path != "/oauth/token");
        log.map(|entry| (entry.method, entry.path, entry.query)).collect()
    }
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

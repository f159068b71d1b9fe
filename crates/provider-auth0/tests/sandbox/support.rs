//! The sandbox of Auth0, and its users.

use masthead_provider_auth0::Auth0Adapter;
use masthead_provider_testkit::AdapterFixture;
pub(crate) use masthead_provider_testkit::{SourceClient, assert_differs, ids, kind, listing};
use masthead_sandbox::{Auth0Config, Quota};
use serde_json::{Value, json};

/// The default database connection of Auth0.
pub(crate) const DATABASE: &str = "Username-Password-Authentication";

/// The secret of the sandbox's application.
pub(crate) const SECRET: &str = "sandbox-client-secret";

pub(crate) type Auth0Fixture = AdapterFixture<Auth0Adapter>;

/// A tenant with these users and settings, no quota, and one attempt for each call.
pub(crate) async fn with(users: Vec<Value>, settings: &[(&str, &str)]) -> Auth0Fixture {
    with_attempts(users, settings, 1, Some(SECRET)).await
}

/// A tenant with this many attempts for each call, and this secret.
pub(crate) async fn with_attempts(
    users: Vec<Value>,
    settings: &[(&str, &str)],
    attempts: u32,
    secret: Option<&str>,
) -> Auth0Fixture {
    let mut config = Auth0Config {
        users,
        ..Auth0Config::default()
    };
    config.settings.quota = Quota::unlimited();
    let base = [("ClientId", "sandbox-client"), ("ClientSecretEnv", "SANDBOX_SECRET")];
    let settings: Vec<_> = base.iter().chain(settings).copied().collect();
    let secret = secret.map(str::to_owned);
    AdapterFixture::start(config, "Auth0", &settings, secret, attempts, Auth0Adapter::new).await
}

/// The method, path and query of each API request, without those for tokens.
pub(crate) fn requests(fixture: &Auth0Fixture) -> Vec<(String, String, String)> {
    let log = fixture.sandbox.log().into_iter();
    let calls = log.filter(|entry| entry.path != "/oauth/token");
    calls.map(|entry| (entry.method, entry.path, entry.query)).collect()
}

/// A user of Auth0's own database.
pub(crate) fn reader(own_id: &str, email: &str) -> Value {
    user("auth0", DATABASE, own_id, email)
}

pub(crate) fn user(provider: &str, connection: &str, own_id: &str, email: &str) -> Value {
    json!({
        "user_id": format!("{provider}|{own_id}"), "email": email, "email_verified": true,
        "given_name": "Ann", "family_name": "Lee", "created_at": "2024-01-02T03:04:05.678Z",
        "identities": [{"provider": provider, "connection": connection, "user_id": own_id, "isSocial": provider != "auth0"}],
    })
}

//! The sandbox user pool, and its users.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_ports::{
    accounts::{SignIn as _, SignInAnswer, SignInAttempt},
    passwords::PlainPassword,
    source::{CallContext, Priority, SourceError},
};
use masthead_provider_cognito::CognitoAdapter;
use masthead_provider_testkit::AdapterFixture;
use masthead_sandbox::{CognitoConfig, CognitoStubSettings};
use serde_json::{Value, json};

/// The secret of the sandbox's app client.
pub(crate) const SECRET: &str = "sandbox-cognito-secret";
pub(crate) const PASSWORD: &str = "Sandbox-password-1";

pub(crate) type CognitoFixture = AdapterFixture<CognitoAdapter>;

/// A pool with these users, whose app client has a secret.
pub(crate) async fn with(users: Vec<Value>) -> CognitoFixture {
    with_secret(users, Some(SECRET), CognitoStubSettings::default()).await
}

/// The same with other settings of the pool, and this secret in the tenant's settings.
pub(crate) async fn with_secret(
    users: Vec<Value>,
    secret: Option<&str>,
    settings: CognitoStubSettings,
) -> CognitoFixture {
    let mut named = vec![("ClientId", "sandboxclient0123456789ab")];
    if secret.is_some() {
        named.push(("ClientSecretEnv", "SANDBOX_SECRET"));
    }
    let config = CognitoConfig { settings, users };
    let secret = secret.map(str::to_owned);
    AdapterFixture::start(config, "Cognito", &named, secret, 1, CognitoAdapter::new).await
}

/// A confirmed user with a verified address.
pub(crate) fn reader(name: &str, email: &str) -> Value {
    json!({
        "Username": name, "Enabled": true, "UserStatus": "CONFIRMED", "password": PASSWORD,
        "Attributes": [
            {"Name": "sub", "Value": format!("sub-{name}")},
            {"Name": "email", "Value": email},
            {"Name": "email_verified", "Value": "true"},
        ],
    })
}

/// Tries a password.
pub(crate) async fn sign_in(
    fixture: &CognitoFixture,
    login: &str,
    password: &str,
) -> Result<SignInAnswer, SourceError> {
    let deadline = Instant::now() + Duration::from_mins(1);
    let cx = CallContext::new(Arc::clone(&fixture.tenant), deadline, Priority::Interactive);
    let password = PlainPassword::new(password);
    let attempt = SignInAttempt {
        login,
        password: &password,
        address: None,
    };
    fixture.adapter.sign_in(&cx, &attempt).await
}

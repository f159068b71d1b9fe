//! The sandbox of Gigya, and its accounts.

use masthead_provider_gigya::GigyaAdapter;
use masthead_provider_testkit::AdapterFixture;
pub(crate) use masthead_provider_testkit::{SourceClient, assert_differs, crid, ids, kind, listing};
use masthead_sandbox::{GigyaApplication, GigyaConfig};
use serde_json::{Value, json};

pub(crate) const AUTH_METHODS: [&str; 3] = ["signed", "secret", "bearer"];

pub(crate) type GigyaFixture = AdapterFixture<GigyaAdapter>;

/// A tenant with these accounts and settings, no quota, and one attempt for each call.
pub(crate) async fn with(accounts: Vec<Value>, settings: &[(&str, &str)]) -> GigyaFixture {
    with_attempts(accounts, settings, 1).await
}

/// A tenant with this many attempts for each call.
pub(crate) async fn with_attempts(accounts: Vec<Value>, settings: &[(&str, &str)], attempts: u32) -> GigyaFixture {
    let application = GigyaApplication::default();
    let secret = if is_bearer(settings) {
        application.private_key_pem().unwrap()
    } else {
        application.secret
    };
    with_secret(accounts, settings, attempts, Some(secret)).await
}

/// A tenant with another secret, or none.
pub(crate) async fn with_secret(
    accounts: Vec<Value>,
    settings: &[(&str, &str)],
    attempts: u32,
    secret: Option<String>,
) -> GigyaFixture {
    let config = GigyaConfig {
        accounts,
        ..GigyaConfig::default()
    };
    let place = if is_bearer(settings) {
        "PrivateKeyEnv"
    } else {
        "SecretEnv"
    };
    let base = [
        ("ApiKey", "3_sandbox-api-key"),
        ("UserKey", "sandbox-user-key"),
        (place, "SANDBOX_SECRET"),
    ];
    let settings: Vec<_> = base.iter().chain(settings).copied().collect();
    AdapterFixture::start(config, "Gigya", &settings, secret, attempts, GigyaAdapter::new).await
}

fn is_bearer(settings: &[(&str, &str)]) -> bool {
    settings.contains(&("Gigya.Auth", "bearer"))
}

pub(crate) fn called(fixture: &GigyaFixture) -> Vec<String> {
    let log = fixture.sandbox.log().into_iter();
    log.map(|entry| entry.path.trim_start_matches("/accounts.").to_owned())
        .collect()
}

pub(crate) fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

/// An account that signs in with its address.
pub(crate) fn reader(uid: &str, email: &str) -> Value {
    let mut account = social(uid, email);
    account["loginIDs"] = json!({"emails": [email], "unverifiedEmails": []});
    account["loginProvider"] = "site".into();
    account
}

/// An account whose address is only in its profile.
pub(crate) fn social(uid: &str, email: &str) -> Value {
    json!({
        "UID": uid, "isRegistered": true, "isActive": true, "isVerified": true, "loginProvider": "googleplus",
        "created": "2024-01-02T03:04:05.678Z", "registered": "2024-01-02T03:04:05.678Z",
        "lastUpdated": "2024-01-02T03:04:05.678Z",
        "profile": {"firstName": "Ann", "lastName": "Lee", "email": email}, "data": {},
        "loginIDs": {"emails": [], "unverifiedEmails": []}, "emails": {"verified": [email], "unverified": []},
    })
}

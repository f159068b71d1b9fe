//! Support for the tests of adapters: options, secrets, and the scripted server of the HTTP client.
#![expect(clippy::missing_panics_doc, reason = "tests")]

use std::time::Duration;

use masthead_domain::tenant::TenantId;
pub use masthead_http_client::testing::{PATIENCE, RecordedRequest, ScriptedServer, client, json, later};

use crate::{
    AdapterOptions, BreakerOptions, ProviderSettingError, ProviderSettingSpec, Secret, SecretPlace, Secrets, SettingMap,
};

/// The place of the one secret of a test.
pub const SECRET_ENV: &str = "SANDBOX_SECRET";

/// Options with this many attempts for each call, and a breaker that stays closed.
#[must_use]
pub fn adapter_options(attempts: u32) -> AdapterOptions {
    AdapterOptions {
        allow_private: true,
        breaker: BreakerOptions {
            min_calls: 1_000,
            ..BreakerOptions::default()
        },
        attempts,
        backoff: Duration::from_millis(5),
    }
}

/// The secret at [`SECRET_ENV`], or none.
#[derive(Debug)]
pub struct TestSecrets(pub Option<String>);

impl Secrets for TestSecrets {
    fn secret(&self, _: &TenantId, place: &SecretPlace) -> Option<Secret> {
        assert_eq!(*place, SecretPlace::Environment(SECRET_ENV.into()));
        self.0.as_ref().map(|text| Secret::new(text.as_bytes()))
    }
}

/// Settings from pairs.
#[must_use]
pub fn setting_map(pairs: &[(&str, &str)]) -> SettingMap {
    let pairs = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    pairs.collect()
}

/// The setting that each error names.
#[must_use]
pub fn error_names(errors: &[ProviderSettingError]) -> Vec<String> {
    errors.iter().map(|error| error.name.to_string()).collect()
}

/// Asserts that the errors name all of these settings, and contain neither the text `SENTINEL` nor another prefix.
pub fn assert_errors_name(errors: &[ProviderSettingError], names: &[&str], other_prefix: &str) {
    let shown = format!("{errors:?}");
    for name in names {
        assert!(shown.contains(name), "{name}: {shown}");
    }
    assert!(!shown.contains("SENTINEL") && !shown.contains(other_prefix), "{shown}");
}

/// Asserts that a table of the documentation has a row for each setting.
pub fn assert_documented(docs: &str, specs: &[ProviderSettingSpec]) {
    for ProviderSettingSpec { name, values, meaning } in specs {
        let row = format!("| {name} | {values} | {meaning} |");
        assert!(docs.contains(&row), "{row}");
    }
}

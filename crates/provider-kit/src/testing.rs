//! Support for the tests of adapters: options, secrets, and the scripted server of the HTTP client.
#![expect(clippy::missing_panics_doc, reason = "tests")]

use std::time::Duration;

pub use masthead_http_client::testing::{PATIENCE, RecordedRequest, ScriptedServer, client, json, later};

use crate::{AdapterOptions, BreakerOptions, Secret, SecretPlace, Secrets};

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
    fn secret(&self, place: &SecretPlace) -> Option<Secret> {
        assert_eq!(*place, SecretPlace::Environment(SECRET_ENV.into()));
        self.0.as_ref().map(|text| Secret::new(text.as_bytes()))
    }
}

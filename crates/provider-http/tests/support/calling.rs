//! How an adapter under test calls a stand-in; the tests of every provider's crate take it in.

use std::time::Duration;

use masthead_provider_http::{AdapterOptions, BreakerOptions, HttpClient, HttpOptions, Secret, SecretPlace, Secrets};

/// Longer than a busy machine stalls.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where the one secret of a test is.
pub(crate) const SECRET_ENV: &str = "SANDBOX_SECRET";

/// A client that calls this machine too, and waits for it.
pub(crate) fn client() -> HttpClient {
    HttpClient::new(HttpOptions {
        connect_timeout: PATIENCE,
        idle_timeout: PATIENCE,
        total_timeout: PATIENCE,
        max_body_bytes: 4 * 1024 * 1024,
        allow_private: true,
        ..HttpOptions::default()
    })
    .unwrap()
}

/// So many tries for each call, and a breaker that no test opens.
pub(crate) fn options(attempts: u32) -> AdapterOptions {
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
pub(crate) struct TestSecrets(pub(crate) Option<String>);

impl Secrets for TestSecrets {
    fn secret(&self, place: &SecretPlace) -> Option<Secret> {
        assert_eq!(*place, SecretPlace::Environment(SECRET_ENV.into()));
        self.0.as_ref().map(|text| Secret::new(text.as_bytes()))
    }
}

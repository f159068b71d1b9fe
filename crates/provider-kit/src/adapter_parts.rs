//! What the server provides to each adapter.

use std::{sync::Arc, time::Duration};

use masthead_http_client::HttpClient;
use masthead_ports::clock::Clock;

use crate::{breaker::BreakerOptions, secrets::Secrets};

/// The options of calls, equal for all tenants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdapterOptions {
    /// Accepts addresses with plain http; the client refuses it where the address is not allowed.
    pub allow_private: bool,
    /// The circuit breaker of each tenant.
    pub breaker: BreakerOptions,
    /// The number of attempts of a reading call.
    pub attempts: u32,
    /// The pause before the second attempt.
    pub backoff: Duration,
}

impl Default for AdapterOptions {
    fn default() -> Self {
        Self {
            allow_private: false,
            breaker: BreakerOptions::default(),
            attempts: 2,
            backoff: Duration::from_millis(100),
        }
    }
}

/// What the server provides to each adapter.
#[derive(Clone)]
pub struct AdapterParts {
    /// The options of calls.
    pub options: AdapterOptions,
    /// The outbound client.
    pub client: HttpClient,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The lookup of secrets.
    pub secrets: Arc<dyn Secrets>,
}

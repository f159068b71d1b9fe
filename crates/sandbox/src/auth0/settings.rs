//! What the simulated Auth0 starts with, and the settings that change while it runs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::quota::Quota;
use crate::stub::StubSettings;

/// What a simulated Auth0 starts with, and returns to when it is reset.
#[derive(Debug, Clone)]
pub struct Auth0Config {
    /// The tenant's settings.
    pub settings: Auth0StubSettings,
    /// The applications that may request tokens; by default one.
    pub clients: Vec<Auth0Client>,
    /// The users in Auth0's format, each with a `user_id`. They are stored unchanged.
    pub users: Vec<Value>,
}

impl Default for Auth0Config {
    fn default() -> Self {
        Self {
            settings: Auth0StubSettings::default(),
            clients: vec![Auth0Client::default()],
            users: Vec::new(),
        }
    }
}

/// A machine-to-machine application of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth0Client {
    /// The client id.
    pub client_id: String,
    /// The client secret.
    pub client_secret: String,
}

impl Default for Auth0Client {
    fn default() -> Self {
        Self {
            client_id: "sandbox-client".into(),
            client_secret: "sandbox-client-secret".into(),
        }
    }
}

/// The settings of the simulated tenant. In JSON every member is optional and has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Auth0StubSettings {
    /// The Management API's quota.
    pub quota: Quota,
    /// How long a change stays hidden from `GET /users`, in milliseconds. Reads by id and by e-mail see it at once.
    pub search_lag_ms: u64,
    /// How long an access token lives, in seconds.
    pub token_lifetime_s: u64,
    /// The longest page, below the documented maximum of 100: the documentation names 50 and 100, so a client must not
    /// rely on the page size that it requested.
    pub longest_page: u64,
    /// Whether a pattern with a leading wildcard exceeds the two seconds that a search may take (503).
    pub slow_wildcards: bool,
}

impl Default for Auth0StubSettings {
    fn default() -> Self {
        Self {
            quota: Quota::enterprise(),
            search_lag_ms: 0,
            token_lifetime_s: 86_400,
            longest_page: 100,
            slow_wildcards: false,
        }
    }
}

impl StubSettings for Auth0StubSettings {
    fn quota(&self) -> Quota {
        self.quota
    }

    fn search_lag_ms(&self) -> u64 {
        self.search_lag_ms
    }
}

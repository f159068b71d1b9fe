//! What can be set on the stand-in Auth0 while it runs.

use serde::{Deserialize, Serialize};

use crate::quota::Quota;

/// A machine-to-machine application of the tenant.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Auth0Client {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// What it may be granted on the Management API; empty means that it has no grant at all.
    pub scopes: Vec<String>,
}

impl std::fmt::Debug for Auth0Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth0Client")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Default for Auth0Client {
    fn default() -> Self {
        let scopes = [
            "read:users",
            "create:users",
            "update:users",
            "update:users_app_metadata",
            "delete:users",
        ];
        Self {
            client_id: "sandbox-client".into(),
            client_secret: "sandbox-client-secret".into(),
            scopes: scopes.map(Into::into).to_vec(),
        }
    }
}

/// How the tenant is set up. Every part may be left out in JSON, and then keeps its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Auth0StubSettings {
    /// The Management API's quota.
    pub quota: Quota,
    /// The token endpoint's quota.
    pub token_quota: Quota,
    /// How long a change stays hidden from `GET /users`, in milliseconds. Reads by id and by e-mail see it at once.
    pub search_lag_ms: u64,
    /// How long an access token lives, in seconds.
    pub token_lifetime_s: u64,
    /// What a page is cut to, silently, below the documented maximum of 100: the docs name 50 and 100, so nobody may
    /// assume that a page is as long as asked.
    pub longest_page: u64,
    /// Whether a pattern with a leading wildcard exceeds the two seconds that a search may take (503).
    pub slow_wildcards: bool,
    /// Whether long answers are packed for callers that take gzip, as the real edge does.
    pub compress: bool,
    /// Database connections: here an e-mail is lower-cased and needs a password, and profiles may be changed.
    pub databases: Vec<String>,
    /// Passwordless and social connections of the tenant.
    pub connections: Vec<String>,
}

impl Default for Auth0StubSettings {
    fn default() -> Self {
        Self {
            quota: Quota::enterprise(),
            token_quota: Quota {
                burst: 30,
                per_second: 30,
            },
            search_lag_ms: 0,
            token_lifetime_s: 86_400,
            longest_page: 100,
            slow_wildcards: false,
            compress: true,
            databases: vec!["Username-Password-Authentication".into(), "imported-readers".into()],
            connections: vec!["email".into(), "sms".into(), "google-oauth2".into(), "facebook".into()],
        }
    }
}

//! What the simulated Gigya starts with, its settings, and the applications that may call it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::quota::Quota;
use crate::rs256::PRIVATE_KEYS;
use crate::stub::StubSettings;

/// What a simulated Gigya starts with, and returns to when it is reset.
#[derive(Debug, Clone)]
pub struct GigyaConfig {
    /// The site's settings.
    pub settings: GigyaStubSettings,
    /// The applications that may call it; by default one with every permission and a key pair.
    pub applications: Vec<GigyaApplication>,
    /// The accounts in Gigya's format, each with a `UID`. They are stored unchanged, except that a text in `password`
    /// becomes the account's password.
    pub accounts: Vec<Value>,
}

impl Default for GigyaConfig {
    fn default() -> Self {
        Self {
            settings: GigyaStubSettings::default(),
            applications: vec![GigyaApplication::default()],
            accounts: Vec::new(),
        }
    }
}

/// An application of the console: a user key with its secret, and perhaps a key pair for bearer tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct GigyaApplication {
    /// The user key.
    pub user_key: String,
    /// The secret in base64, as the console shows it; the decoded bytes are the key of signatures.
    pub secret: String,
    /// Which of the sandbox's three throw-away key pairs (0 to 2) is registered for bearer tokens.
    pub key: Option<usize>,
    /// Methods that its permission group leaves out, e.g. `accounts.deleteAccount`: 403007.
    pub denied: Vec<String>,
}

impl std::fmt::Debug for GigyaApplication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GigyaApplication")
            .field("user_key", &self.user_key)
            .field("denied", &self.denied)
            .finish_non_exhaustive()
    }
}

impl Default for GigyaApplication {
    fn default() -> Self {
        Self {
            user_key: "sandbox-user-key".into(),
            secret: STANDARD.encode("sandbox-gigya-secret"),
            key: Some(0),
            denied: Vec::new(),
        }
    }
}

impl GigyaApplication {
    /// The private key of its key pair, PKCS #8 in PEM, as the console shows it once.
    #[must_use]
    pub fn private_key_pem(&self) -> Option<String> {
        let text = STANDARD.encode(PRIVATE_KEYS.get(self.key?)?);
        let lines: Vec<&str> = (0..text.len())
            .step_by(64)
            .map(|at| &text[at..text.len().min(at + 64)])
            .collect();
        Some(format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        ))
    }
}

/// The settings of the simulated site. In JSON every member is optional and has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of a console, not states"
)]
pub struct GigyaStubSettings {
    /// The site's API key.
    pub api_key: String,
    /// The data centre of the site.
    pub data_center: String,
    /// The data centre of the sandbox's own address, when it is another one: then every call is 301001. A `host` of the
    /// form `accounts.{dc}.gigya.com` takes precedence.
    pub served_data_center: Option<String>,
    /// Whether calls count as HTTPS, which loopback does not have. When not, a secret in the body is 403006.
    pub https: bool,
    /// The quota of calls; SAP publishes no figure.
    pub quota: Quota,
    /// How long a change stays hidden from `accounts.search`, in milliseconds (the real one: a second, 30 at worst).
    pub search_lag_ms: u64,
    /// How far a request's `timestamp` (or a token's `iat`) may differ from the clock, in seconds.
    pub request_lifetime_s: u64,
    /// Whether a cursor's batches are half of `LIMIT`: their size is not guaranteed.
    pub short_batches: bool,
    /// Whether each batch of a cursor but the first begins with the last account of the batch before, and so misses one: the
    /// real one does not rule out duplicates between pages. The counts stay the same.
    pub overlapping_batches: bool,
    /// Wrong passwords after which an account is locked.
    pub lockout_after: u64,
    /// How long it then stays locked, in seconds.
    pub lockout_s: u64,
    /// Whether an address must be verified before the account can be used: 206002.
    pub require_verification: bool,
    /// The minimum password length.
    pub shortest_password: usize,
    /// The content type of responses. The real one is believed to send `text/javascript`; no document confirms it.
    pub content_type: String,
    /// Whether long responses are compressed for clients that accept gzip.
    pub compress: bool,
}

impl Default for GigyaStubSettings {
    fn default() -> Self {
        Self {
            api_key: "3_sandbox-api-key".into(),
            data_center: "eu1".into(),
            served_data_center: None,
            https: true,
            quota: Quota::unlimited(),
            search_lag_ms: 0,
            request_lifetime_s: 300,
            short_batches: false,
            overlapping_batches: false,
            lockout_after: 5,
            lockout_s: 300,
            require_verification: false,
            shortest_password: 8,
            content_type: "text/javascript; charset=utf-8".into(),
            compress: true,
        }
    }
}

impl StubSettings for GigyaStubSettings {
    fn quota(&self) -> Quota {
        self.quota
    }

    fn search_lag_ms(&self) -> u64 {
        self.search_lag_ms
    }

    fn compress(&self) -> bool {
        self.compress
    }
}

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
    /// The applications that may call it; by default one with a key pair.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GigyaApplication {
    /// The user key.
    pub user_key: String,
    /// The secret in base64, as the console shows it; the decoded bytes are the key of signatures.
    pub secret: String,
    /// Which of the sandbox's three throw-away key pairs (0 to 2) is registered for bearer tokens.
    pub key: Option<usize>,
}

impl Default for GigyaApplication {
    fn default() -> Self {
        Self {
            user_key: "sandbox-user-key".into(),
            secret: STANDARD.encode("sandbox-gigya-secret"),
            key: Some(0),
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
    /// The data centre of the sandbox's address, when it is not that of the site: then every call is 301001.
    pub served_data_center: Option<String>,
    /// Whether calls count as HTTPS, which loopback does not have. When not, a secret in the body is 403006.
    pub https: bool,
    /// The quota of calls; SAP publishes no figure.
    pub quota: Quota,
    /// How long a change stays hidden from `accounts.search`, in milliseconds (the real one: a second, 30 at worst).
    pub search_lag_ms: u64,
    /// Whether a cursor's batches are half of `LIMIT`: their size is not guaranteed.
    pub short_batches: bool,
    /// Whether each batch of a cursor but the first begins with the last account of the batch before, and so misses one: the
    /// real one does not rule out duplicates between pages. The counts stay the same.
    pub overlapping_batches: bool,
    /// Whether an address must be verified before the account can be used: 206002.
    pub require_verification: bool,
}

impl Default for GigyaStubSettings {
    fn default() -> Self {
        Self {
            api_key: "3_sandbox-api-key".into(),
            served_data_center: None,
            https: true,
            quota: Quota::unlimited(),
            search_lag_ms: 0,
            short_batches: false,
            overlapping_batches: false,
            require_verification: false,
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
}

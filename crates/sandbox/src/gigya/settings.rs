//! What can be set on the stand-in Gigya, and the applications that may call it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::quota::Quota;

/// The sandbox's three throw-away key pairs; see keys/README.md.
const KEYS: [&[u8]; 3] = [
    include_bytes!("../../keys/1.pkcs8.der"),
    include_bytes!("../../keys/2.pkcs8.der"),
    include_bytes!("../../keys/3.pkcs8.der"),
];

/// An application of the console: a user key with its secret, and perhaps a key pair for bearer tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct GigyaApplication {
    /// The user key that names it.
    pub user_key: String,
    /// Its secret, base64 as the console shows it: a signature's key is what it decodes to.
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
    /// The private half of its key pair, PKCS #8 in PEM, as the console hands it out once.
    #[must_use]
    pub fn private_key_pem(&self) -> Option<String> {
        let text = STANDARD.encode(self.pkcs8()?);
        let lines: Vec<&str> = (0..text.len())
            .step_by(64)
            .map(|at| &text[at..text.len().min(at + 64)])
            .collect();
        Some(format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        ))
    }

    pub(super) fn pkcs8(&self) -> Option<&'static [u8]> {
        KEYS.get(self.key?).copied()
    }
}

/// How the site is set up. Every part may be left out in JSON, and then keeps its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of a console, not states"
)]
pub struct GigyaStubSettings {
    /// The site's API key.
    pub api_key: String,
    /// The data centre that the site lives in.
    pub data_center: String,
    /// The data centre that the sandbox's own address belongs to, when it is another one: then every call is 301001.
    /// A `host` of the shape `accounts.{dc}.gigya.com` says it for itself.
    pub served_data_center: Option<String>,
    /// Whether a call counts as one over HTTPS: loopback has no TLS. When not, a secret in the body is 403006.
    pub https: bool,
    /// What an application may call; SAP publishes no figure.
    pub quota: Quota,
    /// What callers without an application's credentials may call: they get the harsher limits of a browser.
    pub client_quota: Quota,
    /// How long a change stays hidden from `accounts.search`, in milliseconds (the real one: a second, 30 at worst).
    pub search_lag_ms: u64,
    /// How far a request's `timestamp` (or a token's `iat`) may lie from the clock, in seconds.
    pub request_lifetime_s: u64,
    /// Fields that the site chose to encrypt, beside user names and e-mails.
    pub encrypted: Vec<String>,
    /// Whether a cursor's batches come with half of what `LIMIT` asks: their size is not guaranteed.
    pub short_batches: bool,
    /// Whether each batch of a cursor but the first begins with the last account of the batch before, and so misses one: the
    /// real one gives no guarantee against duplicates between pages. Numbers of objects and accounts stay as they are.
    pub overlapping_batches: bool,
    /// Wrong passwords after which an account is locked.
    pub lockout_after: u64,
    /// How long it then stays locked, in seconds.
    pub lockout_s: u64,
    /// Whether an address must be verified before the account can be used: 206002.
    pub require_verification: bool,
    /// The shortest password that the site takes.
    pub shortest_password: usize,
    /// How answers are labelled. From memory the real one calls its JSON `text/javascript`: no document says so.
    pub content_type: String,
    /// Whether long answers are packed for callers that take gzip.
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
            client_quota: Quota {
                burst: 20,
                per_second: 5,
            },
            search_lag_ms: 0,
            request_lifetime_s: 300,
            encrypted: Vec::new(),
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

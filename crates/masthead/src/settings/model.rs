//! The checked settings, section by section.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use http::HeaderMap;
use ipnet::IpNet;
use masthead_api::ReadScopeGrants;
use masthead_credentials::Argon2Cost;
use masthead_delivery::SmtpTls;
use masthead_domain::{caller_address::AuditAddress, mail::Sender};
use masthead_http_server::ServerOptions;
use masthead_orchestrator::ExportLimits;
use masthead_rate_limits::LimiterOptions;
use masthead_tokens::{Algorithm, ClaimRules};

use super::{secret::SecretText, tenant_secrets::TenantSecrets};
use crate::client_address::TrustedProxies;

/// All settings of a server, checked.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// `[http]`
    pub http: HttpSettings,
    /// `[database]`
    pub database: DatabaseSettings,
    /// `[tokens]`
    pub tokens: TokenSettings,
    /// `[sealing]`
    pub sealing: SealingSettings,
    /// `[search]`
    pub search: SearchSettings,
    /// `[exports]`
    pub exports: ExportLimits,
    /// `[limits]`
    pub limits: LimitSettings,
    /// `[providers]`
    pub providers: ProviderSettings,
    /// `[passwords]`
    pub passwords: PasswordSettings,
    /// `[sync]`
    pub sync: SyncSettings,
    /// `[smtp]` and `[mail]`
    pub mail: MailSettings,
    /// `[log]`
    pub log: LogSettings,
    /// `[telemetry]`; `None` if nothing is sent.
    pub telemetry: Option<TelemetrySettings>,
    /// `[metrics]`
    pub metrics: MetricsSettings,
    /// `[audit]`
    pub audit: AuditSettings,
}

/// `[audit]`
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct AuditSettings {
    pub address: AuditAddress,
    pub required: bool,
}

/// `[http]`: the reference describes each setting.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct HttpSettings {
    pub listen: SocketAddr,
    pub threads: usize,
    pub header_timeout: Duration,
    pub request_deadline: Duration,
    pub body_timeout: Duration,
    pub write_timeout: Duration,
    pub keep_alive: Duration,
    pub max_connections: usize,
    pub max_connections_per_address: usize,
    pub max_unsent_bytes_per_connection: usize,
    pub max_unsent_bytes: usize,
    pub max_concurrent_streams: u32,
    pub max_body_bytes: usize,
    pub max_uri_bytes: usize,
    pub max_header_bytes: usize,
    pub drain_timeout: Duration,
    pub drain_idle: Duration,
    pub drain_delay: Duration,
    pub trusted_proxies: TrustedProxies,
    /// `None` if the listener speaks no TLS.
    pub tls: Option<TlsSettings>,
}

/// The settings of `[http]` that begin with `tls_`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct TlsSettings {
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    pub client_ca_file: Option<PathBuf>,
    pub client_certificate_is_required: bool,
    pub handshake_timeout: Duration,
    pub max_handshakes: usize,
}

impl HttpSettings {
    /// The options of the HTTP server.
    #[must_use]
    pub fn server_options(&self) -> ServerOptions {
        ServerOptions {
            header_timeout: self.header_timeout,
            request_timeout: self.request_deadline + self.body_timeout,
            write_timeout: self.write_timeout,
            keep_alive: self.keep_alive,
            max_connections: self.max_connections,
            max_connections_per_address: self.max_connections_per_address,
            max_unsent_bytes_per_connection: self.max_unsent_bytes_per_connection,
            max_unsent_bytes: self.max_unsent_bytes,
            max_concurrent_streams: self.max_concurrent_streams,
            max_uri_bytes: self.max_uri_bytes,
            max_header_bytes: self.max_header_bytes,
            drain_timeout: self.drain_timeout,
            drain_idle: self.drain_idle,
        }
    }
}

/// `[database]`; `direct_url` equals `url` if it is not given.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct DatabaseSettings {
    pub url: SecretText,
    pub direct_url: SecretText,
    pub replica_urls: Vec<SecretText>,
    pub replica_max_lag: Duration,
    pub lookup_connections: u32,
    pub lookup_batch: usize,
    pub search_connections: u32,
    pub search_concurrency: u32,
    pub search_queue: usize,
    pub search_queue_per_tenant: usize,
    pub pooler: bool,
    pub named_prepared_statements: bool,
    pub statement_timeout: Duration,
    pub acquire_timeout: Duration,
    pub event_queue: usize,
}

/// `[tokens]`
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct TokenSettings {
    /// At least one: that of `[tokens]`, where it has one, and those of `[issuers]`.
    pub issuers: Vec<IssuerSettings>,
    pub jwks_refresh: Duration,
    pub jwks_cooldown: Duration,
    pub jwks_max_stale: Duration,
    pub leeway: Duration,
    pub types: Vec<Box<str>>,
    pub max_lifetime: Duration,
    pub read_scopes: ReadScopeGrants,
    pub max_minted_lifetime: Duration,
}

/// `[tokens]` or `[issuers.NAME]`: an issuer.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct IssuerSettings {
    /// The section: `tokens` or `NAME`.
    pub name: String,
    pub issuer: String,
    pub audiences: Vec<Box<str>>,
    pub keys: TokenKeySource,
    pub algorithms: Vec<Algorithm>,
    pub claims: ClaimRules,
}

impl TokenSettings {
    /// The issuer whose tokens are signed with a shared secret, and the secret.
    #[must_use]
    pub fn shared_secret(&self) -> Option<(&IssuerSettings, &SecretText)> {
        self.issuers.iter().find_map(|issuer| match &issuer.keys {
            TokenKeySource::Hs256(secret) => Some((issuer, secret)),
            TokenKeySource::JwksUrl(_) | TokenKeySource::JwksFile(_) => None,
        })
    }
}

/// The source of the keys that verify tokens: always exactly one.
#[derive(Debug, Clone)]
pub enum TokenKeySource {
    /// A key set that is fetched.
    JwksUrl(String),
    /// A key set in a file.
    JwksFile(PathBuf),
    /// A shared secret, for local use; at least 32 bytes.
    Hs256(SecretText),
}

/// `[sealing]`: `current` and `publish` are keys of `keys`; each is the base64 of 64 bytes.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct SealingSettings {
    pub current: String,
    pub publish: String,
    pub keys: BTreeMap<String, SecretText>,
}

/// `[search]`
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct SearchSettings {
    pub max_depth: u64,
}

/// `[limits]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitSettings {
    /// The limits.
    pub options: LimiterOptions,
    /// Whether the servers of a database share what they admit.
    pub shared: bool,
}

/// `[providers]`
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct ProviderSettings {
    pub allow_private_addresses: PrivateAddresses,
    pub secrets_folder: PathBuf,
    pub shared_secrets: bool,
    pub connect_timeout: Duration,
    pub call_timeout: Duration,
    pub max_answer_bytes: usize,
    pub fresh: Duration,
    pub stale: Duration,
    pub stale_after: Duration,
}

/// Which addresses that are not public tenants' providers may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateAddresses {
    /// All, and plain http to every address.
    All,
    /// Those of these networks, and plain http to them alone.
    Networks(Vec<IpNet>),
}

impl PrivateAddresses {
    /// Whether there are any.
    #[must_use]
    pub fn are_allowed(&self) -> bool {
        match self {
            Self::All => true,
            Self::Networks(networks) => !networks.is_empty(),
        }
    }
}

impl ProviderSettings {
    /// The secrets of tenants.
    #[must_use]
    pub fn tenant_secrets(&self) -> TenantSecrets {
        TenantSecrets::new(&self.secrets_folder, self.shared_secrets)
    }

    /// What an operator must change before the next release; `None` where nothing is.
    pub(crate) fn secrets_warning(&self) -> Option<String> {
        const WAY_OUT: &str = "give each tenant its own folder or variables (docs/operations.md, Secrets)";
        if self.shared_secrets {
            return Some(format!(
                "providers.shared_secrets is on, for this release only: {WAY_OUT}"
            ));
        }
        let files = std::fs::read_dir(&self.secrets_folder).ok()?;
        let is_file = |entry: std::io::Result<std::fs::DirEntry>| entry.is_ok_and(|entry| entry.path().is_file());
        files.into_iter().any(is_file).then(|| {
            format!("providers.secrets_folder has files that belong to no tenant and are not read: {WAY_OUT}, or set providers.shared_secrets")
        })
    }
}

/// `[passwords]`
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct PasswordSettings {
    pub threads: usize,
    pub memory_mib: u32,
    pub queue: usize,
    pub niceness: u8,
    pub cost: Argon2Cost,
}

/// `[sync]`; `every` is zero if nothing is scheduled.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct SyncSettings {
    pub every: Duration,
    pub full_every: Duration,
    pub at_once: usize,
}

/// `[smtp]` and `[mail]`
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// Where mails are sent; `None` if no mail is.
    pub smtp: Option<SmtpSettings>,
    /// The templates of the tenants; `None` for the built-in ones alone.
    pub templates_dir: Option<PathBuf>,
}

/// `[smtp]`: the reference describes each setting.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    pub ca_file: Option<PathBuf>,
    /// User and password.
    pub credentials: Option<(String, SecretText)>,
    pub from: Sender,
    pub hello_name: Option<String>,
    pub timeout: Duration,
    pub connections: usize,
}

/// `[log]`; `level` is a valid filter directive.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct LogSettings {
    pub format: LogFormat,
    pub level: String,
    pub file: Option<PathBuf>,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Readable text.
    Pretty,
}

/// `[telemetry]`, where a collector is named.
#[derive(Debug, Clone)]
pub struct TelemetrySettings {
    /// The base URL of the collector.
    pub otlp_endpoint: String,
    /// The headers of each request to it; their values are not in `Debug`.
    pub otlp_headers: HeaderMap,
    /// The share of traces that are recorded, from 0 to 1.
    pub sample_ratio: f64,
    /// How often metrics are sent; `None` never.
    pub metrics_every: Option<Duration>,
}

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsSettings {
    /// The operations port: /metrics, and /health with its details.
    pub listen: Option<SocketAddr>,
    /// Whether they are served beside the API too.
    pub on_api_port: bool,
}

impl MetricsSettings {
    /// Whether the operations port is the one that servers have by default.
    #[must_use]
    pub fn has_default_address(&self) -> bool {
        self.listen == Some(DEFAULT_OPERATIONS_PORT)
    }
}

/// The default of `metrics.listen`.
const DEFAULT_OPERATIONS_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

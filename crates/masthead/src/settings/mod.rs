//! The settings: loaded from the reference, a file and the environment, then checked completely before anything starts.

mod check;
mod checker;
mod errors;
mod load;
mod raw;
mod secret;
mod tenant_secrets;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use checker::Checker;
pub use errors::{SettingsError, environment_name};
pub use load::{REFERENCE, Variables};
use raw::RawSettings;
pub use secret::SecretText;
pub use tenant_secrets::TenantSecrets;

pub(crate) use checker::parse_duration;

use crate::edge::TrustedProxies;

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
    /// `[providers]`
    pub providers: ProviderSettings,
    /// `[sync]`
    pub sync: SyncSettings,
    /// `[log]`
    pub log: LogSettings,
    /// `[metrics]`
    pub metrics: MetricsSettings,
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
    pub max_concurrent_streams: u32,
    pub max_body_bytes: usize,
    pub max_uri_bytes: usize,
    pub max_header_bytes: usize,
    pub drain_timeout: Duration,
    pub drain_idle: Duration,
    pub trusted_proxies: TrustedProxies,
}

/// `[database]`; `direct_url` equals `url` if it is not given.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct DatabaseSettings {
    pub url: SecretText,
    pub direct_url: SecretText,
    pub lookup_connections: u32,
    pub lookup_batch: usize,
    pub search_connections: u32,
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
    pub issuer: String,
    pub audience: String,
    pub keys: TokenKeySource,
    pub jwks_cooldown: Duration,
    pub leeway: Duration,
    pub types: Vec<Box<str>>,
    pub max_lifetime: Duration,
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

/// `[sealing]`: `current` is a key of `keys`; each is the base64 of 64 bytes.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct SealingSettings {
    pub current: String,
    pub keys: BTreeMap<String, SecretText>,
}

/// `[search]`
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct SearchSettings {
    pub max_depth: u64,
}

/// `[providers]`
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct ProviderSettings {
    pub allow_private_addresses: bool,
    pub secrets_folder: PathBuf,
    pub connect_timeout: Duration,
    pub call_timeout: Duration,
    pub max_answer_bytes: usize,
    pub fresh: Duration,
    pub stale: Duration,
    pub stale_after: Duration,
}

/// `[sync]`; `every` is zero if nothing is scheduled.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct SyncSettings {
    pub every: Duration,
    pub full_every: Duration,
    pub at_once: usize,
}

/// `[log]`; `level` is a valid filter directive.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, describes each")]
pub struct LogSettings {
    pub format: LogFormat,
    pub level: String,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Readable text.
    Pretty,
}

/// `[metrics]`
#[derive(Debug, Clone)]
pub struct MetricsSettings {
    /// Where /metrics and /health are served as well.
    pub listen: Option<SocketAddr>,
}

/// The loaded settings, not yet checked: a command checks the sections that it needs.
pub struct UncheckedSettings {
    raw: Option<RawSettings>,
    errors: SettingsError,
}

impl UncheckedSettings {
    /// Loads the three layers. Errors are reported when a section is checked.
    #[must_use]
    pub fn from_layers(file: Option<&Path>, variables: &Variables) -> Self {
        let mut errors = SettingsError::default();
        let raw = load::load(file, variables, &mut errors);
        Self { raw, errors }
    }

    /// The same with the process's own environment. `file` takes precedence over `MASTHEAD_CONFIG`.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only use of the process environment")]
    pub fn from_process(file: Option<&Path>) -> Self {
        // Not `vars()`, which panics on invalid Unicode.
        let variables: Variables = std::env::vars_os().collect();
        let named = std::env::var_os("MASTHEAD_CONFIG").filter(|path| !path.is_empty());
        Self::from_layers(file.or(named.as_deref().map(Path::new)), &variables)
    }

    /// All settings of a server.
    ///
    /// # Errors
    /// All errors of all sections.
    pub fn settings(&self) -> Result<ServerSettings, SettingsError> {
        self.part(|raw, c| {
            let http = check::http(&raw.http, c);
            let database = check::database(&raw.database, c);
            let tokens = check::tokens(&raw.tokens, c);
            let sealing = check::sealing(&raw.sealing, c);
            let search = check::search(&raw.search, c);
            let providers = check::providers(&raw.providers, c);
            let sync = check::sync(&raw.sync, c);
            let log = check::log(&raw.log, c);
            let metrics = check::metrics(&raw.metrics, c);
            Some(ServerSettings {
                http: http?,
                database: database?,
                tokens: tokens?,
                sealing: sealing?,
                search: search?,
                providers: providers?,
                sync: sync?,
                log: log?,
                metrics: metrics?,
            })
        })
    }

    /// The settings of the commands that only use the database.
    ///
    /// # Errors
    /// All errors of `[database]` and `[log]`, and all unknown settings.
    pub fn database(&self) -> Result<(DatabaseSettings, LogSettings), SettingsError> {
        self.part(|raw, c| {
            let database = check::database(&raw.database, c);
            let log = check::log(&raw.log, c);
            Some((database?, log?))
        })
    }

    /// The settings that `masthead sync` needs besides the database.
    ///
    /// # Errors
    /// All errors of `[providers]` and `[sync]`, and all unknown settings.
    pub fn sync(&self) -> Result<(ProviderSettings, SyncSettings), SettingsError> {
        self.part(|raw, c| {
            let providers = check::providers(&raw.providers, c);
            let sync = check::sync(&raw.sync, c);
            Some((providers?, sync?))
        })
    }

    /// The settings of providers, by which tenants' settings are checked.
    ///
    /// # Errors
    /// All errors of `[providers]`, and all unknown settings.
    pub fn providers(&self) -> Result<ProviderSettings, SettingsError> {
        self.part(|raw, c| check::providers(&raw.providers, c))
    }

    /// The settings for minting a token.
    ///
    /// # Errors
    /// All errors of `[tokens]`, and all unknown settings.
    pub fn tokens(&self) -> Result<TokenSettings, SettingsError> {
        self.part(|raw, c| check::tokens(&raw.tokens, c))
    }

    fn part<T>(&self, check: impl FnOnce(&RawSettings, &mut Checker<'_>) -> Option<T>) -> Result<T, SettingsError> {
        let mut errors = self.errors.clone();
        let value = self
            .raw
            .as_ref()
            .and_then(|raw| check(raw, &mut Checker { errors: &mut errors }));
        errors.or(value)
    }
}

#[cfg(test)]
mod tests;

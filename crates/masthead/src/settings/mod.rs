//! The settings: gathered from the reference, a file and the environment, then checked as a whole before anything starts.

mod check;
mod checker;
mod load;
mod mistakes;
mod places;
mod raw;
mod secret;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use checker::Checker;
pub use load::{REFERENCE, Variables};
pub use mistakes::{Mistakes, environment_name};
pub use places::Places;
use raw::Raw;
pub use secret::Secret;

pub(crate) use checker::parse_duration;

use crate::edge::TrustedProxies;

/// All settings of a server, checked.
#[derive(Debug, Clone)]
pub struct Settings {
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

/// `[http]`: the meaning and bounds of each are in the reference.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, says what each is")]
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

/// `[database]`; `direct_url` is `url` where it was not given.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, says what each is")]
pub struct DatabaseSettings {
    pub url: Secret,
    pub direct_url: Secret,
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
#[expect(missing_docs, reason = "the reference, default.toml, says what each is")]
pub struct TokenSettings {
    pub issuer: String,
    pub audience: String,
    pub keys: KeySource,
    pub jwks_cooldown: Duration,
    pub leeway: Duration,
    pub types: Vec<Box<str>>,
    pub max_lifetime: Duration,
}

/// Where the keys that verify tokens come from: always exactly one place.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A key set that is fetched.
    JwksUrl(String),
    /// A key set in a file.
    JwksFile(PathBuf),
    /// A shared secret, for local use; at least 32 bytes.
    Hs256(Secret),
}

/// `[sealing]`: `current` is a key of `keys`; each is the base64 of 64 bytes.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, says what each is")]
pub struct SealingSettings {
    pub current: String,
    pub keys: BTreeMap<String, Secret>,
}

/// `[search]`
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, says what each is")]
pub struct SearchSettings {
    pub max_depth: u64,
}

/// `[providers]`
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, says what each is")]
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

/// `[sync]`; `every` is zero where nothing is scheduled.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, says what each is")]
pub struct SyncSettings {
    pub every: Duration,
    pub full_every: Duration,
    pub at_once: usize,
}

/// `[log]`; `level` is known to parse as filter directives.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reference, default.toml, says what each is")]
pub struct LogSettings {
    pub format: LogFormat,
    pub level: String,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// `[metrics]`
#[derive(Debug, Clone)]
pub struct MetricsSettings {
    /// Where /metrics and /health are answered as well.
    pub listen: Option<SocketAddr>,
}

/// The gathered settings, still unchecked: a command takes from them what it needs.
pub struct Gathered {
    raw: Option<Raw>,
    mistakes: Mistakes,
}

impl Gathered {
    /// Gathers the three layers. What is wrong is told when a part is asked for.
    #[must_use]
    pub fn from_layers(file: Option<&Path>, variables: &Variables) -> Self {
        let mut mistakes = Mistakes::default();
        let raw = load::load(file, variables, &mut mistakes);
        Self { raw, mistakes }
    }

    /// As [`Gathered::from_layers`], with the process's own environment. `file` wins over `MASTHEAD_CONFIG`.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the room of the environment")]
    pub fn from_process(file: Option<&Path>) -> Self {
        // Not `vars()`, which panics on text that is not Unicode.
        let variables: Variables = std::env::vars_os().collect();
        let named = std::env::var_os("MASTHEAD_CONFIG").filter(|path| !path.is_empty());
        Self::from_layers(file.or(named.as_deref().map(Path::new)), &variables)
    }

    /// Everything a server needs.
    ///
    /// # Errors
    /// Every mistake of every section.
    pub fn settings(&self) -> Result<Settings, Mistakes> {
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
            Some(Settings {
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

    /// What the commands that only touch the database need.
    ///
    /// # Errors
    /// Every mistake of `[database]` and `[log]`, and every unknown setting.
    pub fn database(&self) -> Result<(DatabaseSettings, LogSettings), Mistakes> {
        self.part(|raw, c| {
            let database = check::database(&raw.database, c);
            let log = check::log(&raw.log, c);
            Some((database?, log?))
        })
    }

    /// What `masthead sync` needs beside the database.
    ///
    /// # Errors
    /// Every mistake of `[providers]` and `[sync]`, and every unknown setting.
    pub fn sync(&self) -> Result<(ProviderSettings, SyncSettings), Mistakes> {
        self.part(|raw, c| {
            let providers = check::providers(&raw.providers, c);
            let sync = check::sync(&raw.sync, c);
            Some((providers?, sync?))
        })
    }

    /// Whether tenants' providers may have addresses that are not public: what checking their settings needs.
    ///
    /// # Errors
    /// Every mistake of `[providers]`, and every unknown setting.
    pub fn providers(&self) -> Result<ProviderSettings, Mistakes> {
        self.part(|raw, c| check::providers(&raw.providers, c))
    }

    /// What minting a token needs.
    ///
    /// # Errors
    /// Every mistake of `[tokens]`, and every unknown setting.
    pub fn tokens(&self) -> Result<TokenSettings, Mistakes> {
        self.part(|raw, c| check::tokens(&raw.tokens, c))
    }

    fn part<T>(&self, check: impl FnOnce(&Raw, &mut Checker<'_>) -> Option<T>) -> Result<T, Mistakes> {
        let mut mistakes = self.mistakes.clone();
        let value = self.raw.as_ref().and_then(|raw| {
            check(
                raw,
                &mut Checker {
                    mistakes: &mut mistakes,
                },
            )
        });
        mistakes.or(value)
    }
}

#[cfg(test)]
mod tests;

//! Creates the parts of the program from the settings.

use std::{num::NonZero, sync::Arc, thread::available_parallelism};

use masthead_credentials::{HasherOptions, PooledHasher};
use masthead_ports::{clock::Clock, keyed_hash::KeyedHasher, passwords::PasswordHasher, trace::SPANS};
use masthead_provider_kit::{HttpClient, HttpOptions};
use masthead_subscribe_store::{Store, StoreOptions};
use masthead_telemetry::{Telemetry, TelemetryOptions};
use masthead_tokens::{IssuerOptions, TokenLimits, UserTokens, Verifier, VerifierKeySource as VerifierKeys};

use crate::{
    certificate::WatchedCertificate,
    command_error::CommandError,
    hash_secrets::SettingHashSecrets,
    identifiers::process_name,
    providers::guarded_options,
    settings::{
        self, DatabaseSettings, PasswordSettings, ProviderSettings, SecretText, TelemetrySettings, TlsSettings,
        TokenKeySource, TokenSettings,
    },
};

/// The verifier of callers' tokens. Key files are read here; the addresses of key sets are not fetched yet.
///
/// # Errors
/// A key file or an address cannot be used.
pub(crate) fn verifier(settings: &TokenSettings, clock: Arc<dyn Clock>) -> Result<Verifier, CommandError> {
    let (issuers, limits) = issuers(settings);
    // The operator sets the addresses, so they may be private ones.
    let client = key_set_client(HttpOptions {
        allow_private: true,
        ..HttpOptions::default()
    })?;
    Verifier::new(issuers, &limits, clock, &client).map_err(CommandError::context(
        "the settings of [tokens] or [issuers] cannot be used",
    ))
}

/// The options of the issuers, and what the tokens of all of them must be like.
pub(crate) fn issuers(settings: &TokenSettings) -> (Vec<IssuerOptions>, TokenLimits) {
    let issuers = settings.issuers.iter().map(|issuer| IssuerOptions {
        name: issuer.name.as_str().into(),
        issuer: issuer.issuer.as_str().into(),
        audiences: issuer.audiences.clone(),
        keys: match &issuer.keys {
            TokenKeySource::Hs256(secret) => VerifierKeys::Hs256(key(secret)),
            TokenKeySource::JwksFile(path) => VerifierKeys::JwksFile(path.clone()),
            TokenKeySource::JwksUrl(url) => VerifierKeys::JwksUrl {
                url: url.as_str().into(),
                refresh: settings.jwks_refresh,
                cooldown: settings.jwks_cooldown,
                max_stale: settings.jwks_max_stale,
            },
        },
        algorithms: issuer.algorithms.clone(),
        claims: issuer.claims.clone(),
    });
    let limits = TokenLimits {
        leeway: settings.leeway,
        types: settings.types.clone(),
        max_lifetime: settings.max_lifetime,
    };
    (issuers.collect(), limits)
}

/// The verifier of the tokens of tenants' users. The address of its key set is a tenant's setting, so it is guarded as that of a
/// provider.
///
/// # Errors
/// The client for key sets cannot be made.
pub(crate) fn user_tokens(providers: &ProviderSettings, clock: Arc<dyn Clock>) -> Result<UserTokens, CommandError> {
    Ok(UserTokens::new(key_set_client(guarded_options(providers))?, clock))
}

fn key_set_client(options: HttpOptions) -> Result<HttpClient, CommandError> {
    let options = HttpOptions {
        max_body_bytes: 1024 * 1024,
        ..options
    };
    HttpClient::new(options).map_err(CommandError::context("the client for the key set cannot be made"))
}

/// The listener's certificate, with its files to watch; `None` where it speaks no TLS.
///
/// # Errors
/// A file cannot be read, or the certificate and its key cannot be used together.
pub(crate) fn certificate(
    settings: Option<&TlsSettings>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<WatchedCertificate>>, CommandError> {
    let certificate = settings.map(|tls| WatchedCertificate::start(tls, Arc::clone(clock)).map(Arc::new));
    certificate.transpose().map_err(CommandError::context(NO_TLS))
}

/// The certificate cannot be used.
pub(crate) const NO_TLS: &str = "the listener's TLS cannot be set up";

/// The export of traces and metrics.
///
/// # Errors
/// The client for the collector cannot be made.
pub(crate) fn telemetry(settings: &TelemetrySettings) -> Result<Telemetry, CommandError> {
    Telemetry::new(TelemetryOptions {
        endpoint: settings.otlp_endpoint.clone(),
        headers: settings.otlp_headers.clone(),
        sample_ratio: settings.sample_ratio,
        metrics_every: settings.metrics_every,
        service_name: env!("CARGO_PKG_NAME"),
        service_version: env!("CARGO_PKG_VERSION"),
        service_instance: process_name(),
        span_target: SPANS,
    })
    .map_err(CommandError::context("the settings of [telemetry] cannot be used"))
}

/// A secret text as the bytes of a key.
pub(crate) fn key(secret: &SecretText) -> masthead_tokens::Secret {
    masthead_tokens::Secret::new(secret.reveal().as_bytes())
}

/// The hasher of passwords, with its threads; tenants' secrets for imported hashes are where those for providers are.
///
/// # Errors
/// A thread cannot be started.
pub(crate) fn password_hasher(
    settings: &PasswordSettings,
    providers: &ProviderSettings,
) -> Result<Arc<dyn PasswordHasher>, CommandError> {
    let options = HasherOptions {
        threads: NonZero::new(settings.threads)
            .or_else(|| available_parallelism().ok())
            .unwrap_or(NonZero::<usize>::MIN),
        memory_kib: settings.memory_mib * 1024,
        queue: settings.queue,
        niceness: settings.niceness,
        cost: settings.cost,
    };
    let secrets = SettingHashSecrets::new(providers.tenant_secrets());
    let hasher = PooledHasher::start(options, Arc::new(secrets));
    Ok(Arc::new(
        hasher.map_err(CommandError::context("passwords cannot be hashed"))?,
    ))
}

/// The store of a command, on the primary alone; it connects on first use. Without sealing keys it does not delete users, and
/// does not import or synchronise where users were deleted. Must be called within a Tokio runtime.
///
/// # Errors
/// A URL is invalid.
pub(crate) fn store(
    settings: &DatabaseSettings,
    keyed_hasher: Option<Arc<dyn KeyedHasher>>,
) -> Result<Store, CommandError> {
    open(&StoreOptions {
        keyed_hasher,
        ..store_options(settings)
    })
}

/// The store of a server, whose reads are spread over the replicas, with this many exports at once. As [`store`] otherwise.
///
/// # Errors
/// A URL is invalid.
pub(crate) fn store_with_replicas(
    settings: &DatabaseSettings,
    keyed_hasher: Arc<dyn KeyedHasher>,
    exports: usize,
) -> Result<Store, CommandError> {
    let urls = settings.replica_urls.iter().map(|url| url.reveal().to_owned());
    open(&StoreOptions {
        replica_urls: urls.collect(),
        replica_max_lag: settings.replica_max_lag,
        export_connections: u32::try_from(exports).unwrap_or(u32::MAX),
        keyed_hasher: Some(keyed_hasher),
        logs_failed_connections: true,
        ..store_options(settings)
    })
}

fn open(options: &StoreOptions) -> Result<Store, CommandError> {
    Store::open(options).map_err(CommandError::context("the settings of [database] cannot be used"))
}

fn store_options(settings: &DatabaseSettings) -> StoreOptions {
    StoreOptions {
        direct_url: Some(settings.direct_url.reveal().to_owned()),
        lookup_connections: settings.lookup_connections,
        lookup_batch: settings.lookup_batch,
        search_connections: settings.search_connections,
        search_concurrency: settings.search_concurrency,
        search_queue: settings.search_queue,
        search_queue_per_tenant: settings.search_queue_per_tenant,
        // The older setting, which was documented for PgBouncer in transaction mode.
        pooler: settings.pooler || !settings.named_prepared_statements,
        statement_timeout: settings.statement_timeout,
        acquire_timeout: settings.acquire_timeout,
        event_queue: settings.event_queue,
        process: settings::process_name(),
        ..StoreOptions::new(settings.url.reveal())
    }
}

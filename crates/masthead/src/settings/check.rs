//! Checks the raw settings, section by section.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use masthead_credentials::Argon2Cost;
use masthead_tokens::verifier::is_safe_key_address;
use tracing_subscriber::EnvFilter;

use super::{
    checker::Checker,
    model::{
        DatabaseSettings, HttpSettings, LogFormat, LogSettings, MetricsSettings, PasswordSettings, ProviderSettings,
        SealingSettings, SearchSettings, SyncSettings, TokenKeySource, TokenSettings,
    },
    raw::{
        RawDatabase, RawHttp, RawLog, RawMetrics, RawPasswords, RawProviders, RawSealing, RawSearch, RawSync, RawTokens,
    },
    secret::SecretText,
};
use crate::client_address::{ForwardedHeader, TrustedProxies};

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);
/// The largest allowed clock skew (`masthead_tokens` accepts no more).
const MAX_LEEWAY: Duration = Duration::from_mins(5);
/// The replicas are looked at every 250 ms.
const MIN_REPLICA_LAG: Duration = Duration::from_millis(500);
const MAX_REPLICAS: usize = 16;
const GIGABYTE: u64 = 1024 * 1024 * 1024;

/// The shortest HS256 secret, in bytes (RFC 7518 §3.2: a key of the hash's size or larger).
const MIN_HS256_BYTES: usize = 32;

/// The length of a sealing key: AES-256-SIV takes two AES keys (RFC 5297 §2.2).
const SEALING_KEY_BYTES: usize = 64;

// Every value is checked before the first `?`, so that all errors are reported.

pub(super) fn http(raw: &RawHttp, c: &mut Checker<'_>) -> Option<HttpSettings> {
    let listen = c.address("http.listen", &raw.listen);
    let threads = c.size("http.threads", &raw.threads, 0..=1_024);
    let mut duration = |key: &str, text: &str, least| c.duration(&format!("http.{key}"), text, least..=HOUR);
    let header_timeout = duration("header_timeout", &raw.header_timeout, MILLISECOND);
    let request_deadline = duration("request_deadline", &raw.request_deadline, MILLISECOND);
    let body_timeout = duration("body_timeout", &raw.body_timeout, MILLISECOND);
    let write_timeout = duration("write_timeout", &raw.write_timeout, MILLISECOND);
    let keep_alive = duration("keep_alive", &raw.keep_alive, MILLISECOND);
    let drain_timeout = duration("drain_timeout", &raw.drain_timeout, Duration::ZERO);
    let drain_idle = duration("drain_idle", &raw.drain_idle, Duration::ZERO);
    let max_connections = c.size("http.max_connections", &raw.max_connections, 1..=1_000_000);
    let max_connections_per_address = c.size(
        "http.max_connections_per_address",
        &raw.max_connections_per_address,
        1..=1_000_000,
    );
    let max_unsent_bytes_per_connection = c.size(
        "http.max_unsent_bytes_per_connection",
        &raw.max_unsent_bytes_per_connection,
        65_536..=GIGABYTE,
    );
    let max_unsent_bytes = c.size(
        "http.max_unsent_bytes",
        &raw.max_unsent_bytes,
        1_048_576..=1_024 * GIGABYTE,
    );
    let max_concurrent_streams = c.small("http.max_concurrent_streams", &raw.max_concurrent_streams, 1..=10_000);
    let max_body_bytes = c.size("http.max_body_bytes", &raw.max_body_bytes, 1..=GIGABYTE);
    let max_uri_bytes = c.size("http.max_uri_bytes", &raw.max_uri_bytes, 64..=60_000);
    let max_header_bytes = c.size("http.max_header_bytes", &raw.max_header_bytes, 1_024..=1_048_576);
    let trusted_proxies = c.networks("http.trusted_proxies", &raw.trusted_proxies);
    let forwarded_header = forwarded_header(&raw.forwarded_header, c);
    Some(HttpSettings {
        listen: listen?,
        threads: threads?,
        header_timeout: header_timeout?,
        request_deadline: request_deadline?,
        body_timeout: body_timeout?,
        write_timeout: write_timeout?,
        keep_alive: keep_alive?,
        max_connections: max_connections?,
        max_connections_per_address: max_connections_per_address?,
        max_unsent_bytes_per_connection: max_unsent_bytes_per_connection?,
        max_unsent_bytes: max_unsent_bytes?,
        max_concurrent_streams: max_concurrent_streams?,
        max_body_bytes: max_body_bytes?,
        max_uri_bytes: max_uri_bytes?,
        max_header_bytes: max_header_bytes?,
        drain_timeout: drain_timeout?,
        drain_idle: drain_idle?,
        trusted_proxies: TrustedProxies::new(trusted_proxies?, forwarded_header?),
    })
}

fn forwarded_header(text: &str, c: &mut Checker<'_>) -> Option<ForwardedHeader> {
    if text.eq_ignore_ascii_case("X-Forwarded-For") {
        Some(ForwardedHeader::XForwardedFor)
    } else if text.eq_ignore_ascii_case("Forwarded") {
        Some(ForwardedHeader::Forwarded)
    } else {
        c.errors
            .add("http.forwarded_header", "must be X-Forwarded-For or Forwarded");
        None
    }
}

pub(super) fn database(raw: &RawDatabase, c: &mut Checker<'_>) -> Option<DatabaseSettings> {
    let url = c.secret("database.url", &raw.url, &raw.url_file).and_then(|url| {
        if url.is_none() {
            c.errors.add("database.url", "must be given (or database.url_file)");
        }
        postgres_url("database.url", url?, c)
    });
    let direct_url = match c.secret("database.direct_url", &raw.direct_url, &raw.direct_url_file) {
        Some(Some(direct)) => postgres_url("database.direct_url", direct, c),
        Some(None) => url.clone(),
        None => None,
    };
    let replica_urls = c
        .secret("database.replica_urls", &raw.replica_urls, &raw.replica_urls_file)
        .and_then(|urls| replica_urls(urls.as_ref(), c));
    let replica_max_lag = c.duration("database.replica_max_lag", &raw.replica_max_lag, MIN_REPLICA_LAG..=HOUR);
    let lookup_connections = c.small("database.lookup_connections", &raw.lookup_connections, 1..=64);
    let lookup_batch = c.size("database.lookup_batch", &raw.lookup_batch, 1..=1_000);
    let search_connections = c.small("database.search_connections", &raw.search_connections, 1..=256);
    let search_concurrency = c.small("database.search_concurrency", &raw.search_concurrency, 0..=256);
    let search_queue = c.size("database.search_queue", &raw.search_queue, 1..=1_000_000);
    let search_queue_per_tenant = c.size(
        "database.search_queue_per_tenant",
        &raw.search_queue_per_tenant,
        1..=1_000_000,
    );
    let pooler = c.switch("database.pooler", &raw.pooler);
    let named_prepared_statements = c.switch("database.named_prepared_statements", &raw.named_prepared_statements);
    let statement_timeout = c.duration("database.statement_timeout", &raw.statement_timeout, MILLISECOND..=HOUR);
    let acquire_timeout = c.duration("database.acquire_timeout", &raw.acquire_timeout, MILLISECOND..=HOUR);
    let event_queue = c.size("database.event_queue", &raw.event_queue, 1..=10_000_000);
    Some(DatabaseSettings {
        url: url?,
        direct_url: direct_url?,
        replica_urls: replica_urls?,
        replica_max_lag: replica_max_lag?,
        lookup_connections: lookup_connections?,
        lookup_batch: lookup_batch?,
        search_connections: search_connections?,
        search_concurrency: search_concurrency?,
        search_queue: search_queue?,
        search_queue_per_tenant: search_queue_per_tenant?,
        pooler: pooler?,
        named_prepared_statements: named_prepared_statements?,
        statement_timeout: statement_timeout?,
        acquire_timeout: acquire_timeout?,
        event_queue: event_queue?,
    })
}

fn postgres_url(key: &str, url: SecretText, c: &mut Checker<'_>) -> Option<SecretText> {
    let good = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.reveal().starts_with(scheme));
    if !good {
        c.errors.add(key, "must begin with postgres://");
    }
    good.then_some(url)
}

/// Comma-separated URLs; in a password a comma is `%2C`.
fn replica_urls(urls: Option<&SecretText>, c: &mut Checker<'_>) -> Option<Vec<SecretText>> {
    let urls = urls.map_or("", SecretText::reveal).split(',').map(str::trim);
    let urls: Vec<_> = urls.filter(|url| !url.is_empty()).map(SecretText::new).collect();
    if urls.len() > MAX_REPLICAS {
        c.errors
            .add("database.replica_urls", format!("must be {MAX_REPLICAS} URLs at most"));
        return None;
    }
    let checked = urls
        .into_iter()
        .map(|url| postgres_url("database.replica_urls", url, c));
    checked.collect()
}

pub(super) fn tokens(raw: &RawTokens, c: &mut Checker<'_>) -> Option<TokenSettings> {
    let issuer = c.required("tokens.issuer", &raw.issuer);
    let audience = c.required("tokens.audience", &raw.audience);
    let secret = c.secret("tokens.hs256_secret", &raw.hs256_secret, &raw.hs256_secret_file);
    let keys = secret.and_then(|secret| key_source(raw, secret, c));
    let jwks_cooldown = c.duration(
        "tokens.jwks_cooldown",
        &raw.jwks_cooldown,
        Duration::from_secs(1)..=24 * HOUR,
    );
    let leeway = c.duration("tokens.leeway", &raw.leeway, Duration::ZERO..=MAX_LEEWAY);
    let types = token_types(&raw.types, c);
    let max_lifetime = c.duration(
        "tokens.max_lifetime",
        &raw.max_lifetime,
        Duration::from_mins(1)..=24 * 365 * HOUR,
    );
    Some(TokenSettings {
        issuer: issuer?,
        audience: audience?,
        keys: keys?,
        jwks_cooldown: jwks_cooldown?,
        leeway: leeway?,
        types: types?,
        max_lifetime: max_lifetime?,
    })
}

/// Comma-separated media types, of the characters that RFC 6838 §4.2 allows.
fn token_types(text: &str, c: &mut Checker<'_>) -> Option<Vec<Box<str>>> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+/".contains(&byte);
    let types = text.split(',').map(str::trim).filter(|one| !one.is_empty());
    let types: Vec<Box<str>> = types.map(Into::into).collect();
    let good = types.iter().all(|one| one.bytes().all(allowed));
    if !good {
        c.errors.add(
            "tokens.types",
            "must be comma-separated media types, such as JWT, at+jwt",
        );
    }
    good.then_some(types)
}

fn key_source(raw: &RawTokens, secret: Option<SecretText>, c: &mut Checker<'_>) -> Option<TokenKeySource> {
    match (raw.jwks_url.as_str(), raw.jwks_file.as_str(), secret) {
        ("", "", None) => {
            c.errors.add(
                "tokens.jwks_url",
                "one of jwks_url, jwks_file and hs256_secret must be given",
            );
            None
        }
        (url, "", None) => {
            let good = url.parse().is_ok_and(|uri| is_safe_key_address(&uri));
            if !good {
                c.errors.add(
                    "tokens.jwks_url",
                    "must be an https:// address without user information; http:// only of this host (127.0.0.1, [::1], localhost)",
                );
            }
            good.then(|| TokenKeySource::JwksUrl(url.to_owned()))
        }
        ("", file, None) => Some(TokenKeySource::JwksFile(PathBuf::from(file))),
        ("", "", Some(secret)) => {
            let good = secret.reveal().len() >= MIN_HS256_BYTES;
            if !good {
                c.errors.add(
                    "tokens.hs256_secret",
                    format!("must be at least {MIN_HS256_BYTES} bytes long"),
                );
            }
            good.then_some(TokenKeySource::Hs256(secret))
        }
        _ => {
            // With a shared secret beside a key set, anyone with the public key could sign tokens.
            c.errors.add(
                "tokens.jwks_url",
                "only one of jwks_url, jwks_file and hs256_secret may be given",
            );
            None
        }
    }
}

pub(super) fn sealing(raw: &RawSealing, c: &mut Checker<'_>) -> Option<SealingSettings> {
    let mut keys = BTreeMap::new();
    let mut all_good = true;
    for (name, text) in raw.keys.iter().filter(|(_, text)| !text.is_empty()) {
        match sealing_key(name, text, c) {
            Some((id, _)) if keys.contains_key(&id) => {
                c.errors.add(&format!("sealing.keys.{name}"), "is repeated");
                all_good = false;
            }
            Some((id, key)) => {
                keys.insert(id, key);
            }
            None => all_good = false,
        }
    }
    // Names of environment variables are upper case.
    let current = raw.current.to_ascii_lowercase();
    if current.is_empty() {
        c.errors.add("sealing.current", "must be given");
        all_good = false;
    } else if all_good && !keys.contains_key(&current) {
        c.errors.add("sealing.current", "must be the id of one of sealing.keys");
        all_good = false;
    }
    all_good.then_some(SealingSettings { current, keys })
}

fn sealing_key(name: &str, text: &str, c: &mut Checker<'_>) -> Option<(String, SecretText)> {
    let key = format!("sealing.keys.{name}");
    let (id, secret) = match name.strip_suffix("_file") {
        Some(id) => (id, c.secret(&format!("sealing.keys.{id}"), "", text)),
        None => (name, c.secret(&key, text, "")),
    };
    let id = id.to_ascii_lowercase();
    let good_id = (1..=16).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    if !good_id {
        c.errors.add(&key, "the id of a key must be 1 to 16 of a-z and 0-9");
    }
    // `openssl rand -base64 64` wraps its output.
    let text: String = secret??.reveal().split_whitespace().collect();
    let good = BASE64_STANDARD
        .decode(&text)
        .is_ok_and(|bytes| bytes.len() == SEALING_KEY_BYTES);
    if !good {
        c.errors.add(
            &key,
            "must be the base64 of 64 bytes (create one with: openssl rand -base64 64)",
        );
    }
    (good && good_id).then(|| (id, SecretText::new(&text)))
}

pub(super) fn search(raw: &RawSearch, c: &mut Checker<'_>) -> Option<SearchSettings> {
    let max_depth = c.number("search.max_depth", &raw.max_depth, 1_000..=100_000_000);
    Some(SearchSettings { max_depth: max_depth? })
}

pub(super) fn log(raw: &RawLog, c: &mut Checker<'_>) -> Option<LogSettings> {
    let format = match raw.format.as_str() {
        "json" => Some(LogFormat::Json),
        "pretty" => Some(LogFormat::Pretty),
        _ => {
            c.errors.add("log.format", "must be json or pretty");
            None
        }
    };
    let good = !raw.level.trim().is_empty() && EnvFilter::try_new(&raw.level).is_ok();
    if !good {
        c.errors.add(
            "log.level",
            "must be error, warn, info, debug or trace, or directives such as info,masthead=debug",
        );
    }
    Some(LogSettings {
        format: format?,
        level: good.then(|| raw.level.clone())?,
    })
}

pub(super) fn providers(raw: &RawProviders, c: &mut Checker<'_>) -> Option<ProviderSettings> {
    let allow_private_addresses = c.switch("providers.allow_private_addresses", &raw.allow_private_addresses);
    let secrets_folder = c.required("providers.secrets_folder", &raw.secrets_folder);
    let connect_timeout = c.duration("providers.connect_timeout", &raw.connect_timeout, MILLISECOND..=HOUR);
    let call_timeout = c.duration("providers.call_timeout", &raw.call_timeout, MILLISECOND..=HOUR);
    let max_answer_bytes = c.size("providers.max_answer_bytes", &raw.max_answer_bytes, 1_024..=GIGABYTE);
    let fresh = c.duration("providers.fresh", &raw.fresh, Duration::ZERO..=HOUR);
    let stale = c.duration("providers.stale", &raw.stale, Duration::ZERO..=24 * 30 * HOUR);
    let stale_after = c.duration("providers.stale_after", &raw.stale_after, Duration::ZERO..=HOUR);
    Some(ProviderSettings {
        allow_private_addresses: allow_private_addresses?,
        secrets_folder: secrets_folder?.into(),
        connect_timeout: connect_timeout?,
        call_timeout: call_timeout?,
        max_answer_bytes: max_answer_bytes?,
        fresh: fresh?,
        stale: stale?,
        stale_after: stale_after?,
    })
}

pub(super) fn passwords(raw: &RawPasswords, c: &mut Checker<'_>) -> Option<PasswordSettings> {
    let threads = c.size("passwords.threads", &raw.threads, 0..=256);
    let memory_mib = c.small("passwords.memory_mib", &raw.memory_mib, 256..=1_048_576);
    let queue = c.size("passwords.queue", &raw.queue, 1..=100_000);
    // From the weakest cost of the OWASP Password Storage Cheat Sheet to the bounds of imported hashes.
    let argon2_memory = c.small("passwords.argon2_memory_kib", &raw.argon2_memory_kib, 7_168..=262_144);
    let iterations = c.small("passwords.argon2_iterations", &raw.argon2_iterations, 1..=10);
    let parallelism = c.small("passwords.argon2_parallelism", &raw.argon2_parallelism, 1..=16);
    Some(PasswordSettings {
        threads: threads?,
        memory_mib: memory_mib?,
        queue: queue?,
        cost: Argon2Cost {
            memory_kib: argon2_memory?,
            iterations: iterations?,
            parallelism: parallelism?,
        },
    })
}

pub(super) fn sync(raw: &RawSync, c: &mut Checker<'_>) -> Option<SyncSettings> {
    let every = c.duration("sync.every", &raw.every, Duration::ZERO..=24 * 30 * HOUR);
    let full_every = c.duration("sync.full_every", &raw.full_every, Duration::ZERO..=24 * 365 * HOUR);
    let at_once = c.size("sync.at_once", &raw.at_once, 1..=64);
    Some(SyncSettings {
        every: every?,
        full_every: full_every?,
        at_once: at_once?,
    })
}

pub(super) fn metrics(raw: &RawMetrics, c: &mut Checker<'_>) -> Option<MetricsSettings> {
    if raw.listen.is_empty() {
        return Some(MetricsSettings { listen: None });
    }
    let listen = c.address("metrics.listen", &raw.listen);
    Some(MetricsSettings { listen: Some(listen?) })
}

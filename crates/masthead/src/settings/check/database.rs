//! Checks the raw settings of `[database]`.

use std::time::Duration;

use masthead_subscribe_store::check_database_url;

use super::{HOUR, MILLISECOND};
use crate::settings::{checker::Checker, model::DatabaseSettings, raw::RawDatabase, secret::SecretText};

/// The replicas are looked at every 250 ms.
const MIN_REPLICA_LAG: Duration = Duration::from_millis(500);

const MAX_REPLICAS: usize = 16;

pub(in crate::settings) fn database(raw: &RawDatabase, c: &mut Checker<'_>) -> Option<DatabaseSettings> {
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
    match check_database_url(url.reveal()) {
        Ok(()) => Some(url),
        Err(error) => {
            c.errors.add(key, error.to_string());
            None
        }
    }
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

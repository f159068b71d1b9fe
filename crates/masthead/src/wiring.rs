//! From settings to the parts that do the work.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use masthead_ports::clock::Clock;
use masthead_provider_kit::{HttpClient, HttpOptions};
use masthead_subscribe_store::{Store, StoreOptions};
use masthead_tokens::{Sealer, Verifier, VerifierKeySource as VerifierKeys, VerifierOptions};

use crate::{
    failure::Failure,
    settings::{DatabaseSettings, KeySource, SealingSettings, Secret, TokenSettings},
};

/// How old a fetched key set may grow before it is fetched anew.
const KEYS_MAX_AGE: Duration = Duration::from_mins(10);

/// How long the last key set is good for while its address is down: an outage of an evening, not of a week in which a
/// key that was taken back would still be believed.
const KEYS_MAX_STALE: Duration = Duration::from_hours(6);

/// The codec of the published encrypted values.
///
/// # Errors
/// The keys are none; the settings' own checks come first.
pub(crate) fn sealer(settings: &SealingSettings) -> Result<Sealer, Failure> {
    let keys = settings.keys.iter().map(|(id, key)| {
        let bytes = BASE64_STANDARD.decode(key.reveal());
        bytes.map(|bytes| (id.clone(), masthead_tokens::Secret::new(bytes)))
    });
    let keys: BTreeMap<_, _> = keys
        .collect::<Result<_, _>>()
        .map_err(|_| Failure::new("a sealing key is not base64"))?;
    Sealer::new(&settings.current, &keys).map_err(Failure::when("the sealing keys cannot be used"))
}

/// The verifier of callers' tokens. A key file is read here; a key set's address is not yet asked.
///
/// # Errors
/// The key file cannot be used, or the address is none.
pub(crate) fn verifier(settings: &TokenSettings, clock: Arc<dyn Clock>) -> Result<Verifier, Failure> {
    let keys = match &settings.keys {
        KeySource::Hs256(secret) => VerifierKeys::Hs256(key(secret)),
        KeySource::JwksFile(path) => VerifierKeys::JwksFile(path.clone()),
        KeySource::JwksUrl(url) => VerifierKeys::JwksUrl {
            url: url.as_str().into(),
            cooldown: settings.jwks_cooldown,
            max_age: KEYS_MAX_AGE.max(settings.jwks_cooldown),
            max_stale: KEYS_MAX_STALE.max(settings.jwks_cooldown),
        },
    };
    let options = VerifierOptions {
        issuer: settings.issuer.as_str().into(),
        audience: settings.audience.as_str().into(),
        leeway: settings.leeway,
        types: settings.types.clone(),
        max_lifetime: settings.max_lifetime,
        keys,
    };
    // The operator names the address, so it may be a private one.
    let client = HttpClient::new(HttpOptions {
        allow_private: true,
        max_body_bytes: 1024 * 1024,
        ..HttpOptions::default()
    })
    .map_err(Failure::when("the client for the key set cannot be made"))?;
    Verifier::new(options, clock, &client).map_err(Failure::when("the settings of [tokens] cannot be used"))
}

/// A secret text as the bytes of a key.
pub(crate) fn key(secret: &Secret) -> masthead_tokens::Secret {
    masthead_tokens::Secret::new(secret.reveal().as_bytes())
}

/// The store, which connects when it is first used. Must be called within a Tokio runtime.
///
/// # Errors
/// A URL cannot be read.
pub(crate) fn store(settings: &DatabaseSettings) -> Result<Store, Failure> {
    let options = StoreOptions {
        direct_url: Some(settings.direct_url.reveal().to_owned()),
        lookup_connections: settings.lookup_connections,
        lookup_batch: settings.lookup_batch,
        search_connections: settings.search_connections,
        // The older name: its documentation said that it is for PgBouncer in transaction mode.
        pooler: settings.pooler || !settings.named_prepared_statements,
        statement_timeout: settings.statement_timeout,
        acquire_timeout: settings.acquire_timeout,
        event_queue: settings.event_queue,
        ..StoreOptions::new(settings.url.reveal())
    };
    Store::open(&options).map_err(Failure::when("the settings of [database] cannot be used"))
}

//! Checks the raw settings of `[tokens]`.

use std::{path::PathBuf, time::Duration};

use masthead_api::ReadScopeGrants;
use masthead_tokens::verifier::is_safe_key_address;

use super::HOUR;
use crate::settings::{
    checker::Checker,
    model::{TokenKeySource, TokenSettings},
    raw::RawTokens,
    secret::SecretText,
};

/// The largest allowed clock skew (`masthead_tokens` accepts no more).
const MAX_LEEWAY: Duration = Duration::from_mins(5);

/// The shortest HS256 secret, in bytes (RFC 7518 §3.2: a key of the hash's size or larger).
const MIN_HS256_BYTES: usize = 32;

pub(in crate::settings) fn tokens(raw: &RawTokens, c: &mut Checker<'_>) -> Option<TokenSettings> {
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
    let read_scopes = read_scope_grants(&raw.read_scope_grants, c);
    Some(TokenSettings {
        issuer: issuer?,
        audience: audience?,
        keys: keys?,
        jwks_cooldown: jwks_cooldown?,
        leeway: leeway?,
        types: types?,
        max_lifetime: max_lifetime?,
        read_scopes: read_scopes?,
    })
}

/// Words with blanks between; look-ups are always granted.
fn read_scope_grants(text: &str, c: &mut Checker<'_>) -> Option<ReadScopeGrants> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_known = |word: &&str| ["read", "search", "list"].contains(word);
    let good = words.contains(&"read") && words.iter().all(is_known);
    if !good {
        c.errors.add(
            "tokens.read_scope_grants",
            "must be read, and perhaps search and list, with blanks between",
        );
    }
    good.then(|| ReadScopeGrants {
        search: words.contains(&"search"),
        list: words.contains(&"list"),
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

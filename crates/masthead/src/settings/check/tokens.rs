//! Checks the raw settings of `[tokens]`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use masthead_api::ReadScopeGrants;
use masthead_tokens::{Algorithm, ClaimPath, ClaimRules, IssuerKind, MAX_ISSUERS, issuer::is_safe_key_address};

use super::HOUR;
use crate::settings::{
    checker::Checker,
    model::{IssuerSettings, TokenKeySource, TokenSettings},
    raw::{RawIssuer, RawTokens},
    secret::SecretText,
};

/// The largest allowed clock skew (`masthead_tokens` accepts no more).
const MAX_LEEWAY: Duration = Duration::from_mins(5);

/// The shortest HS256 secret, in bytes (RFC 7518 §3.2: a key of the hash's size or larger).
const MIN_HS256_BYTES: usize = 32;

/// The section of the first issuer.
const TOKENS: &str = "tokens";

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

pub(in crate::settings) fn tokens(
    raw: &RawTokens,
    further: &BTreeMap<String, RawIssuer>,
    c: &mut Checker<'_>,
) -> Option<TokenSettings> {
    let issuers = issuers(raw, further, c);
    let jwks_refresh = c.duration("tokens.jwks_refresh", &raw.jwks_refresh, SECOND..=24 * HOUR);
    let jwks_cooldown = c.duration("tokens.jwks_cooldown", &raw.jwks_cooldown, SECOND..=24 * HOUR);
    let jwks_max_stale = c.duration("tokens.jwks_max_stale", &raw.jwks_max_stale, MINUTE..=24 * 30 * HOUR);
    if let (Some(refresh), Some(max_stale)) = (jwks_refresh, jwks_max_stale)
        && refresh * 2 > max_stale
    {
        c.errors
            .add("tokens.jwks_max_stale", "must be at least twice tokens.jwks_refresh");
    }
    let leeway = c.duration("tokens.leeway", &raw.leeway, Duration::ZERO..=MAX_LEEWAY);
    let types = token_types(&raw.types, c);
    let lifetime = MINUTE..=24 * 365 * HOUR;
    let max_lifetime = c.duration("tokens.max_lifetime", &raw.max_lifetime, lifetime.clone());
    let max_minted_lifetime = c.duration("tokens.max_minted_lifetime", &raw.max_minted_lifetime, lifetime);
    let read_scopes = read_scope_grants(&raw.read_scope_grants, c);
    Some(TokenSettings {
        issuers: issuers?,
        jwks_refresh: jwks_refresh?,
        jwks_cooldown: jwks_cooldown?,
        jwks_max_stale: jwks_max_stale?,
        leeway: leeway?,
        types: types?,
        max_lifetime: max_lifetime?,
        max_minted_lifetime: max_minted_lifetime?,
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

fn issuers(raw: &RawTokens, further: &BTreeMap<String, RawIssuer>, c: &mut Checker<'_>) -> Option<Vec<IssuerSettings>> {
    let mut issuers = Vec::new();
    let secret = c.secret("tokens.hs256_secret", &raw.hs256_secret, &raw.hs256_secret_file);
    let is_unused = raw.issuer.is_empty()
        && raw.audience.is_empty()
        && raw.jwks_url.is_empty()
        && raw.jwks_file.is_empty()
        && matches!(secret, Some(None));
    if further.is_empty() || !is_unused {
        let audiences = vec![raw.audience.as_str().into()];
        issuers.push(issuer(TOKENS, TOKENS, &first_issuer(raw), audiences, secret, c));
    }
    for (name, raw) in further {
        let is_good_name = (1..=32).contains(&name.len())
            && *name != TOKENS
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
        let section = format!("issuers.{name}");
        if !is_good_name {
            c.errors.add(
                &section,
                "the name of an issuer must be 1 to 32 of a-z, 0-9, - and _, and not tokens",
            );
        }
        let audiences = listed(&raw.audience).map(Into::into).collect();
        let issuer = issuer(name, &section, raw, audiences, Some(None), c);
        issuers.push(issuer.filter(|_| is_good_name));
    }
    let issuers: Vec<IssuerSettings> = issuers.into_iter().collect::<Option<_>>()?;
    for (n, one) in issuers.iter().enumerate() {
        if issuers.iter().take(n).any(|earlier| earlier.issuer == one.issuer) {
            let key = format!("issuers.{}.issuer", one.name);
            c.errors.add(&key, "must not be that of another issuer");
        }
    }
    if issuers.len() > MAX_ISSUERS {
        c.errors.add("issuers", format!("must be {} at most", MAX_ISSUERS - 1));
    }
    Some(issuers)
}

fn first_issuer(raw: &RawTokens) -> RawIssuer {
    RawIssuer {
        issuer: raw.issuer.clone(),
        audience: raw.audience.clone(),
        jwks_url: raw.jwks_url.clone(),
        jwks_file: raw.jwks_file.clone(),
        kind: raw.kind.clone(),
        algorithms: raw.algorithms.clone(),
        scope_claims: raw.scope_claims.clone(),
        scope_prefix: raw.scope_prefix.clone(),
        tenants_claims: raw.tenants_claims.clone(),
        client_id_claims: raw.client_id_claims.clone(),
        audience_claims: raw.audience_claims.clone(),
    }
}

#[expect(clippy::option_option, reason = "an error and an absent secret are different")]
fn issuer(
    name: &str,
    section: &str,
    raw: &RawIssuer,
    audiences: Vec<Box<str>>,
    secret: Option<Option<SecretText>>,
    c: &mut Checker<'_>,
) -> Option<IssuerSettings> {
    let issuer = c.required(&format!("{section}.issuer"), &raw.issuer);
    let audience = c.required(&format!("{section}.audience"), &raw.audience);
    let keys = secret.and_then(|secret| key_source(section, raw, secret, c));
    let algorithms = algorithms(&format!("{section}.algorithms"), &raw.algorithms, c);
    let claims = claim_rules(section, raw, &audiences, c);
    audience?;
    Some(IssuerSettings {
        name: name.to_owned(),
        issuer: issuer?,
        audiences,
        keys: keys?,
        algorithms: algorithms?,
        claims: claims?,
    })
}

/// What stands between commas.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty())
}

fn algorithms(key: &str, text: &str, c: &mut Checker<'_>) -> Option<Vec<Algorithm>> {
    let of_key_sets = |name| Algorithm::named(name).filter(|algorithm| *algorithm != Algorithm::Hs256);
    let named: Option<Vec<_>> = listed(text).map(of_key_sets).collect();
    let named = named.filter(|named| !named.is_empty());
    if named.is_none() {
        c.errors
            .add(key, "must be some of RS256, ES256, EdDSA, with commas between");
    }
    named
}

fn claim_rules(section: &str, raw: &RawIssuer, audiences: &[Box<str>], c: &mut Checker<'_>) -> Option<ClaimRules> {
    let kind = IssuerKind::from_name(&raw.kind);
    if kind.is_none() {
        let names: Vec<_> = IssuerKind::ALL.into_iter().map(|(_, name)| name).collect();
        c.errors.add(
            &format!("{section}.kind"),
            format!("must be one of {}", names.join(", ")),
        );
    }
    let mut paths = |key: &str, text: &str| {
        let paths: Option<Vec<_>> = listed(text).map(ClaimPath::parse).collect();
        if paths.is_none() {
            c.errors.add(
                &format!("{section}.{key}"),
                "must be names of claims or JSON pointers of up to 256 bytes, with commas between",
            );
        }
        paths
    };
    let scope = paths("scope_claims", &raw.scope_claims);
    let tenants = paths("tenants_claims", &raw.tenants_claims);
    let client_id = paths("client_id_claims", &raw.client_id_claims);
    let audience = paths("audience_claims", &raw.audience_claims);
    let mut rules = ClaimRules::for_kind(kind?, audiences);
    for (rule, given) in [
        (&mut rules.scope, scope?),
        (&mut rules.tenants, tenants?),
        (&mut rules.client_id, client_id?),
        (&mut rules.audience, audience?),
    ] {
        if !given.is_empty() {
            *rule = given;
        }
    }
    if !raw.scope_prefix.is_empty() {
        rules.scope_prefix = raw.scope_prefix.as_str().into();
    }
    Some(rules)
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

fn key_source(
    section: &str,
    raw: &RawIssuer,
    secret: Option<SecretText>,
    c: &mut Checker<'_>,
) -> Option<TokenKeySource> {
    let (url_key, secret_key) = (format!("{section}.jwks_url"), format!("{section}.hs256_secret"));
    let sources = if section == TOKENS {
        "jwks_url, jwks_file and hs256_secret"
    } else {
        "jwks_url and jwks_file"
    };
    match (raw.jwks_url.as_str(), raw.jwks_file.as_str(), secret) {
        ("", "", None) => {
            c.errors.add(&url_key, format!("one of {sources} must be given"));
            None
        }
        (url, "", None) => {
            let good = url.parse().is_ok_and(|uri| is_safe_key_address(&uri));
            if !good {
                c.errors.add(
                    &url_key,
                    "must be an https:// address without user information; http:// only of this host (127.0.0.1, [::1], localhost)",
                );
            }
            good.then(|| TokenKeySource::JwksUrl(url.to_owned()))
        }
        ("", file, None) => Some(TokenKeySource::JwksFile(PathBuf::from(file))),
        ("", "", Some(secret)) => {
            let good = secret.reveal().len() >= MIN_HS256_BYTES;
            if !good {
                c.errors
                    .add(&secret_key, format!("must be at least {MIN_HS256_BYTES} bytes long"));
            }
            good.then_some(TokenKeySource::Hs256(secret))
        }
        _ => {
            // With a shared secret beside a key set, anyone with the public key could sign tokens.
            c.errors.add(&url_key, format!("only one of {sources} may be given"));
            None
        }
    }
}

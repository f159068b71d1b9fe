//! Tokens for development: what `masthead token` prints.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use masthead_domain::access::{Scope, TenantGrant};
use masthead_http_client::Secret;
use masthead_ports::clock::Clock;
use ring::hmac;
use serde_json::json;
use thiserror::Error;

/// The shortest shared secret: as long as the hash (RFC 7518 §3.2).
pub const MIN_SHARED_SECRET_BYTES: usize = 32;

/// The claims of a minted token.
#[derive(Debug, Clone)]
pub struct MintRequest<'a> {
    /// `iss`
    pub issuer: &'a str,
    /// `aud`
    pub audience: &'a str,
    /// `scope`
    pub scopes: &'a [Scope],
    /// `tenants`
    pub tenants: &'a [TenantGrant],
    /// From now to `exp`.
    pub lifetime: Duration,
}

/// No token could be minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MintError {
    /// The secret is shorter than [`MIN_SHARED_SECRET_BYTES`].
    #[error("the shared secret must be at least {MIN_SHARED_SECRET_BYTES} bytes long")]
    ShortSecret,
    /// The lifetime ends after the end of time.
    #[error("the lifetime is too long")]
    LongLifetime,
}

/// Mints a token, signed with HS256 under a shared secret.
///
/// # Errors
/// The secret is too short, or the lifetime too long.
pub fn mint(secret: &Secret, request: &MintRequest<'_>, clock: &dyn Clock) -> Result<String, MintError> {
    if secret.expose().len() < MIN_SHARED_SECRET_BYTES {
        return Err(MintError::ShortSecret);
    }
    let now = clock.now();
    let expires = i64::try_from(request.lifetime.as_secs())
        .ok()
        .and_then(|lifetime| now.unix_timestamp().checked_add(lifetime))
        .ok_or(MintError::LongLifetime)?;
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let scope: Vec<_> = request.scopes.iter().map(|scope| scope.name()).collect();
    let tenants: Vec<_> = request.tenants.iter().map(ToString::to_string).collect();
    let claims = json!({
        "iss": request.issuer,
        "aud": request.audience,
        "iat": now.unix_timestamp(),
        "exp": expires,
        "scope": scope.join(" "),
        "tenants": tenants,
    });
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose()), signed.as_bytes());
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

//! Valid and forged tokens.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};

use super::process::{AUDIENCE, ISSUER};

/// The signature of a token.
pub(crate) enum TokenSigner<'a> {
    Unsigned,
    Hs256(&'a [u8]),
}

/// The claims of a valid token for these tenants, which expires in an hour.
pub(crate) fn claims(tenants: &[&str]) -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "iat": now(), "exp": now() + 3600,
        "scope": "users:read", "tenants": tenants,
    })
}

#[expect(clippy::disallowed_methods, reason = "the server that is tested has no other clock")]
pub(crate) fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

/// A token with these claims, signed with this secret.
pub(crate) fn hs256_token(claims: &Value, secret: &str) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT"});
    token(&header, claims, &TokenSigner::Hs256(secret.as_bytes()))
}

pub(crate) fn token(header: &Value, claims: &Value, signer: &TokenSigner<'_>) -> String {
    let [header, claims] = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
    let text = format!("{header}.{claims}");
    let signature = match signer {
        TokenSigner::Unsigned => Vec::new(),
        TokenSigner::Hs256(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes())
            .as_ref()
            .to_vec(),
    };
    format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

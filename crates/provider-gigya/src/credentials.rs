//! The authentication of each request (`providers.md` §2.2).

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::{HeaderValue, Request, header};
use masthead_ports::clock::Clock;
use masthead_provider_kit::{HttpReply, Secret};
use ring::{
    hmac,
    rand::{SystemRandom, generate},
    rsa::KeyPair,
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use serde_json::json;
use thiserror::Error;
use uuid::Uuid;

use crate::{
    calls::GigyaParams,
    settings::{Auth, GigyaSettings},
    signature::{form, signature},
};

pub(crate) enum GigyaCredentials {
    Secret(Secret),
    Signed(hmac::Key),
    Bearer(Box<KeyPair>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum CredentialsError {
    /// The secret is not base64.
    #[error("the secret is not base64, as the console shows it")]
    UnusableSecret,
    #[error("the private key is no RSA key in PEM, of 2048 bits at least")]
    NoKey,
}

/// A request that cannot be signed.
#[derive(Debug, Error)]
pub(crate) enum SignRequestError {
    #[error("the system gives no random bytes")]
    NoRandomness,
    #[error("the token cannot be signed")]
    NoToken,
    #[error(transparent)]
    Http(#[from] http::Error),
}

impl GigyaCredentials {
    pub(crate) fn read(auth: Auth, found: &Secret) -> Result<Self, CredentialsError> {
        match auth {
            Auth::Secret => {
                let text = found.expose_text().ok_or(CredentialsError::UnusableSecret)?.trim();
                Ok(Self::Secret(Secret::new(text.as_bytes())))
            }
            Auth::Signed => {
                let text = found.expose_text().ok_or(CredentialsError::UnusableSecret)?.trim();
                let bytes = STANDARD
                    .decode(text)
                    .map(Secret::new)
                    .map_err(|_| CredentialsError::UnusableSecret)?;
                if bytes.expose().is_empty() {
                    return Err(CredentialsError::UnusableSecret);
                }
                Ok(Self::Signed(hmac::Key::new(
                    hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                    bytes.expose(),
                )))
            }
            Auth::Bearer => {
                let (kind, der) = found.expose_text().and_then(der).ok_or(CredentialsError::NoKey)?;
                let pair = match kind {
                    Pem::Pkcs8 => KeyPair::from_pkcs8(der.expose()),
                    Pem::Pkcs1 => KeyPair::from_der(der.expose()),
                };
                pair.map(|pair| Self::Bearer(Box::new(pair)))
                    .map_err(|_| CredentialsError::NoKey)
            }
        }
    }
}

enum Pem {
    Pkcs8,
    Pkcs1,
}

fn der(text: &str) -> Option<(Pem, Secret)> {
    let inside = |name: &str| {
        let (_, rest) = text.split_once(&format!("-----BEGIN {name}-----"))?;
        let (body, _) = rest.split_once(&format!("-----END {name}-----"))?;
        let packed: String = body.chars().filter(|char| !char.is_whitespace()).collect();
        STANDARD.decode(packed).ok().map(Secret::new)
    };
    inside("PRIVATE KEY")
        .map(|der| (Pem::Pkcs8, der))
        .or_else(|| inside("RSA PRIVATE KEY").map(|der| (Pem::Pkcs1, der)))
}

/// Signs one tenant's requests with its keys, corrected by the offset of Gigya's clock.
pub(crate) struct RequestSigner {
    origin: Box<str>,
    api_key: Box<str>,
    user_key: Box<str>,
    credentials: GigyaCredentials,
    clock: Arc<dyn Clock>,
    ahead: AtomicI64,
}

impl RequestSigner {
    pub(crate) fn new(settings: &GigyaSettings, credentials: GigyaCredentials, clock: Arc<dyn Clock>) -> Self {
        Self {
            origin: settings.origin.clone(),
            api_key: settings.api_key.clone(),
            user_key: settings.user_key.clone(),
            credentials,
            clock,
            ahead: AtomicI64::new(0),
        }
    }

    /// Creates a request with a new nonce and the current time.
    pub(crate) fn request(&self, method: &str, params: &GigyaParams) -> Result<Request<Bytes>, SignRequestError> {
        let address = format!("{}/{method}", self.origin);
        let mut all: Vec<(&str, &str)> = params.iter().collect();
        all.extend([("apiKey", &*self.api_key), ("format", "json")]);
        let mut token = None;
        // Declared here, since the parameters borrow them.
        let (secret, timestamp, nonce, sig);
        match &self.credentials {
            GigyaCredentials::Secret(plain) => {
                secret = plain.expose_text().unwrap_or_default();
                all.extend([("userKey", &*self.user_key), ("secret", secret)]);
            }
            GigyaCredentials::Signed(key) => {
                timestamp = self.moment().to_string();
                nonce = new_nonce()?;
                all.extend([
                    ("userKey", &*self.user_key),
                    ("timestamp", &*timestamp),
                    ("nonce", &*nonce),
                ]);
                sig = signature(key, &signed_address(&address), &all);
                all.push(("sig", &*sig));
            }
            GigyaCredentials::Bearer(key) => token = Some(self.token(key)?),
        }
        let mut request = Request::post(address)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form(all)))?;
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&token).map_err(http::Error::from)?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// Corrects the clock by the `Date` header of the reply.
    pub(crate) fn correct_clock(&self, reply: &HttpReply) -> bool {
        let Some(date) = reply.date() else { return false };
        let ahead = date.unix_timestamp() - self.clock.now().unix_timestamp();
        self.ahead.store(ahead, Ordering::Relaxed);
        true
    }

    /// The UNIX seconds of Gigya's clock.
    fn moment(&self) -> i64 {
        let now = self.clock.now().unix_timestamp();
        now.saturating_add(self.ahead.load(Ordering::Relaxed))
    }

    fn token(&self, key: &KeyPair) -> Result<String, SignRequestError> {
        let head = json!({"alg": "RS256", "typ": "JWT", "kid": &*self.user_key});
        let claims = json!({"iat": self.moment(), "jti": new_nonce()?});
        let part = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", part(&head), part(&claims));
        let mut signed = vec![0; key.public_key().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signed)
            .map_err(|_| SignRequestError::NoToken)?;
        Ok(format!("Bearer {message}.{}", URL_SAFE_NO_PAD.encode(signed)))
    }
}

/// A nonce: 32 random hexadecimal digits.
fn new_nonce() -> Result<String, SignRequestError> {
    let random: [u8; 16] = generate(&SystemRandom::new())
        .map_err(|_| SignRequestError::NoRandomness)?
        .expose();
    Ok(Uuid::from_bytes(random).simple().to_string())
}

/// Scheme and host in lower case, without the scheme's own port.
fn signed_address(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    let own_port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(own_port).unwrap_or(&host);
    format!("{scheme}://{host}/{path}")
}

impl fmt::Debug for RequestSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_port_is_not_signed() {
        for (address, signed) in [
            (
                "https://Accounts.EU1.gigya.com:443/a.b",
                "https://accounts.eu1.gigya.com/a.b",
            ),
            ("http://127.0.0.1:80/a.b", "http://127.0.0.1/a.b"),
            ("http://127.0.0.1:443/A.b", "http://127.0.0.1:443/A.b"),
        ] {
            assert_eq!(signed_address(address), signed);
        }
    }

    #[test]
    fn unusable_secret_is_detected_early() {
        let read = |auth, text: &str| GigyaCredentials::read(auth, &Secret::new(text.as_bytes())).err();
        assert_eq!(read(Auth::Signed, "c2VjcmV0\n"), None);
        assert_eq!(read(Auth::Secret, "c2VjcmV0"), None);
        for bad in ["", "not base64!", "=="] {
            assert_eq!(
                read(Auth::Signed, bad),
                Some(CredentialsError::UnusableSecret),
                "{bad:?}"
            );
        }
        for bad in [
            "",
            "c2VjcmV0",
            "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\n!\n-----END RSA PRIVATE KEY-----",
        ] {
            assert_eq!(read(Auth::Bearer, bad), Some(CredentialsError::NoKey), "{bad:?}");
        }
    }
}

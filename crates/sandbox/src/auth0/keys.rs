//! The signing keys of the simulated tenant and their public key set.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::error::{KeyRejected, Unspecified};
use ring::rsa::{KeyPair, PublicKeyComponents};
use serde_json::{Value, json};

use crate::rs256::{self, UnverifiedToken};

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Auth0TokenError {
    Malformed,
    Signature,
}

/// One signing key.
#[derive(Debug)]
struct SigningKey {
    id: String,
    pair: KeyPair,
}

/// The signing key first, then older keys that are still published.
#[derive(Debug)]
pub(super) struct KeyRing {
    keys: Vec<SigningKey>,
    generation: usize,
}

impl KeyRing {
    pub(super) fn new() -> Result<Self, KeyRejected> {
        let mut ring = Self {
            keys: Vec::new(),
            generation: 0,
        };
        ring.rotate(false)?;
        Ok(ring)
    }

    /// Signs with the next key from now on; the previous key stays in the key set unless it is revoked.
    pub(super) fn rotate(&mut self, revoke: bool) -> Result<(), KeyRejected> {
        let pair = rs256::key_pair(self.generation)?;
        self.generation += 1;
        let id = format!("sandbox-{:012}", self.generation);
        if revoke {
            self.keys.clear();
        }
        self.keys.insert(0, SigningKey { id, pair });
        self.keys.truncate(2);
        Ok(())
    }

    pub(super) fn key_ids(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.id.clone()).collect()
    }

    /// The public key set.
    pub(super) fn to_jwks(&self) -> Value {
        let keys = self.keys.iter().map(|key| {
            let parts: PublicKeyComponents<Vec<u8>> = key.pair.public().into();
            json!({
                "kty": "RSA", "use": "sig", "alg": "RS256", "kid": key.id,
                "n": URL_SAFE_NO_PAD.encode(parts.n), "e": URL_SAFE_NO_PAD.encode(parts.e),
            })
        });
        json!({"keys": keys.collect::<Vec<_>>()})
    }

    /// Signs claims with the current key.
    pub(super) fn sign(&self, claims: &Value) -> Result<String, Unspecified> {
        let key = self.keys.first().ok_or(Unspecified)?;
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": key.id});
        rs256::sign(&key.pair, &header, claims)
    }

    /// The claims of a token that a published key signed.
    pub(super) fn verify(&self, token: &str) -> Result<Value, Auth0TokenError> {
        let token = UnverifiedToken::parse(token).ok_or(Auth0TokenError::Malformed)?;
        let key = self.keys.iter().find(|key| token.header["kid"] == key.id.as_str());
        match key {
            Some(key) if token.is_signed_by(&key.pair) => Ok(token.claims),
            _ => Err(Auth0TokenError::Signature),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_token_is_refused() {
        let ring = KeyRing::new().unwrap();
        let token = ring.sign(&json!({"sub": "x"})).unwrap();
        assert_eq!(ring.verify(&token), Ok(json!({"sub": "x"})));
        let parts: Vec<&str> = token.split('.').collect();
        let changed = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(r#"{"sub":"y"}"#), parts[2]);
        assert_eq!(ring.verify(&changed), Err(Auth0TokenError::Signature));
        assert_eq!(ring.verify("no token"), Err(Auth0TokenError::Malformed));
    }

    #[test]
    fn rotated_key_stays_published_until_revoked() {
        let mut ring = KeyRing::new().unwrap();
        let old = ring.sign(&json!({})).unwrap();
        ring.rotate(false).unwrap();
        assert_eq!(ring.key_ids().len(), 2);
        assert!(ring.verify(&old).is_ok());
        ring.rotate(true).unwrap();
        assert_eq!(ring.key_ids().len(), 1);
        assert_eq!(ring.verify(&old), Err(Auth0TokenError::Signature));
    }
}

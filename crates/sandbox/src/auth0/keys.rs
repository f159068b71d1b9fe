//! The signing keys, their public key set, and tokens signed and verified with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

/// Private keys (PKCS #8), used in turn; see keys/README.md.
const PRIVATE_KEYS: [&[u8]; 3] = [
    include_bytes!("../../keys/1.pkcs8.der"),
    include_bytes!("../../keys/2.pkcs8.der"),
    include_bytes!("../../keys/3.pkcs8.der"),
];

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
    pub(super) fn new() -> Result<Self, ring::error::KeyRejected> {
        let mut ring = Self {
            keys: Vec::new(),
            generation: 0,
        };
        ring.rotate(false)?;
        Ok(ring)
    }

    /// Signs with the next key from now on; the previous key stays in the key set unless it is revoked.
    pub(super) fn rotate(&mut self, revoke: bool) -> Result<(), ring::error::KeyRejected> {
        let pair = KeyPair::from_pkcs8(PRIVATE_KEYS[self.generation % PRIVATE_KEYS.len()])?;
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
    pub(super) fn sign(&self, claims: &Value) -> Result<String, ring::error::Unspecified> {
        let key = self.keys.first().ok_or(ring::error::Unspecified)?;
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": key.id});
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(&header), encode(claims));
        let mut signature = vec![0; key.pair.public().modulus_len()];
        key.pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims of a token that a published key signed.
    pub(super) fn verify(&self, token: &str) -> Result<Value, Auth0TokenError> {
        let (message, signature) = token.rsplit_once('.').ok_or(Auth0TokenError::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(Auth0TokenError::Malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Auth0TokenError::Malformed);
        let parse = |part: &str| serde_json::from_slice(&decode(part)?).map_err(|_| Auth0TokenError::Malformed);
        let (header, claims): (Value, Value) = (parse(header)?, parse(claims)?);
        let signature = decode(signature)?;
        if header["alg"] != "RS256" {
            return Err(Auth0TokenError::Signature);
        }
        let key = self
            .keys
            .iter()
            .find(|key| header["kid"] == key.id.as_str())
            .ok_or(Auth0TokenError::Signature)?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.pair.public().as_ref())
            .verify(message.as_bytes(), &signature)
            .map_err(|_| Auth0TokenError::Signature)?;
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_token_is_refused() {
        let ring = KeyRing::new().unwrap();
        let token = ring.sign(&json!({"sub": "x"})).unwrap();
        assert_eq!(ring.verify(&token).unwrap(), json!({"sub": "x"}));
        let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"y"}"#);
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(
            ring.verify(&format!("{}.{claims}.{}", parts[0], parts[2])),
            Err(Auth0TokenError::Signature)
        );
        assert_eq!(ring.verify("no token"), Err(Auth0TokenError::Malformed));
    }

    #[test]
    fn rotated_key_stays_published_until_revoked() {
        let mut ring = KeyRing::new().unwrap();
        let old = ring.sign(&json!({})).unwrap();
        ring.rotate(false).unwrap();
        assert_eq!(ring.to_jwks()["keys"].as_array().unwrap().len(), 2);
        assert!(ring.verify(&old).is_ok());
        ring.rotate(true).unwrap();
        assert_eq!(ring.to_jwks()["keys"].as_array().unwrap().len(), 1);
        assert_eq!(ring.verify(&old), Err(Auth0TokenError::Signature));
    }
}

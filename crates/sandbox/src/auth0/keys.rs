//! The keys that sign tokens, the key set that the world sees, and tokens made and read with them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

/// Key and certificate, used in turn; see keys/README.md.
const MATERIAL: [(&[u8], &[u8]); 3] = [
    (
        include_bytes!("../../keys/1.pkcs8.der"),
        include_bytes!("../../keys/1.cert.der"),
    ),
    (
        include_bytes!("../../keys/2.pkcs8.der"),
        include_bytes!("../../keys/2.cert.der"),
    ),
    (
        include_bytes!("../../keys/3.pkcs8.der"),
        include_bytes!("../../keys/3.cert.der"),
    ),
];

/// Why a token was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenFlaw {
    Malformed,
    Signature,
}

/// One signing key.
#[derive(Debug)]
struct SigningKey {
    kid: String,
    pair: KeyPair,
    certificate: &'static [u8],
}

/// The current key first, then older ones that are still published.
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

    /// Signs with the next key from now on; the one before stays in the key set unless it is revoked.
    pub(super) fn rotate(&mut self, revoke: bool) -> Result<(), ring::error::KeyRejected> {
        let (pkcs8, certificate) = MATERIAL[self.generation % MATERIAL.len()];
        let pair = KeyPair::from_pkcs8(pkcs8)?;
        self.generation += 1;
        let kid = format!("sandbox-{:012}", self.generation);
        if revoke {
            self.keys.clear();
        }
        self.keys.insert(0, SigningKey { kid, pair, certificate });
        self.keys.truncate(2);
        Ok(())
    }

    pub(super) fn kids(&self) -> Vec<&str> {
        self.keys.iter().map(|key| key.kid.as_str()).collect()
    }

    /// The key set as Auth0 publishes it.
    pub(super) fn jwks(&self) -> Value {
        let keys = self.keys.iter().map(|key| {
            let parts: PublicKeyComponents<Vec<u8>> = key.pair.public().into();
            let thumbprint = digest(&SHA1_FOR_LEGACY_USE_ONLY, key.certificate);
            json!({
                "kty": "RSA", "use": "sig", "alg": "RS256", "kid": key.kid,
                "n": URL_SAFE_NO_PAD.encode(parts.n), "e": URL_SAFE_NO_PAD.encode(parts.e),
                "x5t": URL_SAFE_NO_PAD.encode(thumbprint), "x5c": [STANDARD.encode(key.certificate)],
            })
        });
        json!({"keys": keys.collect::<Vec<_>>()})
    }

    /// Signs claims with the current key.
    pub(super) fn sign(&self, claims: &Value) -> Result<String, ring::error::Unspecified> {
        let key = self.keys.first().ok_or(ring::error::Unspecified)?;
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": key.kid});
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
    pub(super) fn verified(&self, token: &str) -> Result<Value, TokenFlaw> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenFlaw::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(TokenFlaw::Malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFlaw::Malformed);
        let parse = |part: &str| serde_json::from_slice(&decode(part)?).map_err(|_| TokenFlaw::Malformed);
        let (header, claims): (Value, Value) = (parse(header)?, parse(claims)?);
        let signature = decode(signature)?;
        if header["alg"] != "RS256" {
            return Err(TokenFlaw::Signature);
        }
        let key = self
            .keys
            .iter()
            .find(|key| header["kid"] == key.kid.as_str())
            .ok_or(TokenFlaw::Signature)?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.pair.public().as_ref())
            .verify(message.as_bytes(), &signature)
            .map_err(|_| TokenFlaw::Signature)?;
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_token_is_read_back_and_a_changed_one_is_not() {
        let ring = KeyRing::new().unwrap();
        let token = ring.sign(&json!({"sub": "x"})).unwrap();
        assert_eq!(ring.verified(&token).unwrap(), json!({"sub": "x"}));
        let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"y"}"#);
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(
            ring.verified(&format!("{}.{claims}.{}", parts[0], parts[2])),
            Err(TokenFlaw::Signature)
        );
        assert_eq!(ring.verified("no token"), Err(TokenFlaw::Malformed));
    }

    #[test]
    fn a_rotated_key_stays_published_until_it_is_revoked() {
        let mut ring = KeyRing::new().unwrap();
        let old = ring.sign(&json!({})).unwrap();
        ring.rotate(false).unwrap();
        assert_eq!(ring.jwks()["keys"].as_array().unwrap().len(), 2);
        assert!(ring.verified(&old).is_ok());
        ring.rotate(true).unwrap();
        assert_eq!(ring.jwks()["keys"].as_array().unwrap().len(), 1);
        assert_eq!(ring.verified(&old), Err(TokenFlaw::Signature));
    }
}

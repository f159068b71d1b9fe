//! Tokens of an RSA issuer, and its key set.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};

/// A key of an issuer.
pub(crate) struct RsaIssuer {
    pair: RsaKeyPair,
    kid: &'static str,
}

impl RsaIssuer {
    /// One of the sandbox's test keys (generating an RSA key takes seconds), published with this id.
    pub(crate) fn new(number: usize, kid: &'static str) -> Self {
        let keys: [&[u8]; 2] = [
            include_bytes!("../../../../sandbox/keys/1.pkcs8.der"),
            include_bytes!("../../../../sandbox/keys/2.pkcs8.der"),
        ];
        let pair = RsaKeyPair::from_pkcs8(keys[number]).unwrap();
        Self { pair, kid }
    }

    /// A token with these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({"alg": "RS256", "typ": "JWT", "kid": self.kid}), claims)
    }

    /// A token with any header and a valid signature.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = format!("{header}.{claims}");
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
            .unwrap();
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public key as a member of a key set.
    pub(crate) fn jwk(&self) -> Value {
        let public: PublicKeyComponents<Vec<u8>> = self.pair.public().into();
        json!({
            "kty": "RSA", "kid": self.kid, "alg": "RS256", "use": "sig",
            "n": BASE64_URL_SAFE_NO_PAD.encode(public.n), "e": BASE64_URL_SAFE_NO_PAD.encode(public.e),
        })
    }
}

/// The text of a key set.
pub(crate) fn key_set(issuers: &[&RsaIssuer]) -> String {
    let keys: Vec<_> = issuers.iter().map(|issuer| issuer.jwk()).collect();
    json!({"keys": keys}).to_string()
}

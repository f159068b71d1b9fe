//! Tokens of an RSA issuer, and forgeries based on its public key.

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
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

    /// The public key in every form that a careless verifier might use as a shared secret.
    pub(crate) fn as_shared_secrets(&self) -> Vec<(&'static str, Vec<u8>)> {
        let pkcs1 = self.pair.public_key().as_ref().to_vec();
        let algorithm = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
        let bits = der(0x03, &[b"\0", &*pkcs1].concat());
        let spki = der(0x30, &[&algorithm[..], &bits].concat());
        let base64 = BASE64_STANDARD.encode(&spki);
        let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        let lines = lines.join("\n");
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n");
        vec![
            ("its PEM", pem.clone().into_bytes()),
            (
                "its PEM without the last line end",
                pem.trim_end().to_owned().into_bytes(),
            ),
            ("its DER", spki),
            ("its PKCS#1 DER", pkcs1),
            ("its modulus", self.jwk()["n"].as_str().unwrap().as_bytes().to_vec()),
            ("its JWK", self.jwk().to_string().into_bytes()),
        ]
    }
}

/// A value in DER, with a length of up to two bytes.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head: &[u8] = match length {
        [0, short @ ..0x80] => &[tag, short],
        [0, long] => &[tag, 0x81, long],
        [high, low] => &[tag, 0x82, high, low],
    };
    [head, content].concat()
}

/// The text of a key set.
pub(crate) fn key_set(issuers: &[&RsaIssuer]) -> String {
    let keys: Vec<_> = issuers.iter().map(|issuer| issuer.jwk()).collect();
    json!({"keys": keys}).to_string()
}

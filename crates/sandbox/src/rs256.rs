//! Verifies JSON Web Tokens signed with RS256, with the sandbox's three throw-away keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::error::KeyRejected;
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

/// Private keys (PKCS #8); see keys/README.md.
pub(crate) const PRIVATE_KEYS: [&[u8]; 3] = [
    include_bytes!("../keys/1.pkcs8.der"),
    include_bytes!("../keys/2.pkcs8.der"),
    include_bytes!("../keys/3.pkcs8.der"),
];

/// One of the throw-away keys; after the last comes the first again.
pub(crate) fn key_pair(index: usize) -> Result<KeyPair, KeyRejected> {
    KeyPair::from_pkcs8(PRIVATE_KEYS[index % PRIVATE_KEYS.len()])
}

/// The parts of a token whose signature is not verified yet.
#[derive(Debug)]
pub(crate) struct UnverifiedToken<'a> {
    message: &'a str,
    signature: Vec<u8>,
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl<'a> UnverifiedToken<'a> {
    /// `None` for a text that is not a token.
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        Some(Self {
            message,
            signature: decode(signature)?,
            header: serde_json::from_slice(&decode(header)?).ok()?,
            claims: serde_json::from_slice(&decode(claims)?).ok()?,
        })
    }

    /// Whether the token names RS256 and this key signed it.
    pub(crate) fn is_signed_by(&self, pair: &KeyPair) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public().as_ref());
        self.header["alg"] == "RS256" && key.verify(self.message.as_bytes(), &self.signature).is_ok()
    }
}

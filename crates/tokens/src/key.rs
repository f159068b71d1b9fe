//! A verification key and the one algorithm that it is good for.

use std::sync::atomic::{AtomicBool, Ordering};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
    },
};
use serde::Deserialize;

/// The algorithms that we know (RFC 7518, RFC 8037); `none` is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Algorithm {
    Hs256,
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    /// The algorithm of this name, spelt exactly.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::Hs256),
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// A key that verifies. Once it is retired, nothing that it signed is taken any more, remembered or not.
#[derive(Debug)]
pub(crate) struct Key {
    material: Material,
    retired: AtomicBool,
}

#[derive(Debug)]
enum Material {
    Shared(hmac::Key),
    Rsa { n: Box<[u8]>, e: Box<[u8]> },
    P256(Box<[u8]>),
    Ed25519(Box<[u8]>),
}

/// What we read of a JSON Web Key (RFC 7517).
#[derive(Deserialize)]
pub(crate) struct Jwk {
    kty: String,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    pub(crate) kid: Option<Box<str>>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

impl Key {
    /// A shared secret, for HS256 alone.
    pub(crate) fn shared(secret: &[u8]) -> Self {
        Self::of(Material::Shared(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// A public key of a set; `None` for keys that are not for signatures, or not of a kind and size that we take.
    /// A shared secret (`oct`) is never taken from a set.
    pub(crate) fn public(jwk: &Jwk) -> Option<Self> {
        let for_signatures = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && jwk
                .key_ops
                .as_ref()
                .is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !for_signatures {
            return None;
        }
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Material::Rsa {
                n: modulus(jwk.n.as_deref()?)?,
                e: unsigned(jwk.e.as_deref()?)?,
            },
            ("EC", Some("P-256")) => {
                let (x, y) = (coordinate(jwk.x.as_deref()?)?, coordinate(jwk.y.as_deref()?)?);
                // The uncompressed point (SEC 1 §2.3.3).
                Material::P256([&[4], &x[..], &y[..]].concat().into())
            }
            ("OKP", Some("Ed25519")) => Material::Ed25519(coordinate(jwk.x.as_deref()?)?.into()),
            _ => return None,
        };
        let key = Self::of(material);
        let meant_for_it = jwk
            .alg
            .as_deref()
            .is_none_or(|alg| Algorithm::named(alg) == Some(key.algorithm()));
        meant_for_it.then_some(key)
    }

    const fn of(material: Material) -> Self {
        Self {
            material,
            retired: AtomicBool::new(false),
        }
    }

    /// The one algorithm that this key is good for.
    pub(crate) const fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Shared(_) => Algorithm::Hs256,
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Whether this key made the signature, by its own algorithm.
    pub(crate) fn made(&self, signature: &[u8], message: &[u8]) -> bool {
        match &self.material {
            Material::Shared(key) => hmac::verify(key, message, signature).is_ok(),
            Material::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Material::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
            Material::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point)
                .verify(message, signature)
                .is_ok(),
        }
    }

    /// Whether both are the same public key.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.material, &other.material) {
            (Material::Rsa { n, e }, Material::Rsa { n: other_n, e: other_e }) => n == other_n && e == other_e,
            (Material::P256(point), Material::P256(other)) | (Material::Ed25519(point), Material::Ed25519(other)) => {
                point == other
            }
            _ => false,
        }
    }

    /// From now on it counts as removed.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    /// Whether it is still one of ours.
    pub(crate) fn is_live(&self) -> bool {
        !self.retired.load(Ordering::Acquire)
    }
}

/// A big-endian number without leading zeros.
fn unsigned(text: &str) -> Option<Box<[u8]>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes.get(first..)?.into())
}

/// An RSA modulus of a size that ring verifies with: 2048 to 8192 bits.
fn modulus(text: &str) -> Option<Box<[u8]>> {
    unsigned(text).filter(|n| (256..=1024).contains(&n.len()) && (n.len() > 256 || n.first() >= Some(&0x80)))
}

fn coordinate(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

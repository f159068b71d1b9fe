//! A verification key and the one algorithm that it is good for.

use std::sync::atomic::{AtomicBool, Ordering};

use ring::{
    hmac,
    signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
    },
};

/// The supported algorithms (RFC 7518, RFC 8037); `none` is not among them.
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
            // RFC 9864 §2.2 names the one curve of ours in the algorithm, and deprecates the older name.
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
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

impl Key {
    /// A shared secret, for HS256 alone.
    pub(crate) fn shared(secret: &[u8]) -> Self {
        Self::of(Material::Shared(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// An RSA key of this modulus and exponent, big-endian without leading zeros; `None` for a size that ring does not
    /// verify with: 2048 to 8192 bits.
    pub(crate) fn rsa(n: Box<[u8]>, e: Box<[u8]>) -> Option<Self> {
        let has_good_size = (256..=1024).contains(&n.len()) && (n.len() > 256 || n.first() >= Some(&0x80));
        has_good_size.then(|| Self::of(Material::Rsa { n, e }))
    }

    /// The point of these coordinates on P-256, in its uncompressed form (SEC 1 §2.3.3).
    pub(crate) fn p256(x: &[u8; 32], y: &[u8; 32]) -> Self {
        Self::of(Material::P256([&[4], &x[..], &y[..]].concat().into()))
    }

    /// A key of Ed25519.
    pub(crate) fn ed25519(x: [u8; 32]) -> Self {
        Self::of(Material::Ed25519(x.into()))
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

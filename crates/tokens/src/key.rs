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
pub enum Algorithm {
    /// HMAC with SHA-256 under a shared secret
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256
    Rs256,
    /// ECDSA on P-256 with SHA-256
    Es256,
    /// Ed25519
    EdDsa,
}

impl Algorithm {
    /// Those of key sets, with their names.
    pub const OF_KEY_SETS: [(Self, &'static str); 3] =
        [(Self::Rs256, "RS256"), (Self::Es256, "ES256"), (Self::EdDsa, "EdDSA")];

    /// The algorithm of this name, spelt exactly.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::Hs256),
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            // RFC 9864 §2.2 names the one supported curve in the algorithm, and deprecates the older name.
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// A key that verifies. Once it is retired, nothing that it signed is taken any more, remembered or not.
#[derive(Debug)]
pub(crate) struct VerificationKey {
    material: KeyMaterial,
    retired: AtomicBool,
}

#[derive(Debug)]
enum KeyMaterial {
    Shared(hmac::Key),
    Rsa { n: Box<[u8]>, e: Box<[u8]> },
    P256(Box<[u8]>),
    Ed25519(Box<[u8]>),
}

impl VerificationKey {
    /// A shared secret, for HS256 alone.
    pub(crate) fn shared(secret: &[u8]) -> Self {
        Self::from_material(KeyMaterial::Shared(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// An RSA key of this modulus and exponent, big-endian without leading zeros; `None` for a size that ring does not
    /// verify with: 2048 to 8192 bits.
    pub(crate) fn rsa(n: Box<[u8]>, e: Box<[u8]>) -> Option<Self> {
        let has_good_size = (256..=1024).contains(&n.len()) && (n.len() > 256 || n.first() >= Some(&0x80));
        has_good_size.then(|| Self::from_material(KeyMaterial::Rsa { n, e }))
    }

    /// The point of these coordinates on P-256, in its uncompressed form (SEC 1 §2.3.3).
    pub(crate) fn p256(x: &[u8; 32], y: &[u8; 32]) -> Self {
        Self::from_material(KeyMaterial::P256([&[4], &x[..], &y[..]].concat().into()))
    }

    /// A key of Ed25519.
    pub(crate) fn ed25519(x: [u8; 32]) -> Self {
        Self::from_material(KeyMaterial::Ed25519(x.into()))
    }

    const fn from_material(material: KeyMaterial) -> Self {
        Self {
            material,
            retired: AtomicBool::new(false),
        }
    }

    /// The one algorithm that this key is good for.
    pub(crate) const fn algorithm(&self) -> Algorithm {
        match self.material {
            KeyMaterial::Shared(_) => Algorithm::Hs256,
            KeyMaterial::Rsa { .. } => Algorithm::Rs256,
            KeyMaterial::P256(_) => Algorithm::Es256,
            KeyMaterial::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Whether this key made the signature, by its own algorithm.
    pub(crate) fn made(&self, signature: &[u8], message: &[u8]) -> bool {
        match &self.material {
            KeyMaterial::Shared(key) => hmac::verify(key, message, signature).is_ok(),
            KeyMaterial::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            KeyMaterial::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
            KeyMaterial::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point)
                .verify(message, signature)
                .is_ok(),
        }
    }

    /// Whether both are the same public key.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.material, &other.material) {
            (KeyMaterial::Rsa { n, e }, KeyMaterial::Rsa { n: other_n, e: other_e }) => n == other_n && e == other_e,
            (KeyMaterial::P256(point), KeyMaterial::P256(other))
            | (KeyMaterial::Ed25519(point), KeyMaterial::Ed25519(other)) => point == other,
            _ => false,
        }
    }

    /// From now on it counts as removed.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    /// Whether the algorithm is supported.
    pub(crate) fn is_live(&self) -> bool {
        !self.retired.load(Ordering::Acquire)
    }
}

//! Keyed hashes: HMAC-SHA-256 under keys that are derived from the sealing keys (HKDF, RFC 5869).
//!
//! The hashes are stored, so their form is for all time; the golden value in the test holds it.

use std::collections::BTreeMap;

use masthead_domain::tenant::PoolId;
use masthead_http_client::Secret;
use masthead_ports::keyed_hash::{HashPurpose, KeyedHash, KeyedHasher};
use ring::{hkdf, hmac};

use crate::seal::{SEALING_KEY_BYTES, SealingKeysError};

/// The salt of the derivation, which keeps these keys apart from any other use of the sealing keys.
const SALT: &[u8] = b"masthead keyed hash 1";

/// Hashes under one key, and knows the hashes under the older ones.
pub struct DerivedKeyHasher {
    /// The current key first.
    keys: Vec<PurposeKeys>,
}

/// A key for each purpose.
struct PurposeKeys {
    code: hmac::Key,
    link: hmac::Key,
    attempts: hmac::Key,
    idempotency: hmac::Key,
    tombstone: hmac::Key,
    rate_limits: hmac::Key,
    audit: hmac::Key,
}

impl DerivedKeyHasher {
    /// Derives the keys from the sealing keys by id; the one named `current` hashes.
    ///
    /// # Errors
    /// The current key is missing, or a key has another length than a sealing key.
    pub fn new(current: &str, keys: &BTreeMap<String, Secret>) -> Result<Self, SealingKeysError> {
        let first = keys.get(current).ok_or(SealingKeysError::NoCurrent)?;
        let older = keys.iter().filter(|(id, _)| *id != current).map(|(_, key)| key);
        Ok(Self {
            keys: std::iter::once(first)
                .chain(older)
                .map(PurposeKeys::derive)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl PurposeKeys {
    fn derive(key: &Secret) -> Result<Self, SealingKeysError> {
        let bytes = key.expose();
        if bytes.len() != SEALING_KEY_BYTES {
            return Err(SealingKeysError::BadLength);
        }
        let random = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(bytes);
        // RFC 5869 refuses only output longer than 255 hashes; this is one.
        let key_for = |purpose: &'static [u8]| {
            let info = [purpose];
            let derived = random.expand(&info, hmac::HMAC_SHA256);
            derived.map(hmac::Key::from).map_err(|_| SealingKeysError::BadLength)
        };
        Ok(Self {
            code: key_for(b"verification code")?,
            link: key_for(b"reset link")?,
            attempts: key_for(b"attempts")?,
            idempotency: key_for(b"idempotency")?,
            tombstone: key_for(b"tombstone")?,
            rate_limits: key_for(b"rate limits")?,
            audit: key_for(b"audit")?,
        })
    }

    fn hash(&self, pool: PoolId, purpose: HashPurpose, text: &str) -> KeyedHash {
        let key = match purpose {
            HashPurpose::VerificationCode => &self.code,
            HashPurpose::ResetLink => &self.link,
            HashPurpose::Attempts => &self.attempts,
            HashPurpose::Idempotency => &self.idempotency,
            HashPurpose::Tombstone => &self.tombstone,
            HashPurpose::RateLimits => &self.rate_limits,
            HashPurpose::Audit => &self.audit,
        };
        let mut context = hmac::Context::with_key(key);
        context.update(&pool.0.to_be_bytes());
        context.update(text.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        KeyedHash(hash)
    }
}

impl KeyedHasher for DerivedKeyHasher {
    fn hash(&self, pool: PoolId, purpose: HashPurpose, text: &str) -> KeyedHash {
        self.keys[0].hash(pool, purpose, text)
    }

    fn hashes(&self, pool: PoolId, purpose: HashPurpose, text: &str) -> Vec<KeyedHash> {
        self.keys.iter().map(|key| key.hash(pool, purpose, text)).collect()
    }
}

impl std::fmt::Debug for DerivedKeyHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DerivedKeyHasher")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const PURPOSES: [HashPurpose; 7] = [
        HashPurpose::VerificationCode,
        HashPurpose::ResetLink,
        HashPurpose::Attempts,
        HashPurpose::Idempotency,
        HashPurpose::Tombstone,
        HashPurpose::RateLimits,
        HashPurpose::Audit,
    ];

    fn hasher(current: &str, fills: &[u8]) -> DerivedKeyHasher {
        let keys = fills
            .iter()
            .map(|fill| (fill.to_string(), Secret::new([*fill; SEALING_KEY_BYTES])));
        DerivedKeyHasher::new(current, &keys.collect()).unwrap()
    }

    /// Computed with Python's `hmac` and `hashlib`: extract with the salt, expand with the purpose and byte 1, then HMAC of the
    /// pool as eight bytes and the text.
    #[test]
    fn hash_is_hmac_under_key_derived_by_rfc_5869() {
        let hash = hasher("1", &[1]).hash(PoolId(7), HashPurpose::Tombstone, "ann@example.com");
        assert_eq!(hex(&hash), GOLDEN);
    }

    const GOLDEN: &str = "65b2e26b9afb6213af8100aa52773216dda110defd4edc66084bcaf83dc1f8ec";

    fn hex(hash: &KeyedHash) -> String {
        hash.0.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    #[test]
    fn equal_texts_differ_by_purpose_and_pool() {
        let hasher = hasher("1", &[1]);
        let mut all: Vec<_> = PURPOSES
            .iter()
            .flat_map(|&purpose| [1, 2].map(|pool| hasher.hash(PoolId(pool), purpose, "text")))
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2 * PURPOSES.len());
    }

    #[test]
    fn replaced_key_still_finds() {
        let before = hasher("1", &[1]).hash(PoolId(1), HashPurpose::Tombstone, "text");
        let replaced = hasher("2", &[1, 2]);
        let now = replaced.hash(PoolId(1), HashPurpose::Tombstone, "text");
        assert_ne!(now, before);
        assert_eq!(
            replaced.hashes(PoolId(1), HashPurpose::Tombstone, "text"),
            [now, before]
        );
    }

    #[test]
    fn unusable_keys_are_rejected() {
        let keys = |length: usize| BTreeMap::from([("1".to_owned(), Secret::new(vec![1; length]))]);
        let error = |current, length| DerivedKeyHasher::new(current, &keys(length)).unwrap_err();
        assert_eq!(error("2", SEALING_KEY_BYTES), SealingKeysError::NoCurrent);
        assert_eq!(error("1", SEALING_KEY_BYTES - 1), SealingKeysError::BadLength);
    }
}

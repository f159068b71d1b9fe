//! Keyed hashes of secrets and of personal data that must be found again and never read: codes, links, attempt counters,
//! idempotency keys and tombstones.

use masthead_domain::tenant::PoolId;

/// A keyed hash (HMAC-SHA-256) of a text, for one pool and purpose.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyedHash(pub [u8; 32]);

impl KeyedHash {
    /// The first 64 bits.
    #[must_use]
    pub fn number(&self) -> i64 {
        let [first, ..] = self.0.as_chunks::<8>().0 else {
            return 0;
        };
        i64::from_be_bytes(*first)
    }
}

impl std::fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyedHash(<redacted>)")
    }
}

/// What a text is hashed for; equal texts have unrelated hashes for different purposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashPurpose {
    /// A code that verifies an address, with the address.
    VerificationCode,
    /// The text of a reset link.
    ResetLink,
    /// An account or a client address whose failed sign-ins are counted.
    Attempts,
    /// An `Idempotency-Key`, or the content of its request.
    Idempotency,
    /// The id or the address of a deleted user.
    Tombstone,
    /// The key under which callers and addresses are hashed for limits.
    RateLimits,
    /// What a read asked for, or the id of a user without a registration, in the audit log.
    Audit,
}

/// Hashes texts under a secret key of the server.
pub trait KeyedHasher: Send + Sync {
    /// The hash under the current key.
    fn hash(&self, pool: PoolId, purpose: HashPurpose, text: &str) -> KeyedHash;

    /// The hashes under every known key, the current one first: for finding what was hashed before the key was replaced.
    fn hashes(&self, pool: PoolId, purpose: HashPurpose, text: &str) -> Vec<KeyedHash>;
}

//! A keyed hasher with a fixed key.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use masthead_domain::tenant::PoolId;
use masthead_ports::keyed_hash::{HashPurpose, KeyedHash, KeyedHasher};

/// Hashes that differ by pool, purpose, text and key; not secret. Keys are numbers, the current one first.
#[derive(Debug, Clone)]
pub struct FakeKeyedHasher(pub Vec<u64>);

impl Default for FakeKeyedHasher {
    fn default() -> Self {
        Self(vec![1])
    }
}

impl KeyedHasher for FakeKeyedHasher {
    fn hash(&self, pool: PoolId, purpose: HashPurpose, text: &str) -> KeyedHash {
        self.hashes(pool, purpose, text)[0]
    }

    fn hashes(&self, pool: PoolId, purpose: HashPurpose, text: &str) -> Vec<KeyedHash> {
        let hash = |key: &u64| {
            let mut bytes = [0; 32];
            for (part, chunk) in bytes.chunks_mut(8).enumerate() {
                let mut hasher = DefaultHasher::new();
                (key, part, pool, format!("{purpose:?}"), text).hash(&mut hasher);
                chunk.copy_from_slice(&hasher.finish().to_le_bytes());
            }
            KeyedHash(bytes)
        };
        self.0.iter().map(hash).collect()
    }
}

//! Tokens that were verified, so that a signature is checked once and not at every request.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use masthead_domain::tenant::Grant;
use ring::rand::{SecureRandom, SystemRandom};
use siphasher::sip128::SipHasher24;

use crate::{claims::ValidClaims, key::VerificationKey};

const SHARDS: usize = 16;

/// A bounded memory of verified tokens. It holds no token, only a hash under a key that this process made up: who does
/// not know the key cannot make a token that is taken for another.
pub(crate) struct VerifiedTokens {
    hash_key: [u8; 16],
    shards: [RwLock<HashMap<u128, VerifiedToken>>; SHARDS],
    per_shard: usize,
}

struct VerifiedToken {
    grant: Arc<Grant>,
    key: Arc<VerificationKey>,
    expires: i64,
}

/// What is remembered of a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TokenCacheAnswer {
    /// It was verified, and holds still.
    Good(Arc<Grant>),
    /// It was verified, and has run out.
    Expired,
    /// Nothing, or its key was removed since.
    Nothing,
}

/// The system gave no random bytes.
#[derive(Debug)]
pub(crate) struct HashKeyError;

impl VerifiedTokens {
    /// Remembers up to about `capacity` tokens.
    pub(crate) fn new(capacity: usize) -> Result<Self, HashKeyError> {
        let mut hash_key = [0; 16];
        SystemRandom::new().fill(&mut hash_key).map_err(|_| HashKeyError)?;
        Ok(Self {
            hash_key,
            shards: std::array::from_fn(|_| RwLock::default()),
            per_shard: capacity.div_ceil(SHARDS).max(1),
        })
    }

    /// What is known of this token at `now`, in UNIX seconds.
    pub(crate) fn look_up(&self, token: &str, now: i64) -> TokenCacheAnswer {
        let hash = self.hash(token);
        let shard = self.shard(hash);
        let remembered = match shard.read().unwrap_or_else(PoisonError::into_inner).get(&hash) {
            None => return TokenCacheAnswer::Nothing,
            Some(entry) if !entry.key.is_live() => TokenCacheAnswer::Nothing,
            Some(entry) if now >= entry.expires => TokenCacheAnswer::Expired,
            Some(entry) => return TokenCacheAnswer::Good(Arc::clone(&entry.grant)),
        };
        shard.write().unwrap_or_else(PoisonError::into_inner).remove(&hash);
        remembered
    }

    /// Remembers a token that `key` signed.
    pub(crate) fn remember(&self, token: &str, key: Arc<VerificationKey>, held: ValidClaims, now: i64) -> Arc<Grant> {
        let grant = Arc::new(held.grant);
        let hash = self.hash(token);
        let entry = VerifiedToken {
            grant: Arc::clone(&grant),
            key,
            expires: held.expires,
        };
        let mut shard = self.shard(hash).write().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= self.per_shard && !shard.contains_key(&hash) {
            shard.retain(|_, entry| now < entry.expires && entry.key.is_live());
            if shard.len() >= self.per_shard {
                // Any one: a hot token that is hit comes back at the price of one verification.
                let victim = shard.keys().next().copied();
                victim.and_then(|victim| shard.remove(&victim));
            }
        }
        shard.insert(hash, entry);
        grant
    }

    fn hash(&self, token: &str) -> u128 {
        SipHasher24::new_with_key(&self.hash_key)
            .hash(token.as_bytes())
            .as_u128()
    }

    fn shard(&self, hash: u128) -> &RwLock<HashMap<u128, VerifiedToken>> {
        let [first, ..] = hash.to_be_bytes();
        &self.shards[usize::from(first) % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(expires: i64) -> ValidClaims {
        ValidClaims {
            grant: Grant {
                scopes: Vec::new(),
                tenants: Vec::new(),
            },
            expires,
        }
    }

    fn size(tokens: &VerifiedTokens) -> usize {
        tokens.shards.iter().map(|shard| shard.read().unwrap().len()).sum()
    }

    #[test]
    fn token_is_cached_until_expiry_or_key_removal() {
        let tokens = VerifiedTokens::new(100).unwrap();
        let key = Arc::new(VerificationKey::shared(b"k"));
        tokens.remember("a", Arc::clone(&key), held(10), 0);
        assert!(matches!(tokens.look_up("a", 9), TokenCacheAnswer::Good(_)));
        assert_eq!(tokens.look_up("b", 9), TokenCacheAnswer::Nothing);
        assert_eq!(tokens.look_up("a", 10), TokenCacheAnswer::Expired);
        assert_eq!(
            tokens.look_up("a", 10),
            TokenCacheAnswer::Nothing,
            "it was not forgotten"
        );

        tokens.remember("a", Arc::clone(&key), held(10), 0);
        key.retire();
        assert_eq!(tokens.look_up("a", 9), TokenCacheAnswer::Nothing);
    }

    #[test]
    fn token_cache_is_bounded() {
        let tokens = VerifiedTokens::new(64).unwrap();
        let key = Arc::new(VerificationKey::shared(b"k"));
        for n in 0..10_000 {
            tokens.remember(&n.to_string(), Arc::clone(&key), held(5), 0);
        }
        assert!(size(&tokens) <= 64);
        // At second 5 all of them are expired: one new token in a full shard clears it.
        for n in 0..1_000 {
            tokens.remember(&format!("new {n}"), Arc::clone(&key), held(100), 5);
        }
        let left = tokens.shards.iter().flat_map(|shard| {
            shard
                .read()
                .unwrap()
                .values()
                .map(|entry| entry.expires)
                .collect::<Vec<_>>()
        });
        assert!(left.into_iter().all(|expires| expires == 100));
    }
}

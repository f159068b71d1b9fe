//! Tokens that were verified, so that a signature is checked once and not at every request.

use std::sync::Arc;

use masthead_ports::tokens::VerifiedToken;
use quick_cache::sync::Cache;
use ring::rand::{SecureRandom, SystemRandom};
use siphasher::sip128::SipHasher24;

use crate::{claims::ValidClaims, key::VerificationKey};

/// A bounded cache of verified tokens. It contains no token, only a hash under a random key of this process, so that no
/// caller can make a token with another's hash.
pub(crate) struct VerifiedTokens {
    hash_key: [u8; 16],
    tokens: Cache<u128, CachedToken>,
}

#[derive(Clone)]
struct CachedToken {
    token: Arc<VerifiedToken>,
    key: Arc<VerificationKey>,
    expires: i64,
}

/// The cached result for a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TokenCacheAnswer {
    /// It was verified, and is still valid.
    Good(Arc<VerifiedToken>),
    Expired,
    /// It is not cached, or its key was removed since.
    Nothing,
}

/// The system gave no random bytes.
#[derive(Debug)]
pub(crate) struct HashKeyError;

impl VerifiedTokens {
    /// A cache of up to `capacity` tokens.
    pub(crate) fn new(capacity: usize) -> Result<Self, HashKeyError> {
        let mut hash_key = [0; 16];
        SystemRandom::new().fill(&mut hash_key).map_err(|_| HashKeyError)?;
        Ok(Self {
            hash_key,
            tokens: Cache::new(capacity),
        })
    }

    /// The cached result for this token at `now`, in UNIX seconds.
    pub(crate) fn look_up(&self, token: &str, now: i64) -> TokenCacheAnswer {
        let hash = self.hash(token);
        match self.tokens.get(&hash) {
            Some(entry) if !entry.key.is_live() => TokenCacheAnswer::Nothing,
            Some(entry) if now >= entry.expires => {
                self.tokens.remove(&hash);
                TokenCacheAnswer::Expired
            }
            Some(entry) => TokenCacheAnswer::Good(entry.token),
            None => TokenCacheAnswer::Nothing,
        }
    }

    /// Caches a token signed by `key`.
    pub(crate) fn remember(&self, token: &str, key: Arc<VerificationKey>, claims: ValidClaims) -> Arc<VerifiedToken> {
        let verified = Arc::new(claims.token);
        let entry = CachedToken {
            token: Arc::clone(&verified),
            key,
            expires: claims.expires,
        };
        self.tokens.insert(self.hash(token), entry);
        verified
    }

    fn hash(&self, token: &str) -> u128 {
        SipHasher24::new_with_key(&self.hash_key)
            .hash(token.as_bytes())
            .as_u128()
    }
}

#[cfg(test)]
mod tests {
    use masthead_domain::access::Grant;

    use super::*;

    fn held(expires: i64) -> ValidClaims {
        ValidClaims {
            token: VerifiedToken {
                identity: Arc::default(),
                grant: Grant {
                    scopes: Vec::new(),
                    tenants: Vec::new(),
                },
            },
            expires,
        }
    }

    #[test]
    fn token_is_cached_until_expiry_or_key_removal() {
        let tokens = VerifiedTokens::new(100).unwrap();
        let key = Arc::new(VerificationKey::shared(b"k"));
        tokens.remember("a", Arc::clone(&key), held(10));
        assert!(matches!(tokens.look_up("a", 9), TokenCacheAnswer::Good(_)));
        assert_eq!(tokens.look_up("b", 9), TokenCacheAnswer::Nothing);
        assert_eq!(tokens.look_up("a", 10), TokenCacheAnswer::Expired);
        assert_eq!(
            tokens.look_up("a", 10),
            TokenCacheAnswer::Nothing,
            "it was not forgotten"
        );

        tokens.remember("a", Arc::clone(&key), held(10));
        key.retire();
        assert_eq!(tokens.look_up("a", 9), TokenCacheAnswer::Nothing);
    }

    #[test]
    fn token_cache_is_bounded() {
        let tokens = VerifiedTokens::new(64).unwrap();
        let key = Arc::new(VerificationKey::shared(b"k"));
        for n in 0..10_000 {
            tokens.remember(&n.to_string(), Arc::clone(&key), held(5));
        }
        assert!(tokens.tokens.len() <= 64);
    }
}

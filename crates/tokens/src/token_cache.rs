//! Tokens that were verified, so that a signature is checked once and not at every request.

use std::sync::Arc;

use masthead_ports::tokens::VerifiedToken;
use quick_cache::sync::Cache;
use ring::rand::{SecureRandom, SystemRandom};
use siphasher::sip128::SipHasher24;

use crate::{claims::ValidClaims, issuer::Issuer, key::VerificationKey};

/// A bounded cache of verified tokens. It contains no token, only a hash under a random key of this process, so that no
/// caller can make a token with another's hash.
pub(crate) struct VerifiedTokens {
    hash_key: [u8; 16],
    tokens: Cache<u128, Arc<CachedToken>>,
}

/// A token whose signature is good.
#[derive(Clone)]
pub(crate) struct CachedToken {
    pub(crate) issuer: Arc<Issuer>,
    /// The key that signed it.
    pub(crate) key: Arc<VerificationKey>,
    pub(crate) claims: Arc<ValidClaims>,
    /// The version of the rules about callers that `verified` follows; `None` where there are none.
    pub(crate) rules: Option<i64>,
    pub(crate) verified: Arc<VerifiedToken>,
}

/// The cached result for a token.
pub(crate) enum TokenCacheAnswer {
    /// It was verified, and its time has not ended.
    Good(Arc<CachedToken>),
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
            Some(entry) if !entry.key.is_live() => {
                self.tokens.remove(&hash);
                TokenCacheAnswer::Nothing
            }
            Some(entry) if now >= entry.claims.expires => {
                self.tokens.remove(&hash);
                TokenCacheAnswer::Expired
            }
            Some(entry) => TokenCacheAnswer::Good(entry),
            None => TokenCacheAnswer::Nothing,
        }
    }

    /// Caches a verified token.
    pub(crate) fn remember(&self, token: &str, verified: CachedToken) {
        self.tokens.insert(self.hash(token), Arc::new(verified));
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
    use crate::{
        claim_rules::ClaimedGrant,
        issuer::Signers,
        verifier::testing::{issuer_options, limits},
    };

    /// A token signed by `key` that ends at `expires`.
    fn cached(key: &Arc<VerificationKey>, expires: i64) -> CachedToken {
        let issuer = Issuer::with_signers(issuer_options(), Signers::Shared(Arc::clone(key)), &limits());
        CachedToken {
            issuer: Arc::new(issuer.unwrap()),
            key: Arc::clone(key),
            claims: Arc::new(ValidClaims {
                identity: Arc::default(),
                grant: ClaimedGrant {
                    scopes: None,
                    tenants: None,
                },
                expires,
            }),
            rules: None,
            verified: Arc::new(VerifiedToken {
                identity: Arc::default(),
                grant: Grant {
                    scopes: Vec::new(),
                    tenants: Vec::new(),
                },
            }),
        }
    }

    #[test]
    fn token_is_cached_until_expiry_or_key_removal() {
        use TokenCacheAnswer::{Expired, Good, Nothing};
        let tokens = VerifiedTokens::new(100).unwrap();
        let key = Arc::new(VerificationKey::shared(b"k"));
        tokens.remember("a", cached(&key, 10));
        assert!(matches!(tokens.look_up("a", 9), Good(_)));
        assert!(matches!(tokens.look_up("b", 9), Nothing));
        assert!(matches!(tokens.look_up("a", 10), Expired));
        assert!(matches!(tokens.look_up("a", 10), Nothing), "it was not forgotten");

        tokens.remember("a", cached(&key, 10));
        key.retire();
        assert!(matches!(tokens.look_up("a", 9), Nothing));
        assert_eq!(tokens.tokens.len(), 0, "a removed key's token is kept");
    }

    #[test]
    fn token_cache_is_bounded() {
        let tokens = VerifiedTokens::new(64).unwrap();
        let key = Arc::new(VerificationKey::shared(b"k"));
        for n in 0..10_000 {
            tokens.remember(&n.to_string(), cached(&key, 5));
        }
        assert!(tokens.tokens.len() <= 64);
    }
}

//! A set of public keys (RFC 7517 §5).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    jwk::{Jwk, SkippedKeyError},
    key::{Algorithm, VerificationKey},
    key_set_remark::KeySetRemark,
};

/// The most keys that are taken of a set.
const MAX_KEYS: usize = 64;

/// The most keys that one token is tried with. A published set has one or two of a kind, and more while it rotates.
const MAX_CANDIDATES: usize = 8;

/// The keys that may sign tokens now. It may hold none: then nothing is signed by a known key.
#[derive(Debug)]
pub(crate) struct KeySet {
    keys: Vec<NamedKey>,
    remarks: Vec<KeySetRemark>,
}

#[derive(Debug, Clone)]
struct NamedKey {
    kid: Option<Box<str>>,
    key: Arc<VerificationKey>,
}

/// The result of checking a token's signature.
#[derive(Debug)]
pub(crate) enum KeyMatch {
    Signer(Arc<VerificationKey>),
    /// No key of the set did, and a newer set may have one that did: the token names a key that is not in the set, or none.
    Unknown,
    /// The named key did not sign it.
    Unfit,
}

#[derive(Deserialize)]
struct KeySetDocument {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set, with or without a byte order mark (RFC 8259 §8.1). Unusable members are ignored, as RFC 7517 §5
    /// requires, and noted for the operator; a set may end up without keys. `None` when the text is no key set.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        let document: KeySetDocument = serde_json::from_slice(json).ok()?;
        let mut set = Self {
            keys: Vec::new(),
            remarks: Vec::new(),
        };
        for member in &document.keys {
            set.add(member);
        }
        if set.keys.is_empty() {
            set.remarks.push(KeySetRemark::NoKey);
        }
        Some(set)
    }

    fn add(&mut self, member: &Value) {
        let kid = || member.get("kid").and_then(Value::as_str);
        let jwk = match Jwk::read(member) {
            Ok(jwk) => jwk,
            Err(SkippedKeyError::OtherPurpose(why)) => {
                return self.remarks.push(KeySetRemark::other_purpose(kid(), why));
            }
            Err(SkippedKeyError::Faulty(why)) => return self.remarks.push(KeySetRemark::faulty(kid(), why)),
        };
        if jwk.has_private_half {
            self.remarks.push(KeySetRemark::private_half(kid()));
        }
        let mut namesakes = self.keys.iter().filter(|named| named.kid == jwk.kid).peekable();
        let shares_kid = jwk.kid.is_some() && namesakes.peek().is_some();
        // RFC 7517 §4.5 only recommends distinct kids: equal keys count once, different ones are all tried.
        if namesakes.any(|named| named.key.is(&jwk.key)) {
            return self.remarks.push(KeySetRemark::repeated(kid()));
        }
        if self.keys.len() == MAX_KEYS {
            return self
                .remarks
                .push(KeySetRemark::faulty(kid(), "the set has too many keys"));
        }
        if shares_kid {
            self.remarks.push(KeySetRemark::shared_kid(kid()));
        }
        self.keys.push(NamedKey {
            kid: jwk.kid,
            key: Arc::new(jwk.key),
        });
    }

    /// What the operator should know of the set.
    pub(crate) fn remarks(&self) -> &[KeySetRemark] {
        &self.remarks
    }

    pub(crate) const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Takes the place of `old`: keys in both stay the same object, keys that are gone are retired.
    pub(crate) fn replacing(mut self, old: &Self) -> Self {
        for named in &mut self.keys {
            let same = old
                .keys
                .iter()
                .find(|old| old.kid == named.kid && old.key.is(&named.key));
            if let Some(same) = same {
                named.key = Arc::clone(&same.key);
            }
        }
        for gone in &old.keys {
            if !self.keys.iter().any(|kept| Arc::ptr_eq(&kept.key, &gone.key)) {
                gone.key.retire();
            }
        }
        self
    }

    /// Finds the key that `made` a signature. The keys of this `kid` are tried, then the ones that have no name, all of this
    /// algorithm and at most [`MAX_CANDIDATES`]; without a `kid`, all of the algorithm.
    pub(crate) fn signer(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        made: &dyn Fn(&VerificationKey) -> bool,
    ) -> KeyMatch {
        let named = self.keys.iter().filter(|named| named.kid.as_deref() == kid);
        let others = self.keys.iter().filter(|named| match kid {
            Some(_) => named.kid.is_none(),
            None => named.kid.is_some(),
        });
        let signer = named
            .chain(others)
            .filter(|named| named.key.algorithm() == algorithm)
            .take(MAX_CANDIDATES)
            .find(|named| made(&named.key));
        match signer {
            Some(signer) => KeyMatch::Signer(Arc::clone(&signer.key)),
            None if kid.is_some_and(|kid| self.names(kid)) => KeyMatch::Unfit,
            None => KeyMatch::Unknown,
        }
    }

    fn names(&self, kid: &str) -> bool {
        self.keys.iter().any(|named| named.kid.as_deref() == Some(kid))
    }
}

#[cfg(test)]
mod tests;

//! A set of public keys (RFC 7517 §5).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::key::{Algorithm, Jwk, Key};

/// The most keys that are taken of a set.
const MAX_KEYS: usize = 64;

/// The keys that may sign tokens now.
#[derive(Debug)]
pub(crate) struct KeySet {
    keys: Vec<Named>,
}

#[derive(Debug, Clone)]
struct Named {
    kid: Option<Box<str>>,
    key: Arc<Key>,
}

/// What a set knows of a token's header.
#[derive(Debug)]
pub(crate) enum Found {
    /// The key that must have signed it.
    Key(Arc<Key>),
    /// The named key is not in the set: a newer set may have it.
    Unknown,
    /// The header fits no key, and no newer set would change that.
    Unfit,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set. Keys of other kinds are passed over, as RFC 7517 §5 asks; `None` when none is left.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(json).ok()?;
        let keys: Vec<_> = document
            .keys
            .into_iter()
            .filter_map(|value| {
                let mut jwk: Jwk = serde_json::from_value(value).ok()?;
                let key = Arc::new(Key::public(&jwk)?);
                Some(Named {
                    kid: jwk.kid.take(),
                    key,
                })
            })
            .take(MAX_KEYS)
            .collect();
        (!keys.is_empty()).then_some(Self { keys })
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

    /// Finds the key for a header. Without a `kid` the set must leave no choice.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Found {
        let mut fitting = self
            .keys
            .iter()
            .filter(|named| kid.is_none_or(|kid| named.kid.as_deref() == Some(kid)))
            .filter(|named| named.key.algorithm() == algorithm);
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Found::Key(Arc::clone(&only.key)),
            (None, _) if kid.is_some_and(|kid| !self.names(kid)) => Found::Unknown,
            _ => Found::Unfit,
        }
    }

    fn names(&self, kid: &str) -> bool {
        self.keys.iter().any(|named| named.kid.as_deref() == Some(kid))
    }
}

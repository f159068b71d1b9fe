//! The idempotency key with which a write is passed on to a remote Users API.

use std::{fmt::Write as _, sync::Arc};

use masthead_domain::tenant::PoolId;
use masthead_ports::{
    intents::IntentId,
    keyed_hash::{HashPurpose, KeyedHasher},
};

/// The key of a write, which reveals nothing of `text`: the same for each repetition.
pub(crate) fn write_key(hasher: &dyn KeyedHasher, pool: PoolId, text: &str) -> Arc<str> {
    let hash = hasher.hash(pool, HashPurpose::Idempotency, &format!("passed on\n{text}"));
    let mut key = String::with_capacity(2 * hash.0.len());
    for byte in hash.0 {
        // A text is always writable.
        let _ = write!(key, "{byte:02x}");
    }
    key.into()
}

/// The key of a write whose caller gave none.
pub(crate) fn key_of_intent(hasher: &dyn KeyedHasher, pool: PoolId, intent: IntentId) -> Arc<str> {
    write_key(hasher, pool, &format!("intent\n{}", intent.0))
}

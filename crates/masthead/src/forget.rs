//! Forgets erased persons: each server compares what it remembers of providers' answers with the newest erasures.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use masthead_domain::tenant::PoolId;
use masthead_ports::{
    clock::Clock,
    erasure::ErasureId,
    keyed_hash::{HashPurpose, KeyedHash, KeyedHasher},
};
use masthead_subscribe_store::PgUsers;
use tokio_util::sync::CancellationToken;

use crate::providers::Adapters;

/// How often new erasures are looked for.
const EVERY: Duration = Duration::from_secs(5);

/// How far back: transactions commit later than they begin, and a server may be cut off from the database for a time. What it
/// remembers ends by itself after `providers.stale`.
const BACK: Duration = Duration::from_mins(10);

/// Forgets until the end.
pub(crate) async fn run(
    users: Arc<PgUsers>,
    adapters: Adapters,
    hasher: Arc<dyn KeyedHasher>,
    clock: Arc<dyn Clock>,
    end: CancellationToken,
) {
    let mut known: HashSet<ErasureId> = HashSet::new();
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let recent = match users.erasures_since(clock.now() - BACK).await {
            Ok(recent) => recent,
            Err(error) => {
                tracing::warn!(reason = error.kind.name(), "new erasures cannot be read");
                continue;
            }
        };
        let mut new: HashMap<PoolId, HashSet<KeyedHash>> = HashMap::new();
        for (id, pool, hashes) in &recent {
            if !known.contains(id) {
                new.entry(*pool).or_default().extend(hashes);
            }
        }
        known = recent.into_iter().map(|(id, ..)| id).collect();
        if !new.is_empty() {
            adapters.forget(&|text: &str| is_erased(&new, &*hasher, text)).await;
        }
    }
}

/// Whether an id or an address has been erased in any pool: in another one its answer is fetched again, and nothing else happens.
fn is_erased(new: &HashMap<PoolId, HashSet<KeyedHash>>, hasher: &dyn KeyedHasher, text: &str) -> bool {
    new.iter().any(|(pool, hashes)| {
        let under_each_key = hasher.hashes(*pool, HashPurpose::Tombstone, text);
        under_each_key.iter().any(|hash| hashes.contains(hash))
    })
}

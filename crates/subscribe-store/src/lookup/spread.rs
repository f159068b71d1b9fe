//! Look-ups that are spread over the primary and its replicas (ADR 0114). Without replicas, [`PgLookups`] is used alone.

use std::{sync::Arc, time::Instant};

use masthead_domain::{tenant::PoolId, user_key::UserKey};
use masthead_ports::source::SourceErrorKind;

use super::{
    key::{KeyError, KeyResult},
    postgres::PgLookups,
    worker::{BatchError, LookupBackend},
};
use crate::replicas::{ReplicaNumber, Replicas};

type Key<'a> = (PoolId, &'a UserKey);
type BatchResult = Result<Vec<KeyResult>, BatchError>;

/// One connection to the primary and one to each replica, each opened on first use.
pub(crate) struct SpreadLookups {
    primary: PgLookups,
    on_replicas: Vec<PgLookups>,
    replicas: Arc<Replicas>,
}

/// Some keys of a batch, and their positions in it.
#[derive(Default)]
struct BatchPart<'a> {
    keys: Vec<Key<'a>>,
    positions: Vec<usize>,
}

impl SpreadLookups {
    /// `on_replicas` has one value for each replica.
    pub(crate) const fn new(primary: PgLookups, on_replicas: Vec<PgLookups>, replicas: Arc<Replicas>) -> Self {
        Self {
            primary,
            on_replicas,
            replicas,
        }
    }

    /// The keys whose pools the replica shows with all writes of this process, and the others.
    fn divide<'a>(&self, replica: ReplicaNumber, keys: &[Key<'a>]) -> [BatchPart<'a>; 2] {
        let (mut shown, mut hidden) = (BatchPart::default(), BatchPart::default());
        let view = self.replicas.view(replica);
        for (position, key) in keys.iter().enumerate() {
            let part = if view.has_writes_of(key.0) {
                &mut shown
            } else {
                &mut hidden
            };
            part.keys.push(*key);
            part.positions.push(position);
        }
        [shown, hidden]
    }
}

impl LookupBackend for SpreadLookups {
    async fn query(&mut self, keys: &[Key<'_>], deadline: Instant) -> BatchResult {
        let Some(replica) = self.replicas.choose() else {
            self.replicas.count_primary_reads(keys.len());
            return self.primary.query(keys, deadline).await;
        };
        let [shown, hidden] = self.divide(replica, keys);
        let (primary, replicas) = (&mut self.primary, &*self.replicas);
        let (on_replica, on_primary) = tokio::join!(
            query_replica(&mut self.on_replicas[replica], replicas, replica, &shown.keys, deadline),
            query_primary(primary, replicas, &hidden.keys, deadline),
        );
        let on_replica = match on_replica {
            Some(answers) => Ok(answers),
            None => query_primary(primary, replicas, &shown.keys, deadline).await,
        };
        if hidden.keys.is_empty() {
            return on_replica;
        }
        if shown.keys.is_empty() {
            return on_primary;
        }
        let mut answers: Vec<KeyResult> = keys.iter().map(|_| Err(missing())).collect();
        for (part, results) in [(shown, on_replica), (hidden, on_primary)] {
            part.store(results, &mut answers)?;
        }
        Ok(answers)
    }

    async fn close(self) {
        self.primary.close().await;
        for replica in self.on_replicas {
            replica.close().await;
        }
    }
}

/// `None` if the keys are to be queried on the primary: the replica failed, or is no longer used.
async fn query_replica(
    lookups: &mut PgLookups,
    replicas: &Replicas,
    replica: ReplicaNumber,
    keys: &[Key<'_>],
    deadline: Instant,
) -> Option<Vec<KeyResult>> {
    if keys.is_empty() {
        return Some(Vec::new());
    }
    let answered = tokio::select! {
        biased;
        answered = lookups.query(keys, deadline) => answered.ok(),
        () = replicas.left(replica) => None,
    };
    match answered {
        Some(_) => replicas.count_replica_reads(replica, keys.len()),
        None => replicas.count_repeated_reads(keys.len()),
    }
    answered
}

async fn query_primary(
    lookups: &mut PgLookups,
    replicas: &Replicas,
    keys: &[Key<'_>],
    deadline: Instant,
) -> BatchResult {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    replicas.count_primary_reads(keys.len());
    lookups.query(keys, deadline).await
}

impl BatchPart<'_> {
    /// Stores the results of this part at their positions. A part without results fails alone, unless some key is at fault.
    fn store(self, results: BatchResult, answers: &mut [KeyResult]) -> Result<(), BatchError> {
        match results {
            Ok(results) => {
                for (position, result) in self.positions.into_iter().zip(results) {
                    answers[position] = result;
                }
            }
            Err(error @ BatchError::SearchKeys(_)) => return Err(error),
            Err(error) => {
                tracing::warn!(cause = %error, keys = self.positions.len(), "a part of a batch of look-ups failed");
                for position in self.positions {
                    answers[position] = Err(error.for_key());
                }
            }
        }
        Ok(())
    }
}

/// Replaced for each key: every key is in one part.
const fn missing() -> KeyError {
    KeyError {
        kind: SourceErrorKind::Unavailable,
        cause: None,
    }
}

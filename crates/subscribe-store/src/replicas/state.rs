//! The state of each replica, as last seen by its watch.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use masthead_domain::tenant::PoolId;
use metrics::{Counter, Gauge, counter, gauge};
use serde::Serialize;
use tokio::sync::Notify;

use crate::pool_writes::{PoolWrites, ReplicaView};

/// The position of a replica in `database.replica_urls`, from 0.
pub(crate) type ReplicaNumber = usize;

/// The replicas of a store.
pub(crate) struct Replicas {
    states: Box<[ReplicaState]>,
    writes: Arc<PoolWrites>,
    turn: AtomicUsize,
    primary_reads: Counter,
    repeated_reads: Counter,
}

struct ReplicaState {
    is_used: AtomicBool,
    /// The position of the log that the replica has replayed.
    replayed: Arc<AtomicU64>,
    /// Wakes readers when the replica is no longer used.
    left: Notify,
    unused: Mutex<Option<Unused>>,
    reads: Counter,
    up: Gauge,
    lag_seconds: Gauge,
}

/// Why a replica is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unused {
    /// It was not seen yet.
    Unseen,
    /// It refuses connections, or does not answer in time.
    Unavailable,
    /// The URL leads through a connection pooler, and `database.pooler` is not set.
    Pooler,
    /// It is more than `database.replica_max_lag` behind, or lacks writes of this process.
    Behind,
    /// It is the primary itself, as after a failover.
    Primary,
    /// It is a server of its own and no replica: it was promoted, or never was one.
    Promoted,
    /// It is a copy of another database cluster.
    Foreign,
    /// Its schema is not that of this program.
    Schema,
}

/// The state of a replica, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplicaHealth {
    /// Its place in `database.replica_urls`, from 1.
    pub replica: usize,
    /// Whether it answers reads.
    pub used: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
}

impl Unused {
    const fn reason(self) -> &'static str {
        match self {
            Self::Unseen => "not seen yet",
            Self::Unavailable => "unavailable",
            Self::Pooler => "its URL leads through a connection pooler, and database.pooler is not set",
            Self::Behind => "too far behind the primary",
            Self::Primary => "it is the primary",
            Self::Promoted => "not in recovery: it is no replica, or was promoted",
            Self::Foreign => "a replica of another cluster",
            Self::Schema => "wrong schema version",
        }
    }

    /// Whether an operator must act.
    const fn is_mistake(self) -> bool {
        match self {
            Self::Pooler | Self::Promoted | Self::Foreign | Self::Schema => true,
            Self::Unseen | Self::Unavailable | Self::Behind | Self::Primary => false,
        }
    }
}

impl Replicas {
    /// This many replicas, none of them in use before its watch has seen it.
    pub(crate) fn new(count: usize, writes: Arc<PoolWrites>) -> Self {
        let state = |n: ReplicaNumber| {
            let number = (n + 1).to_string();
            ReplicaState {
                is_used: AtomicBool::new(false),
                replayed: Arc::default(),
                left: Notify::new(),
                unused: Mutex::new(Some(Unused::Unseen)),
                reads: counter!("masthead_database_reads_total", "target" => format!("replica {number}")),
                up: gauge!("masthead_database_replica_up", "replica" => number.clone()),
                lag_seconds: gauge!("masthead_database_replica_lag_seconds", "replica" => number),
            }
        };
        Self {
            states: (0..count).map(state).collect(),
            writes,
            turn: AtomicUsize::new(0),
            primary_reads: counter!("masthead_database_reads_total", "target" => "primary"),
            repeated_reads: counter!("masthead_database_repeated_reads_total"),
        }
    }

    pub(crate) const fn writes(&self) -> &Arc<PoolWrites> {
        &self.writes
    }

    /// The position that a replica has replayed, as last seen: a new connection must not show less.
    pub(crate) fn replayed(&self, replica: ReplicaNumber) -> Arc<AtomicU64> {
        Arc::clone(&self.states[replica].replayed)
    }

    /// A replica in use, in turn.
    pub(crate) fn choose(&self) -> Option<ReplicaNumber> {
        let count = self.states.len();
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut in_turn = (0..count).map(|step| first.wrapping_add(step) % count);
        in_turn.find(|replica| self.is_used(*replica))
    }

    /// A replica in use that has all writes of this process to the pool, in turn.
    pub(crate) fn choose_for(&self, pool: PoolId) -> Option<ReplicaNumber> {
        let first = self.choose()?;
        let count = self.states.len();
        let mut in_turn = (0..count).map(|step| (first + step) % count);
        in_turn.find(|replica| self.is_used(*replica) && self.view(*replica).has_writes_of(pool))
    }

    /// Which writes of this process a replica shows.
    pub(crate) fn view(&self, replica: ReplicaNumber) -> ReplicaView<'_> {
        let replayed = self.states[replica].replayed.load(Ordering::Acquire);
        self.writes.view(replayed)
    }

    pub(crate) fn is_used(&self, replica: ReplicaNumber) -> bool {
        self.states[replica].is_used.load(Ordering::Acquire)
    }

    /// Waits until the replica is no longer used.
    pub(crate) async fn left(&self, replica: ReplicaNumber) {
        let mut left = std::pin::pin!(self.states[replica].left.notified());
        left.as_mut().enable();
        if self.is_used(replica) {
            left.await;
        }
    }

    pub(crate) fn count_replica_reads(&self, replica: ReplicaNumber, reads: usize) {
        self.states[replica].reads.increment(reads as u64);
    }

    pub(crate) fn count_primary_reads(&self, reads: usize) {
        self.primary_reads.increment(reads as u64);
    }

    /// Counts reads that failed on a replica and are repeated on the primary.
    pub(crate) fn count_repeated_reads(&self, reads: usize) {
        self.repeated_reads.increment(reads as u64);
    }

    /// The least position of the replicas in use; `None` if none is.
    pub(crate) fn least_replayed(&self) -> Option<u64> {
        let used = self.states.iter().filter(|state| state.is_used.load(Ordering::Acquire));
        used.map(|state| state.replayed.load(Ordering::Acquire)).min()
    }

    /// Stores the position that the replica has replayed.
    pub(crate) fn set_replayed(&self, replica: ReplicaNumber, position: u64) {
        self.states[replica].replayed.store(position, Ordering::Release);
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a bounded history")]
    pub(crate) fn set_lag(&self, replica: ReplicaNumber, lag: std::time::Duration) {
        self.states[replica].lag_seconds.set(lag.as_millis() as f64 / 1e3);
    }

    /// Stores whether the replica is used; `Err` has the reason why not. A change is logged.
    pub(crate) fn set_state(&self, replica: ReplicaNumber, now: Result<(), Unused>) {
        let state = &self.states[replica];
        state.is_used.store(now.is_ok(), Ordering::Release);
        state.up.set(if now.is_ok() { 1.0 } else { 0.0 });
        if now.is_err() {
            state.left.notify_waiters();
        }
        let before = std::mem::replace(&mut *lock(&state.unused), now.err());
        if before == now.err() {
            return;
        }
        let number = replica + 1;
        match now {
            Ok(()) => tracing::info!(replica = number, "a replica is used"),
            Err(why) if why.is_mistake() => {
                tracing::error!(replica = number, reason = why.reason(), "a replica cannot be used");
            }
            Err(why @ Unused::Primary) => {
                tracing::info!(replica = number, reason = why.reason(), "a replica is not used");
            }
            Err(why) => tracing::warn!(replica = number, reason = why.reason(), "a replica is not used"),
        }
    }

    /// The state of each replica.
    pub(crate) fn health(&self) -> Vec<ReplicaHealth> {
        let health = |(replica, state): (usize, &ReplicaState)| {
            let unused = *lock(&state.unused);
            ReplicaHealth {
                replica,
                used: unused.is_none(),
                why: unused.map(Unused::reason),
            }
        };
        (1..).zip(&self.states).map(health).collect()
    }
}

fn lock(unused: &Mutex<Option<Unused>>) -> std::sync::MutexGuard<'_, Option<Unused>> {
    unused.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicas(count: usize) -> Replicas {
        Replicas::new(count, Arc::default())
    }

    #[test]
    fn replicas_in_use_take_turns() {
        let replicas = replicas(3);
        assert_eq!(replicas.choose(), None, "none was seen yet");
        replicas.set_state(0, Ok(()));
        replicas.set_state(2, Ok(()));
        let mut chosen: Vec<_> = (0..6).filter_map(|_| replicas.choose()).collect();
        chosen.sort_unstable();
        assert!(chosen.iter().all(|replica| [0, 2].contains(replica)));
        assert!(chosen.contains(&0) && chosen.contains(&2));
        replicas.set_state(0, Err(Unused::Behind));
        assert!((0..6).all(|_| replicas.choose() == Some(2)));
    }

    #[test]
    fn replica_without_a_write_is_passed_over() {
        let replicas = replicas(2);
        for (replica, position) in [(0, 50), (1, 100)] {
            replicas.set_replayed(replica, position);
            replicas.set_state(replica, Ok(()));
        }
        drop(replicas.writes().mark_on_drop(PoolId(1)));
        assert_eq!(replicas.choose_for(PoolId(1)), None);
        let sample = replicas.writes().begin_sample();
        replicas.writes().end_sample(sample, 80);
        assert!((0..4).all(|_| replicas.choose_for(PoolId(1)) == Some(1)));
        assert!((0..4).any(|_| replicas.choose_for(PoolId(2)) == Some(0)));
    }

    #[tokio::test]
    async fn leaving_wakes_readers() {
        let replicas = Arc::new(replicas(1));
        replicas.left(0).await;
        replicas.set_state(0, Ok(()));
        let waiting = tokio::spawn({
            let replicas = Arc::clone(&replicas);
            async move { replicas.left(0).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        replicas.set_state(0, Err(Unused::Unavailable));
        waiting.await.unwrap();
        let health = replicas.health();
        assert_eq!(
            (health[0].replica, health[0].used, health[0].why),
            (1, false, Some("unavailable"))
        );
    }
}

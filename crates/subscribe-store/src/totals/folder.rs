//! The background task that folds totals, so that no reader waits for it.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use masthead_domain::tenant::PoolId;
use tokio::{sync::Notify, task::JoinHandle, time::Instant};

use super::{
    TotalsSource,
    fold::{fold_all, fold_pool},
};
use crate::{database::PgDatabase, sqlstate::redacted};

/// The maximum number of pools that wait; more are reported again by their next reader.
const WAITING: usize = 1024;
/// How often all pools are checked: those that are written but never listed have no reader to report them.
const SWEEP_EVERY: Duration = Duration::from_mins(10);
/// The pause after a failure, for instance on a server that is read-only.
const PAUSE: Duration = Duration::from_secs(10);

/// Folds the totals of reported pools, on the connections of writers.
pub(super) struct TotalsFolder {
    queue: Arc<FoldQueue>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct FoldQueue {
    waiting: Mutex<WaitingPools>,
    called: Notify,
}

#[derive(Default)]
struct WaitingPools {
    /// Including the one that is being folded.
    pools: HashSet<(TotalsSource, PoolId)>,
    closed: bool,
}

enum FoldWork {
    Pool(TotalsSource, PoolId),
    Sweep,
}

impl TotalsFolder {
    pub(super) fn start(database: PgDatabase) -> Self {
        let queue = Arc::<FoldQueue>::default();
        Self {
            task: Mutex::new(Some(tokio::spawn(run(Arc::clone(&queue), database)))),
            queue,
        }
    }

    /// Has the totals of a pool folded soon.
    pub(super) fn report(&self, source: TotalsSource, pool: PoolId) {
        self.queue.push(source, pool);
    }

    /// Ends the task after its current statement, or after `patience`.
    pub(super) async fn close(&self, patience: Duration) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return };
        self.queue.close();
        if tokio::time::timeout(patience, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// Without a handle, the task ends.
impl Drop for TotalsFolder {
    fn drop(&mut self) {
        self.queue.close();
    }
}

async fn run(queue: Arc<FoldQueue>, database: PgDatabase) {
    let mut next_sweep = Instant::now() + SWEEP_EVERY;
    while let Some(work) = queue.take(next_sweep).await {
        let folded = match work {
            FoldWork::Pool(source, pool) => fold_pool(&database, source, pool).await,
            FoldWork::Sweep => fold_all(&database).await,
        };
        match work {
            FoldWork::Pool(source, pool) => queue.finish(source, pool),
            FoldWork::Sweep => next_sweep = Instant::now() + SWEEP_EVERY,
        }
        if let Err(error) = folded {
            tracing::debug!(cause = %redacted(error), "totals cannot be folded for now");
            let _ = tokio::time::timeout(PAUSE, queue.until(|waiting| waiting.closed)).await;
        }
    }
}

impl FoldQueue {
    fn push(&self, source: TotalsSource, pool: PoolId) {
        let waiting = &mut *self.lock();
        if !waiting.closed && waiting.pools.len() < WAITING && waiting.pools.insert((source, pool)) {
            self.called.notify_one();
        }
    }

    fn finish(&self, source: TotalsSource, pool: PoolId) {
        self.lock().pools.remove(&(source, pool));
    }

    fn close(&self) {
        self.lock().closed = true;
        self.called.notify_one();
    }

    /// The next work; `None` once closed.
    async fn take(&self, next_sweep: Instant) -> Option<FoldWork> {
        let waits = self.until(|waiting| waiting.closed || !waiting.pools.is_empty());
        if tokio::time::timeout_at(next_sweep, waits).await.is_err() {
            return Some(FoldWork::Sweep);
        }
        let waiting = self.lock();
        let first = waiting.pools.iter().next().filter(|_| !waiting.closed);
        first.map(|(source, pool)| FoldWork::Pool(*source, *pool))
    }

    async fn until(&self, ready: impl Fn(&WaitingPools) -> bool) {
        while !ready(&self.lock()) {
            self.called.notified().await;
        }
    }

    /// A panic cannot leave the set half-changed: no foreign code runs between the changes.
    fn lock(&self) -> MutexGuard<'_, WaitingPools> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

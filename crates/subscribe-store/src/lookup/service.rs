//! The look-ups of a store: a queue, and a worker for each connection.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use masthead_domain::{account::Account, tenant::PoolId, user_key::UserKey};
use masthead_ports::source::{SourceError, SourceErrorKind};
use tokio::{runtime::Handle, sync::oneshot, task::JoinHandle};

use super::{
    queue::{LookupQueue, PendingLookup},
    worker,
};

/// The limits of the queue and of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LookupLimits {
    /// The maximum number of waiting look-ups; one pool may use half of them.
    pub(crate) waiting: usize,
    /// The maximum number of look-ups in a batch.
    pub(crate) batch: usize,
}

pub(crate) struct Lookups {
    pub(super) queue: Arc<LookupQueue>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl Lookups {
    /// Starts one worker per connection, on this runtime: callers on the same runtime are answered without waking another
    /// thread.
    pub(crate) fn start<B: worker::LookupBackend>(
        runtime: &Handle,
        backends: impl IntoIterator<Item = B>,
        limits: LookupLimits,
    ) -> Self {
        let queue = Arc::new(LookupQueue::new(limits.waiting));
        let workers = backends
            .into_iter()
            .map(|backend| runtime.spawn(worker::run(Arc::clone(&queue), backend, limits.batch)))
            .collect();
        Self {
            queue,
            workers: Mutex::new(workers),
        }
    }

    /// Looks up one key. A caller that leaves early does not affect the others.
    pub(crate) async fn find(
        &self,
        operation: &'static str,
        pool: PoolId,
        key: UserKey,
        deadline: Instant,
    ) -> Result<Vec<Account>, SourceError> {
        let (reply, answer) = oneshot::channel();
        let request = PendingLookup {
            pool,
            key,
            deadline,
            since: Instant::now(),
            reply,
        };
        let unavailable = |why: &'static str| SourceError::with_cause(operation, SourceErrorKind::Unavailable, why);
        if self.queue.push(request).is_err() {
            metrics::counter!("masthead_lookup_refused_total").increment(1);
            return Err(unavailable("too many look-ups wait"));
        }
        match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(Ok(result)) => result.map_err(|error| SourceError {
                operation,
                kind: error.kind,
                source: error.cause.map(|cause| Box::new(SharedCauseError(cause)).into()),
            }),
            Ok(Err(_gone)) => Err(unavailable("the store is closing")),
            Err(_late) => Err(unavailable("no result before the deadline")),
        }
    }

    /// Rejects further look-ups, answers the waiting ones, and ends.
    pub(crate) async fn close(&self, patience: Duration) {
        self.queue.close();
        let workers = std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        let until = tokio::time::Instant::now() + patience;
        for mut worker in workers {
            if tokio::time::timeout_at(until, &mut worker).await.is_err() {
                worker.abort();
            }
        }
    }
}

/// A cause that several callers share.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct SharedCauseError(Arc<dyn std::error::Error + Send + Sync>);

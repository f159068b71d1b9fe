//! Exact look-ups by id and by address: look-ups that wait at the same time share one statement, across tenants.
//!
//! A batch holds what was queued during the last batch and in the same turn of the runtime. There is no timer, so a single
//! look-up is not delayed. Reasons and measurements: `docs/adr/0011-coalesced-look-ups.md`.

mod postgres;
mod queue;
mod statement;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{account::Account, crid::Crid, email::EmailKey, tenant::PoolId};
use masthead_ports::source::{SourceError, SourceErrorKind};
use tokio::{runtime::Handle, sync::oneshot, task::JoinHandle};

pub(crate) use postgres::PgLookups;
use queue::{LookupQueue, PendingLookup};

/// The key of a look-up.
#[derive(Clone)]
pub(crate) enum ExactKey {
    /// At most one account.
    Id(Crid),
    /// Every account with this address.
    Email(EmailKey),
}

impl ExactKey {
    /// Whether the account has this key.
    fn matches(&self, account: &Account) -> bool {
        match self {
            Self::Id(crid) => account.crid == *crid,
            Self::Email(key) => account.email.as_ref().is_some_and(|email| email.key() == key),
        }
    }
}

/// The limits of the queue and of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LookupLimits {
    /// The maximum number of waiting look-ups; one pool may use half of them.
    pub(crate) waiting: usize,
    /// The maximum number of look-ups in a batch.
    pub(crate) batch: usize,
}

/// Why one key has no result; the other keys of its batch are not affected.
#[derive(Debug)]
pub(crate) struct KeyError {
    kind: SourceErrorKind,
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The queue of look-ups and its workers.
pub(crate) struct Lookups {
    queue: Arc<LookupQueue>,
    workers: std::sync::Mutex<Vec<JoinHandle<()>>>,
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
            workers: std::sync::Mutex::new(workers),
        }
    }

    /// Looks up one key. A caller that leaves early does not affect the others.
    pub(crate) async fn find(
        &self,
        operation: &'static str,
        pool: PoolId,
        key: ExactKey,
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
        if self.queue.push(request).is_err() {
            metrics::counter!("masthead_lookup_refused_total").increment(1);
            return Err(SourceError::because(
                operation,
                SourceErrorKind::Unavailable,
                "too many look-ups wait",
            ));
        }
        match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(Ok(Ok(accounts))) => Ok(accounts),
            Ok(Ok(Err(failed))) => Err(SourceError {
                operation,
                kind: failed.kind,
                source: failed.cause.map(|cause| Box::new(SharedCauseError(cause)).into()),
            }),
            Ok(Err(_gone)) => Err(SourceError::because(
                operation,
                SourceErrorKind::Unavailable,
                "the store is closing",
            )),
            Err(_late) => Err(SourceError::because(
                operation,
                SourceErrorKind::Unavailable,
                "no result before the deadline",
            )),
        }
    }

    /// Rejects further look-ups, answers the waiting ones, and ends.
    pub(crate) async fn close(&self, patience: Duration) {
        self.queue.close();
        let workers: Vec<JoinHandle<()>> = match self.workers.lock() {
            Ok(mut workers) => workers.drain(..).collect(),
            Err(poisoned) => poisoned.into_inner().drain(..).collect(),
        };
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

//! Exact look-ups by id and by address: those of all tenants that wait at the same time travel in one statement.
//!
//! A batch is what gathered while the last one ran, and what came in the same turn of the runtime: nothing waits for a
//! timer, so a lone request is not delayed. Why, and what it is worth: `docs/adr/0011-coalesced-look-ups.md`.

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

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey, tenant::PoolId,
};
use masthead_ports::source::{SourceError, SourceErrorKind};
use tokio::{runtime::Handle, sync::oneshot, task::JoinHandle};

pub(crate) use postgres::PgLookups;
use queue::{Queue, Request};

/// What is looked up.
#[derive(Clone)]
pub(crate) enum Key {
    /// At most one account.
    Id(CustomerRegistrationId),
    /// Every account with this address.
    Email(EmailKey),
}

impl Key {
    /// Whether an account has this key.
    fn is_of(&self, account: &Account) -> bool {
        match self {
            Self::Id(crid) => account.crid == *crid,
            Self::Email(key) => account.email.as_ref().is_some_and(|email| email.key() == key),
        }
    }
}

/// The bounds of the queue and of its batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many look-ups wait at most; a pool may have half of them.
    pub(crate) waiting: usize,
    /// How many travel together at most.
    pub(crate) batch: usize,
}

/// Why one key has no answer; the others of its batch are not concerned.
#[derive(Debug)]
pub(crate) struct Failed {
    kind: SourceErrorKind,
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The way into the queue, and the tasks that empty it.
pub(crate) struct Lookups {
    queue: Arc<Queue>,
    workers: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Lookups {
    /// Starts a worker on each connection, on this runtime: callers of the same one are answered without waking another
    /// thread.
    pub(crate) fn start<B: worker::Backend>(
        runtime: &Handle,
        backends: impl IntoIterator<Item = B>,
        limits: Limits,
    ) -> Self {
        let queue = Arc::new(Queue::new(limits.waiting));
        let workers = backends
            .into_iter()
            .map(|backend| runtime.spawn(worker::run(Arc::clone(&queue), backend, limits.batch)))
            .collect();
        Self {
            queue,
            workers: std::sync::Mutex::new(workers),
        }
    }

    /// Looks one key up. A caller that goes away before its answer takes nobody with it.
    pub(crate) async fn find(
        &self,
        operation: &'static str,
        pool: PoolId,
        key: Key,
        deadline: Instant,
    ) -> Result<Vec<Account>, SourceError> {
        let (reply, answer) = oneshot::channel();
        let request = Request {
            pool,
            key,
            deadline,
            since: Instant::now(),
            reply,
        };
        if self.queue.push(request).is_err() {
            metrics::counter!("masthead_lookup_refused_total").increment(1);
            return Err(SourceError::with_cause(
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
                source: failed.cause.map(|cause| Box::new(Shared(cause)).into()),
            }),
            Ok(Err(_gone)) => Err(SourceError::with_cause(
                operation,
                SourceErrorKind::Unavailable,
                "the store is closing",
            )),
            Err(_late) => Err(SourceError::with_cause(
                operation,
                SourceErrorKind::Unavailable,
                "no answer before the deadline",
            )),
        }
    }

    /// Takes no more look-ups, answers those that wait, and ends.
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

/// One cause that several callers are told.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Shared(Arc<dyn std::error::Error + Send + Sync>);

//! A worker: takes waiting look-ups, queries them as one batch, and delivers the results.

use std::{fmt, sync::Arc, time::Instant};

use masthead_domain::{tenant::PoolId, user_key::UserKey};
use masthead_ports::source::SourceErrorKind;
use metrics::{Histogram, histogram};

use super::{
    key::{KeyError, KeyResult},
    queue::{LookupQueue, PendingLookup},
};

/// Answers many keys at once. Each worker owns one.
pub(crate) trait LookupBackend: Send + 'static {
    /// Answers all keys, in their order, within the deadline.
    fn query(
        &mut self,
        keys: &[(PoolId, &UserKey)],
        deadline: Instant,
    ) -> impl Future<Output = Result<Vec<KeyResult>, BatchError>> + Send;

    fn close(self) -> impl Future<Output = ()> + Send;
}

/// A batch without results.
#[derive(Debug)]
pub(crate) enum BatchError {
    /// The values of some key are at fault: the other keys are retried without it.
    SearchKeys(Arc<dyn std::error::Error + Send + Sync>),
    /// No key is at fault: retrying each of them would only take longer.
    All(SourceErrorKind, Arc<dyn std::error::Error + Send + Sync>),
}

/// Runs until the queue is closed and empty.
pub(super) async fn run<B: LookupBackend>(queue: Arc<LookupQueue>, mut backend: B, most: usize) {
    let metrics = BatchMetrics::new();
    while let Some(batch) = queue.take(most).await {
        metrics.record(&batch);
        answer(&mut backend, batch).await;
    }
    backend.close().await;
}

/// The histograms of a worker, found once: finding one by its name costs as much as a look-up in the cache of tenants.
struct BatchMetrics {
    size: Histogram,
    waited: Histogram,
}

impl BatchMetrics {
    fn new() -> Self {
        Self {
            size: histogram!("masthead_lookup_batch_size"),
            waited: histogram!("masthead_lookup_queue_seconds"),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a batch has a few hundred keys at most")]
    fn record(&self, batch: &[PendingLookup]) {
        self.size.record(batch.len() as f64);
        if let Some(oldest) = batch.iter().map(|request| request.since).min() {
            self.waited.record(oldest.elapsed());
        }
    }
}

async fn answer<B: LookupBackend>(backend: &mut B, batch: Vec<PendingLookup>) {
    let error = match query(backend, &batch).await {
        Ok(answers) => {
            for (request, answer) in batch.into_iter().zip(answers) {
                // The caller may have left meanwhile.
                let _ = request.reply.send(answer);
            }
            return;
        }
        Err(error) => error,
    };
    if matches!(error, BatchError::SearchKeys(_)) && batch.len() > 1 {
        for request in batch {
            let result = match query(backend, std::slice::from_ref(&request)).await {
                Ok(mut answers) => answers.pop().unwrap_or(Err(KeyError {
                    kind: SourceErrorKind::Corrupt,
                    cause: None,
                })),
                Err(error) => Err(error.for_key()),
            };
            let _ = request.reply.send(result);
        }
        return;
    }
    tracing::warn!(cause = %error, keys = batch.len(), "a batch of look-ups failed");
    for request in batch {
        let _ = request.reply.send(Err(error.for_key()));
    }
}

async fn query<B: LookupBackend>(backend: &mut B, batch: &[PendingLookup]) -> Result<Vec<KeyResult>, BatchError> {
    let keys: Vec<(PoolId, &UserKey)> = batch.iter().map(|request| (request.pool, &request.key)).collect();
    // The latest deadline of the callers.
    let deadline = batch
        .iter()
        .map(|request| request.deadline)
        .max()
        .unwrap_or_else(Instant::now);
    backend.query(&keys, deadline).await
}

impl BatchError {
    pub(super) fn for_key(&self) -> KeyError {
        let (kind, cause) = match self {
            Self::SearchKeys(cause) => (SourceErrorKind::Corrupt, cause),
            Self::All(kind, cause) => (*kind, cause),
        };
        KeyError {
            kind,
            cause: Some(Arc::clone(cause)),
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SearchKeys(cause) | Self::All(_, cause) => cause.fmt(f),
        }
    }
}

//! One worker: takes what waits, asks once, and hands out the answers.

use std::{fmt, sync::Arc, time::Instant};

use masthead_domain::user_key::UserKey;
use masthead_domain::{account::Account, tenant::PoolId};
use masthead_ports::source::SourceErrorKind;

use super::{
    Failed,
    queue::{Queue, Request},
};

/// Something that answers many keys at once. One belongs to each worker.
pub(crate) trait Backend: Send + 'static {
    /// Answers every key, in their order, by the deadline.
    fn ask(
        &mut self,
        keys: &[(PoolId, &UserKey)],
        deadline: Instant,
    ) -> impl Future<Output = Result<Vec<Answer>, BatchError>> + Send;

    /// Ends the connection.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What one key of a batch has for an answer.
pub(crate) type Answer = Result<Vec<Account>, Failed>;

/// A batch without an answer.
#[derive(Debug)]
pub(crate) enum BatchError {
    /// The values of some key are at fault: the others deserve a second try without it.
    Keys(Arc<dyn std::error::Error + Send + Sync>),
    /// No key is at fault; trying each of them would only take longer.
    All(SourceErrorKind, Arc<dyn std::error::Error + Send + Sync>),
}

/// Works until the queue is closed and empty.
pub(super) async fn run<B: Backend>(queue: Arc<Queue>, mut backend: B, most: usize) {
    while let Some(batch) = queue.take(most).await {
        observe(&batch);
        answer(&mut backend, batch).await;
    }
    backend.close().await;
}

#[expect(clippy::cast_precision_loss, reason = "a batch has a few hundred keys at most")]
fn observe(batch: &[Request]) {
    metrics::histogram!("masthead_lookup_batch_size").record(batch.len() as f64);
    if let Some(oldest) = batch.iter().map(|request| request.since).min() {
        metrics::histogram!("masthead_lookup_queue_seconds").record(oldest.elapsed());
    }
}

async fn answer<B: Backend>(backend: &mut B, batch: Vec<Request>) {
    let error = match ask(backend, &batch).await {
        Ok(answers) => {
            for (request, answer) in batch.into_iter().zip(answers) {
                // A caller that has left since is nobody's harm.
                let _ = request.reply.send(answer);
            }
            return;
        }
        Err(error) => error,
    };
    if matches!(error, BatchError::Keys(_)) && batch.len() > 1 {
        for request in batch {
            let result = match ask(backend, std::slice::from_ref(&request)).await {
                Ok(mut answers) => answers.pop().unwrap_or_else(|| Err(short_answer())),
                Err(error) => Err(error.for_key()),
            };
            let _ = request.reply.send(result);
        }
        return;
    }
    tracing::warn!(cause = %error, keys = batch.len(), "a batch of look-ups has no answer");
    for request in batch {
        let _ = request.reply.send(Err(error.for_key()));
    }
}

async fn ask<B: Backend>(backend: &mut B, batch: &[Request]) -> Result<Vec<Answer>, BatchError> {
    let keys: Vec<(PoolId, &UserKey)> = batch.iter().map(|request| (request.pool, &request.key)).collect();
    // The last caller to give up: an answer after that helps nobody.
    let deadline = batch
        .iter()
        .map(|request| request.deadline)
        .max()
        .unwrap_or_else(Instant::now);
    backend.ask(&keys, deadline).await
}

fn short_answer() -> Failed {
    Failed {
        kind: SourceErrorKind::Corrupt,
        cause: None,
    }
}

impl BatchError {
    fn for_key(&self) -> Failed {
        let (kind, cause) = match self {
            Self::Keys(cause) => (SourceErrorKind::Corrupt, cause),
            Self::All(kind, cause) => (*kind, cause),
        };
        Failed {
            kind,
            cause: Some(Arc::clone(cause)),
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys(cause) | Self::All(_, cause) => cause.fmt(f),
        }
    }
}

//! The audit log, as seen by those who write it.

use masthead_domain::event::Event;

/// Takes events of reads. Writes append theirs in the transaction of their change.
pub trait ReadEvents: Send + Sync {
    /// Queues the event and returns at once; when the queue is full it is counted as dropped (contract `answers.md`).
    fn record(&self, event: Event);
}

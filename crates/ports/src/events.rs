//! Writing the audit log.

use masthead_domain::event::Event;

/// Records events of reads. Events of writes are part of the transaction of the write.
pub trait ReadEvents: Send + Sync {
    /// Queues the event and returns immediately; if the queue is full, the event is counted as dropped (contract `answers.md`).
    fn record(&self, event: Event);
}

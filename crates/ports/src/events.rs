//! Writing the audit log.

use masthead_domain::event::Event;
use thiserror::Error;

/// Records events of reads. Events of writes are part of the transaction of the write.
pub trait ReadEvents: Send + Sync {
    /// Queues the event and returns immediately (contract `answers.md`).
    ///
    /// # Errors
    /// The event is lost, and counted as such.
    fn record(&self, event: Event) -> Result<(), EventLostError>;
}

/// The queue is full, or closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the event cannot be recorded")]
pub struct EventLostError;

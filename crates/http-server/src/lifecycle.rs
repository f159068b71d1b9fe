//! The phase of a server's life, which every connection watches.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::watch;

/// The phases of a server's life, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Connections are accepted.
    Running,
    /// Connections are still accepted, but every response closes its HTTP/1.1 connection: balancers learn that the server
    /// leaves, and send their next connections elsewhere.
    Leaving,
    /// No more are accepted; every response closes its HTTP/1.1 connection, and idle ones may still send a request.
    Draining,
    /// Idle connections are closed; open requests may finish.
    Closing,
    /// Everything that is still open is cut.
    Cutting,
}

/// The phase, shared; cheap to clone.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    phase: watch::Sender<Phase>,
    // Read by every request: cheaper than the lock of the channel.
    draining: Arc<AtomicBool>,
}

impl Lifecycle {
    /// A running server.
    #[must_use]
    pub fn new() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Running),
            draining: Arc::default(),
        }
    }

    /// Announces the graceful shutdown: connections are accepted until [`Self::drain`].
    pub fn leave(&self) {
        self.advance(Phase::Leaving);
    }

    /// Starts the graceful shutdown; does nothing if it has started.
    pub fn drain(&self) {
        self.advance(Phase::Draining);
    }

    /// Whether the graceful shutdown is announced or has started.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Advances to a later phase; an earlier one is ignored.
    pub(crate) fn advance(&self, to: Phase) {
        self.draining.store(true, Ordering::Relaxed);
        self.phase.send_if_modified(|phase| {
            let later = to > *phase;
            if later {
                *phase = to;
            }
            later
        });
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

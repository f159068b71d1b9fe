//! How far the end of the server has come, told to every connection.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::watch;

/// The stages of a server's life, in order; none is ever gone back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Connections are accepted.
    Running,
    /// No more are accepted; every answer closes its HTTP/1.1 connection, and idle ones are still listened to.
    Draining,
    /// Idle connections are closed; open requests may end.
    Closing,
    /// What is still open is cut.
    Cutting,
}

/// The phase, shared; cheap to clone.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    phase: watch::Sender<Phase>,
    // Read by every request: cheaper than the channel's lock.
    draining: Arc<AtomicBool>,
}

impl Lifecycle {
    /// A server that runs.
    #[must_use]
    pub fn new() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Running),
            draining: Arc::default(),
        }
    }

    /// Begins the graceful end; nothing when it has begun.
    pub fn drain(&self) {
        self.advance(Phase::Draining);
    }

    /// Whether the end has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Goes on to a later phase; an earlier one is ignored.
    pub(super) fn advance(&self, to: Phase) {
        self.draining.store(true, Ordering::Relaxed);
        self.phase.send_if_modified(|phase| {
            let later = to > *phase;
            if later {
                *phase = to;
            }
            later
        });
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

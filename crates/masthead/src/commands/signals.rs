//! The signals that stop a process in order.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::command_error::CommandError;

/// SIGTERM and SIGINT.
pub(super) struct ServerSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl ServerSignals {
    pub(super) fn listen() -> Result<Self, CommandError> {
        let listen = |kind| signal(kind).map_err(CommandError::context("signals cannot be listened for"));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

//! The signals of a server: those that stop it in order, and those that make it read its settings or open its log again.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{command_error::CommandError, logs::LogControl, reload::Reloader};

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

/// What a signal makes a running server do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerRequest {
    /// SIGHUP: read the settings again, and open the log again.
    Reload,
    /// SIGUSR1: open the log again.
    ReopenLog,
}

/// SIGHUP, SIGUSR1 and SIGUSR2, which would end the process if it did not listen for them.
pub(super) struct RequestSignals {
    hangup: Signal,
    user1: Signal,
    user2: Signal,
}

impl RequestSignals {
    pub(super) fn listen() -> Result<Self, CommandError> {
        let listen = |kind| signal(kind).map_err(CommandError::context("signals cannot be listened for"));
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            user1: listen(SignalKind::user_defined1())?,
            user2: listen(SignalKind::user_defined2())?,
        })
    }

    pub(super) async fn next(&mut self) -> ServerRequest {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => return ServerRequest::Reload,
                _ = self.user1.recv() => return ServerRequest::ReopenLog,
                _ = self.user2.recv() => tracing::info!("SIGUSR2 has no meaning and is ignored"),
            }
        }
    }
}

/// Does what the signals request, one after another, for as long as the server runs.
pub(super) async fn follow_requests(mut requests: RequestSignals, reloader: Reloader, log: Arc<LogControl>) {
    loop {
        match requests.next().await {
            ServerRequest::Reload => drop(reloader.reload().await),
            ServerRequest::ReopenLog => match log.reopen() {
                Ok(()) => tracing::info!("the log is opened again"),
                Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "the log stays as it was"),
            },
        }
    }
}

//! The server's process: started, watched, and stopped in an orderly way.

use std::os::unix::process::CommandExt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::http;
use super::masthead::Masthead;
use crate::child::ChildGuard;
use crate::shell::TaskResult;

/// The time limit for the server to become ready.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// The time limit for the server to drain before it is killed.
const DRAINED_WITHIN: Duration = Duration::from_mins(1);

/// The interval of checks.
const INTERVAL: Duration = Duration::from_millis(50);

/// Requests to stop: Ctrl-C, SIGTERM, or the end of the terminal.
pub(super) struct StopSignals(Receiver<i32>);

impl StopSignals {
    /// Receives these signals from now on instead of ending the process.
    pub(super) fn listen() -> TaskResult<Self> {
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let (sender, receiver) = channel();
        thread::spawn(move || {
            for signal in signals.forever() {
                if sender.send(signal).is_err() {
                    return;
                }
            }
        });
        Ok(Self(receiver))
    }

    /// Waits one interval for a signal; true when there is one.
    fn wait(&self) -> bool {
        match self.0.recv_timeout(INTERVAL) {
            Ok(_) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(INTERVAL);
                false
            }
        }
    }
}

/// A running server; killed when dropped before the end of [`DevServer::wait`].
pub(super) struct DevServer {
    child: ChildGuard,
    signals: StopSignals,
    /// A signal came before the server was ready.
    stopping: bool,
}

impl DevServer {
    /// Starts it in its own process group: Ctrl-C in the terminal reaches this process alone, which sends one SIGTERM.
    pub(super) fn start(masthead: &Masthead, port: u16, signals: StopSignals) -> TaskResult<Self> {
        println!("starting the server on port {port}");
        let mut command = masthead.command(&["serve"]);
        command
            .env("MASTHEAD__HTTP__LISTEN", format!("127.0.0.1:{port}"))
            .process_group(0);
        Ok(Self {
            child: ChildGuard::start(&mut command)?,
            signals,
            stopping: false,
        })
    }

    /// Waits until it is ready; false when a signal came first.
    pub(super) fn wait_until_ready(&mut self, address: &str) -> TaskResult<bool> {
        let begun = Instant::now();
        while begun.elapsed() < READY_WITHIN {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended before it was ready ({status})").into());
            }
            if self.signals.wait() {
                self.stopping = true;
                return Ok(false);
            }
            if http::get(address, "/health/ready", &[]).is_ok_and(|(status, _)| status == 200) {
                return Ok(true);
            }
        }
        Err(format!("the server was not ready within {} s", READY_WITHIN.as_secs()).into())
    }

    /// Waits for a signal, forwards it, and waits until the server has drained. Fails when the server ends without a
    /// signal, or when `check` fails.
    pub(super) fn wait(mut self, mut check: impl FnMut() -> TaskResult) -> TaskResult {
        while !self.stopping {
            check()?;
            self.stopping = self.signals.wait();
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended without a signal ({status})").into());
            }
        }
        println!("\nstopping: the server completes the accepted requests");
        self.child.terminate()?;
        let begun = Instant::now();
        while begun.elapsed() < DRAINED_WITHIN {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("the server failed to stop ({status})").into()),
                None => thread::sleep(INTERVAL),
            }
        }
        Err(format!(
            "the server did not drain within {} s, and was killed",
            DRAINED_WITHIN.as_secs()
        )
        .into())
    }
}

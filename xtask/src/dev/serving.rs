//! The server's process: started, watched, and ended in an orderly way.

use std::os::unix::process::CommandExt;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::binary::Masthead;
use super::http;
use crate::child::Owned;
use crate::shell::Outcome;

/// How long the server may take until it is ready, a slow first connection to Postgres included.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long the server may take to drain before it is ended by force.
const DRAIN: Duration = Duration::from_mins(1);

/// How often the process is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Wishes to end: Ctrl-C, SIGTERM, or the terminal's closing.
pub(super) struct Signals(Receiver<i32>);

impl Signals {
    /// From now on these signals end nothing by themselves.
    pub(super) fn listen() -> Outcome<Self> {
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

    /// Waits for a signal for a moment; true when one came.
    fn came_within(&self, moment: Duration) -> bool {
        match self.0.recv_timeout(moment) {
            Ok(_) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(moment);
                false
            }
        }
    }
}

/// A server that runs; ended by force when dropped before [`Serving::wait`] is done.
pub(super) struct Serving {
    child: Owned,
    signals: Signals,
    /// The wish to end came before the server was ready.
    asked: bool,
}

impl Serving {
    /// Starts it in a process group of its own: Ctrl-C in the terminal reaches us alone, and we hand on one SIGTERM.
    pub(super) fn start(masthead: &Masthead, port: u16, signals: Signals) -> Outcome<Self> {
        println!("starting the server on port {port}");
        let mut command = masthead.command(&["serve"]);
        command
            .env("MASTHEAD__HTTP__LISTEN", format!("127.0.0.1:{port}"))
            .process_group(0);
        let child = Owned::start(&mut command)?;
        Ok(Self {
            child,
            signals,
            asked: false,
        })
    }

    /// Waits until it says that it is ready; false when a signal came first.
    pub(super) fn wait_until_ready(&mut self, address: &str) -> Outcome<bool> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended before it was ready ({status})").into());
            }
            if self.signals.came_within(GLANCE) {
                self.asked = true;
                return Ok(false);
            }
            if http::get(address, "/health/ready", &[]).is_ok_and(|(status, _)| status == 200) {
                return Ok(true);
            }
        }
        Err(format!("the server was not ready within {} s", PATIENCE.as_secs()).into())
    }

    /// Waits until a signal comes, hands it on, and waits for the drain; an end of its own accord is an error, and so is
    /// what its companions say meanwhile.
    pub(super) fn wait(mut self, mut companions: impl FnMut() -> Outcome) -> Outcome {
        while !self.asked {
            companions()?;
            self.asked = self.signals.came_within(GLANCE);
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended by itself ({status})").into());
            }
        }
        println!("\nstopping: the server answers what it has accepted");
        self.child.terminate()?;
        match self.gone_within(DRAIN)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("the server did not end well ({status})").into()),
            None => Err(format!("the server did not drain within {} s, and was killed", DRAIN.as_secs()).into()),
        }
    }

    fn gone_within(&mut self, patience: Duration) -> Outcome<Option<ExitStatus>> {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            thread::sleep(GLANCE);
        }
        Ok(None)
    }
}

//! Child processes that end with their owner, even when it is killed.

use std::io::{BufRead, BufReader};
use std::ops::{Deref, DerefMut};
use std::process::{Child, ChildStdout, Command, Stdio};

use masthead_dev_postgres::CleanUp;
use serde_json::Value;

use crate::shell::{TaskResult, run};

/// A process that is killed when this value is dropped, or when this process ends, however it ends.
pub(crate) struct ChildGuard {
    child: Child,
    kill: Option<CleanUp>,
}

impl ChildGuard {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> TaskResult<Self> {
        let child = command.spawn()?;
        let kill = CleanUp::prepare(Command::new("sh").args(["-c", "kill -KILL $0", &child.id().to_string()]))?;
        let kill = Some(kill);
        Ok(Self { child, kill })
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) -> TaskResult {
        terminate(self.child.id())
    }
}

/// Sends SIGTERM to a process. std can only kill; the shell's `kill` needs no further package.
pub(crate) fn terminate(process: u32) -> TaskResult {
    run(Command::new("sh").args(["-c", &format!("kill -TERM {process}")]))
}

impl Deref for ChildGuard {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.child
    }
}

impl DerefMut for ChildGuard {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        match (self.child.try_wait(), self.kill.take()) {
            // It has ended, and its number may be that of another process by now.
            (Ok(Some(_)), Some(kill)) => kill.cancel(),
            (_, kill) => {
                drop(kill);
                let _ = self.child.wait();
            }
        }
    }
}

/// Stops the shared Postgres, unless it is in use, when this process is killed.
pub(crate) fn stop_postgres_after_crash() -> TaskResult<CleanUp> {
    let stop = CleanUp::prepare(Command::new(std::env::current_exe()?).args(["postgres", "stop"]))?;
    Ok(stop)
}

/// A running `masthead-sandbox`. It stores nothing, so it may be killed.
pub(crate) struct SandboxProcess {
    pub(crate) child: ChildGuard,
    /// Kept open: a write to a closed pipe may end the program.
    _stdout: BufReader<ChildStdout>,
    /// The provider's address, without a final slash.
    pub(crate) url: String,
    /// The address for faults, without a final slash.
    pub(crate) control: String,
}

impl SandboxProcess {
    /// Starts it, and reads its addresses.
    pub(crate) fn start(command: &mut Command) -> TaskResult<Self> {
        let mut child = ChildGuard::start(command.stdout(Stdio::piped()))?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("a child without output")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let addresses: Value = serde_json::from_str(&line).map_err(|_| "the sandbox did not start")?;
        let address = |key: &str| {
            addresses[key]
                .as_str()
                .unwrap_or_default()
                .trim_end_matches('/')
                .to_owned()
        };
        Ok(Self {
            url: address("url"),
            control: address("control"),
            child,
            _stdout: stdout,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sandbox_without_output_is_an_error() {
        let started = SandboxProcess::start(&mut Command::new("true")).map(|_| ());
        assert_eq!(started.unwrap_err().to_string(), "the sandbox did not start");
    }

    #[test]
    fn process_ends_with_its_guard() {
        let guard = ChildGuard::start(Command::new("sleep").arg("600")).unwrap();
        let process = guard.id();
        drop(guard);
        assert!(terminate(process).is_err(), "it is gone");
    }
}

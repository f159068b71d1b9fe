//! Child processes that end with their owner.

use std::io::{BufRead, BufReader};
use std::ops::{Deref, DerefMut};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::shell::{TaskResult, run};

/// A process that is killed when this value is dropped.
pub(crate) struct ChildGuard(Child);

impl ChildGuard {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> TaskResult<Self> {
        Ok(Self(command.spawn()?))
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) -> TaskResult {
        terminate(self.0.id())
    }
}

/// Sends SIGTERM to a process. std can only kill; the shell's `kill` needs no further package.
pub(crate) fn terminate(process: u32) -> TaskResult {
    run(Command::new("sh").args(["-c", &format!("kill -TERM {process}")]))
}

impl Deref for ChildGuard {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for ChildGuard {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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

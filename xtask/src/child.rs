//! Child processes, which end with whoever owns them.

use std::io::{BufRead, BufReader};
use std::ops::{Deref, DerefMut};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::shell::{Outcome, run};

/// A process that is ended by force when its owner lets go of it.
pub(crate) struct Owned(Child);

impl Owned {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Outcome<Self> {
        Ok(Self(command.spawn()?))
    }

    /// Asks it to end. std can only kill; the shell's own `kill` needs no further package.
    pub(crate) fn terminate(&self) -> Outcome {
        terminate(self.0.id())
    }
}

/// Asks a process to end.
pub(crate) fn terminate(process: u32) -> Outcome {
    run(Command::new("sh").args(["-c", &format!("kill -TERM {process}")]))
}

impl Deref for Owned {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Owned {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // Nothing is left to tell when it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A `masthead-sandbox` that runs. It keeps nothing, so it needs no time to end.
pub(crate) struct StandIn {
    pub(crate) process: Owned,
    /// Held open: a program whose output nobody takes may stumble over it.
    _said: BufReader<ChildStdout>,
    /// The provider's address, without a slash at its end.
    pub(crate) url: String,
    /// The address that changes how it behaves, likewise.
    pub(crate) control: String,
}

impl StandIn {
    /// Starts it, and reads where it is.
    pub(crate) fn start(command: &mut Command) -> Outcome<Self> {
        let mut process = Owned::start(command.stdout(Stdio::piped()))?;
        let mut said = BufReader::new(process.stdout.take().ok_or("a child without output")?);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let told: Value = serde_json::from_str(&line).map_err(|_| "the sandbox did not start")?;
        let address = |key: &str| told[key].as_str().unwrap_or_default().trim_end_matches('/').to_owned();
        Ok(Self {
            url: address("url"),
            control: address("control"),
            process,
            _said: said,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_says_nothing_is_an_error_and_not_a_sandbox() {
        let said = StandIn::start(&mut Command::new("true")).map(|_| ());
        assert_eq!(said.unwrap_err().to_string(), "the sandbox did not start");
    }

    #[test]
    fn a_process_ends_with_its_owner() {
        let owned = Owned::start(Command::new("sleep").arg("600")).unwrap();
        let process = owned.id();
        drop(owned);
        assert!(terminate(process).is_err(), "it is gone");
    }
}

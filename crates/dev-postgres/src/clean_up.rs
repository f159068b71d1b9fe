//! Commands that run when their owner is gone, so that a crash leaves no server and no database.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Error;

/// A command that runs when this value is dropped, or when this process ends, however it ends.
///
/// A shell waits for the end of a pipe that only this process holds open. It is in its own process group, so that neither
/// Ctrl-C nor a test runner that kills the test's group ends it.
#[derive(Debug)]
pub struct CleanUp(Child);

impl CleanUp {
    /// Prepares `command`, its arguments and its environment.
    pub fn prepare(command: &Command) -> Result<Self, Error> {
        use std::os::unix::process::CommandExt;
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", "read -r _; exec \"$@\" </dev/null", "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let child = shell.spawn().map_err(Error::io("cannot run", Path::new("/bin/sh")))?;
        Ok(Self(child))
    }

    /// Drops this value without running the command.
    pub fn cancel(mut self) {
        let _ = self.0.kill();
    }
}

impl Drop for CleanUp {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_runs_at_drop_unless_cancelled() {
        let file = std::env::temp_dir().join(format!("masthead-clean-up-{}", std::process::id()));
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "echo \"$TEXT\" >\"$0\""])
            .arg(&file)
            .env("TEXT", "a b");
        CleanUp::prepare(&command).unwrap().cancel();
        let clean_up = CleanUp::prepare(&command).unwrap();
        assert!(!file.exists());
        drop(clean_up);
        let written = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(written, "a b\n");
    }
}

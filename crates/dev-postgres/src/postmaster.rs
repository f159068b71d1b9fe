//! What a cluster's own pid file says, and whether it can be believed.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The server process that a `postmaster.pid` names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Postmaster {
    pid: u32,
    /// The server itself said that it takes connections.
    pub(crate) ready: bool,
}

impl Postmaster {
    /// The server of the cluster in `data`, as its pid file has it; `None` without a readable file.
    pub(crate) fn of(data: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(data.join("postmaster.pid")).ok()?)
    }

    /// Line 1 is the process, line 8 its state (`miscadmin.h` of Postgres, `LOCK_FILE_LINE_PM_STATUS`).
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        let ready = lines.nth(6).is_some_and(|state| state.trim() == "ready");
        Some(Self { pid, ready })
    }

    /// Whether that process lives and is a server of the cluster in `data`: after a reboot, or in a container, another
    /// process may well have its number.
    pub(crate) fn is_alive(&self, data: &Path) -> bool {
        if Path::new("/proc/self/cmdline").exists() {
            let arguments = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
            return arguments
                .split(|byte| *byte == 0)
                .any(|argument| argument == data.as_os_str().as_encoded_bytes());
        }
        let said = Command::new("ps")
            .args(["-o", "args=", "-p", &self.pid.to_string()])
            .output();
        // The arguments come in one line, which may end with the folder's name.
        said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains(&*data.to_string_lossy()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_tells_the_process_and_whether_it_is_ready() {
        let started = "4711\n/data\n1700000000\n20001\n/socket\n127.0.0.1\n  1234567   8\nready   \n";
        assert_eq!(Postmaster::parse(started), Some(Postmaster { pid: 4711, ready: true }));
        let starting = started.replace("ready   ", "starting");
        assert_eq!(
            Postmaster::parse(&starting),
            Some(Postmaster {
                pid: 4711,
                ready: false
            })
        );
        assert_eq!(
            Postmaster::parse("4711\n/data\n"),
            Some(Postmaster {
                pid: 4711,
                ready: false
            })
        );
        assert_eq!(Postmaster::parse(""), None);
    }

    #[test]
    fn a_living_process_of_another_kind_is_not_believed() {
        let ourselves = Postmaster {
            pid: std::process::id(),
            ready: true,
        };
        assert!(!ourselves.is_alive(Path::new("/no/such/cluster")));
    }
}

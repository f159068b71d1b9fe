//! The mailbox of development: receives every mail of the server, and shows it on a page.

use std::os::unix::process::CommandExt;
use std::process::Command;

use serde_json::{Value, json};

use super::masthead::{Masthead, Programs};
use super::sandboxes::find_free_pair;
use crate::child::SandboxProcess;
use crate::shell::TaskResult;

/// The usual port of SMTP; the page has the next one.
const PORT: u16 = 8230;

/// The number of ports after the usual one that are tried.
const PORTS_TRIED: u16 = 100;

/// A running mailbox; ended when dropped.
pub(super) struct DevMailbox {
    process: SandboxProcess,
    port: u16,
}

impl DevMailbox {
    /// Starts it.
    pub(super) fn start(programs: &Programs) -> TaskResult<Self> {
        let port =
            find_free_pair(PORT..PORT + PORTS_TRIED).ok_or_else(|| format!("no two free ports from {PORT} on"))?;
        let mut command = Command::new(&programs.sandbox);
        command
            .arg("--mailbox")
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--control", &format!("127.0.0.1:{}", port + 1)])
            // As for the server: Ctrl-C in the terminal reaches this process alone.
            .process_group(0);
        let process = SandboxProcess::start(&mut command).map_err(|error| format!("the mailbox: {error}"))?;
        println!("{} receives the server's mails", process.control);
        Ok(Self { process, port })
    }

    /// The server's settings with this mailbox as its SMTP server.
    pub(super) fn configure(&self, masthead: Masthead) -> Masthead {
        masthead
            .with_setting("MASTHEAD__SMTP__HOST", "127.0.0.1".to_owned())
            .with_setting("MASTHEAD__SMTP__PORT", self.port.to_string())
            .with_setting("MASTHEAD__SMTP__TLS", "none".to_owned())
            .with_setting(
                "MASTHEAD__SMTP__FROM",
                "Masthead <no-reply@masthead.example>".to_owned(),
            )
    }

    /// The address of its page, without a final slash.
    pub(super) fn page(&self) -> &str {
        &self.process.control
    }

    /// Fails when it has ended: mails would wait without a sign of it.
    pub(super) fn check_running(&mut self) -> TaskResult {
        match self.process.child.try_wait()? {
            Some(status) => Err(format!("the mailbox ended ({status})").into()),
            None => Ok(()),
        }
    }

    /// Its entry in `dev.json`.
    pub(super) fn to_json(&self) -> Value {
        json!({"page": self.page(), "messages": format!("{}/messages", self.page()), "smtpPort": self.port})
    }
}

//! A mailbox that receives the mails of a measured server.

use std::process::Command;

use super::context::BenchContext;
use super::masthead::build_program;
use crate::child::SandboxProcess;
use crate::shell::TaskResult;

/// A running mailbox; ended when dropped.
pub(super) struct BenchMailbox(SandboxProcess);

impl BenchMailbox {
    /// Starts it on free ports.
    pub(super) fn start(context: &BenchContext<'_>) -> TaskResult<Self> {
        let mut command = Command::new(build_program("masthead-sandbox", context.profile)?);
        command.arg("--mailbox");
        Ok(Self(SandboxProcess::start(&mut command)?))
    }

    /// The settings of a server that sends its mails there.
    pub(super) fn settings(&self) -> TaskResult<[(&'static str, String); 4]> {
        let (_, port) = self.0.url.rsplit_once(':').ok_or("the mailbox has no port")?;
        Ok([
            ("MASTHEAD__SMTP__HOST", "127.0.0.1".to_owned()),
            ("MASTHEAD__SMTP__PORT", port.to_owned()),
            ("MASTHEAD__SMTP__TLS", "none".to_owned()),
            ("MASTHEAD__SMTP__FROM", "Bench <no-reply@masthead.example>".to_owned()),
        ])
    }
}

//! The measured program: built, and started as in production.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use super::server_process::{ServerProcess, free_address};
use crate::child::ChildGuard;
use crate::shell::{TaskResult, cargo, executable, output, run};

/// What tokens are signed with; it protects nothing but invented data on this machine.
pub(super) const TOKEN_SECRET: &str = "signs tokens for invented users only";
pub(super) const TOKEN_ISSUER: &str = "masthead-bench";
pub(super) const TOKEN_AUDIENCE: &str = "masthead-bench";

/// The `masthead` program and the settings that all its commands get.
pub(super) struct MastheadProgram {
    path: PathBuf,
    settings: Vec<(&'static str, String)>,
}

/// Builds the program of this name and returns its path.
pub(super) fn build_program(name: &str, profile: &str) -> TaskResult<PathBuf> {
    let mut build = cargo(&["build", "--package", name, "--bin", name]);
    build.args(["--profile", profile, "--message-format=json-render-diagnostics"]);
    executable(&output(&mut build)?, name)
}

impl MastheadProgram {
    /// The program on a database. Its secrets protect nothing but invented data on this machine.
    pub(super) fn new(path: PathBuf, database_url: &str) -> Self {
        let settings = [
            ("MASTHEAD__DATABASE__URL", database_url),
            ("MASTHEAD__TOKENS__HS256_SECRET", TOKEN_SECRET),
            ("MASTHEAD__TOKENS__ISSUER", TOKEN_ISSUER),
            ("MASTHEAD__TOKENS__AUDIENCE", TOKEN_AUDIENCE),
            ("MASTHEAD__SEALING__CURRENT", "k1"),
            ("MASTHEAD__SEALING__KEYS__K1", &format!("{}==", "A".repeat(86))),
            // The bench reads the details of readiness from the API, and starts servers side by side.
            ("MASTHEAD__METRICS__LISTEN", "off"),
            ("MASTHEAD__METRICS__ON_API_PORT", "true"),
            // No sync runs beside a measurement unless it is what is measured.
            ("MASTHEAD__SYNC__EVERY", "0s"),
        ];
        Self {
            path,
            settings: settings.map(|(name, value)| (name, value.to_owned())).to_vec(),
        }
    }

    /// The same program on another database.
    pub(super) fn on_database(&self, database_url: &str) -> Self {
        Self::new(self.path.clone(), database_url)
    }

    /// Adds settings, which replace earlier ones of the same name.
    pub(super) fn with_settings<V: AsRef<str>>(&self, settings: &[(&'static str, V)]) -> Self {
        let added = settings.iter().map(|(name, value)| (*name, value.as_ref().to_owned()));
        Self {
            path: self.path.clone(),
            settings: self.settings.iter().cloned().chain(added).collect(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).envs(self.settings.iter().cloned());
        command
    }

    /// Runs a command to its end.
    pub(super) fn run(&self, arguments: &[&str]) -> TaskResult {
        run(&mut self.command(arguments))
    }

    /// Runs a command to its end and returns what it printed, without the last line break.
    pub(super) fn output(&self, arguments: &[&str]) -> TaskResult<String> {
        Ok(output(&mut self.command(arguments))?.trim_end().to_owned())
    }

    /// Runs a command that reads what `writer` writes.
    pub(super) fn run_with_input(
        &self,
        arguments: &[&str],
        writer: impl FnOnce(&mut ChildStdin) -> TaskResult,
    ) -> TaskResult {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().ok_or("a child without input")?;
        let written = writer(&mut input).and_then(|()| Ok(input.flush()?));
        drop(input);
        let status = child.wait()?;
        if status.success() {
            return written;
        }
        // A child that stops early reports the reason itself, and makes the writing fail.
        Err(format!("`masthead {}` failed ({status})", arguments.join(" ")).into())
    }

    /// Adds a tenant with these `Name=value` settings.
    pub(super) fn add_tenant(&self, tenant: &str, settings: &[String], options: &[&str]) -> TaskResult {
        let mut arguments = vec!["tenant", "add", tenant];
        arguments.extend(options);
        arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
        self.output(&arguments).map(drop)
    }

    /// A token with these scopes for tenants; `tenant` may contain `*`.
    pub(super) fn issue_token(&self, tenant: &str, scope: &str) -> TaskResult<String> {
        self.output(&["token", "--tenant", tenant, "--scope", scope, "--expires-in", "12h"])
    }

    /// Starts the server and waits until it is ready. It logs to `log`.
    pub(super) fn serve(&self, log: &Path) -> TaskResult<ServerProcess> {
        let mut command = self.command(&["serve"]);
        let address = free_address()?;
        command
            .env("MASTHEAD__HTTP__LISTEN", &address)
            .env("MASTHEAD__LOG__FORMAT", "json");
        ServerProcess::start(&mut command, address, "/health/ready", log)
    }

    /// Starts a command that reads a file.
    pub(super) fn start_with_file(&self, arguments: &[&str], input: &Path) -> TaskResult<ChildGuard> {
        let input = File::open(input)?;
        ChildGuard::start(self.command(arguments).stdin(input).stdout(Stdio::null()))
    }
}

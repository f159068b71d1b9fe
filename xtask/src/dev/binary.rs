//! The programs of development: built here, and the server told its settings by its environment.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::secrets::Secrets;
use super::tenants::TENANTS;
use crate::shell::{Outcome, cargo, executable, output, run};

/// Where they are.
pub(super) struct Programs {
    server: PathBuf,
    pub(super) sandbox: PathBuf,
}

impl Programs {
    /// Builds them.
    pub(super) fn build(optimised: bool) -> Outcome<Self> {
        let (server, sandbox) = ("masthead", "masthead-sandbox");
        let mut build = cargo(&["build", "--package", server, "--package", sandbox]);
        build.args([
            "--bin",
            server,
            "--bin",
            sandbox,
            "--message-format=json-render-diagnostics",
        ]);
        if optimised {
            build.arg("--release");
        }
        let said = output(&mut build)?;
        Ok(Self {
            server: executable(&said, server)?,
            sandbox: executable(&said, sandbox)?,
        })
    }
}

/// The `masthead` program, and the settings that every command of it gets.
pub(super) struct Masthead {
    program: PathBuf,
    settings: Vec<(&'static str, String)>,
}

impl Masthead {
    /// Gathers its settings. A `MASTHEAD__…` variable that is not among them is inherited.
    pub(super) fn new(programs: &Programs, database: &str, secrets: &Secrets) -> Self {
        let mut settings = vec![
            ("MASTHEAD__DATABASE__URL", database.to_owned()),
            ("MASTHEAD__TOKENS__HS256_SECRET", secrets.signing.clone()),
            // The chained tenant has one token for all runs.
            ("MASTHEAD__TOKENS__MAX_LIFETIME", "365d".to_owned()),
            ("MASTHEAD__TOKENS__ISSUER", "masthead-dev".to_owned()),
            ("MASTHEAD__TOKENS__AUDIENCE", "masthead-dev".to_owned()),
            ("MASTHEAD__SEALING__CURRENT", "k1".to_owned()),
            ("MASTHEAD__SEALING__KEYS__K1", secrets.sealing.clone()),
            ("MASTHEAD__LOG__FORMAT", "pretty".to_owned()),
            // The sandbox is on this machine.
            ("MASTHEAD__PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
            // Whoever switches a provider off sees it at the next request, and not after a while.
            ("MASTHEAD__PROVIDERS__FRESH", "0s".to_owned()),
            // Nor do lists answer from a directory that knew everybody a minute ago; `masthead sync` makes one when it is
            // wanted.
            ("MASTHEAD__SYNC__EVERY", "0s".to_owned()),
        ];
        let providers = TENANTS.iter().filter_map(|tenant| tenant.provider);
        settings.extend(providers.map(|provider| (provider.secret, secrets.provider.clone())));
        Self {
            program: programs.server.clone(),
            settings,
        }
    }

    /// The same with one secret more, for a tenant's settings to name.
    pub(super) fn with_secret(mut self, name: &'static str, secret: String) -> Self {
        self.settings.push((name, secret));
        self
    }

    /// A command of the program, with its settings.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub(super) fn run(&self, arguments: &[&str]) -> Outcome {
        run(&mut self.command(arguments))
    }

    /// Runs a command to its end and gives what it printed, without the line's end.
    pub(super) fn output(&self, arguments: &[&str]) -> Outcome<String> {
        Ok(output(&mut self.command(arguments))?.trim_end().to_owned())
    }

    /// Runs a command that reads `input`, and gives what it printed.
    pub(super) fn output_of_input(&self, arguments: &[&str], input: &str) -> Outcome<String> {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipe = child.stdin.take();
        let said = std::thread::scope(|scope| {
            // Beside the reading, or two full pipes would wait for each other; a child that stops early says why itself.
            scope.spawn(|| pipe.map(|mut pipe| pipe.write_all(input.as_bytes())));
            child.wait_with_output()
        })?;
        if said.status.success() {
            return Ok(String::from_utf8(said.stdout)?);
        }
        Err(format!("`masthead {}` failed ({})", arguments.join(" "), said.status).into())
    }
}

//! The measured server: built, started as in production, and stopped.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::http::BlockingClient;
use crate::child::ChildGuard;
use crate::shell::{TaskResult, cargo, executable, output, run};

/// How long starting and draining may take.
const PATIENCE: Duration = Duration::from_mins(1);

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
    /// The program on a database. Its secrets protect nothing: they sign and seal invented data on this machine only.
    pub(super) fn new(path: PathBuf, database_url: &str) -> Self {
        let settings = [
            ("MASTHEAD__DATABASE__URL", database_url),
            ("MASTHEAD__TOKENS__HS256_SECRET", "signs tokens for invented users only"),
            ("MASTHEAD__TOKENS__ISSUER", "masthead-bench"),
            ("MASTHEAD__TOKENS__AUDIENCE", "masthead-bench"),
            ("MASTHEAD__SEALING__CURRENT", "k1"),
            ("MASTHEAD__SEALING__KEYS__K1", &format!("{}==", "A".repeat(86))),
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
    pub(super) fn with_settings(&self, settings: &[(&'static str, &str)]) -> Self {
        let added = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
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

    /// A token with which the users of tenants can be read; `tenant` may contain `*`.
    pub(super) fn issue_token(&self, tenant: &str) -> TaskResult<String> {
        self.output(&[
            "token",
            "--tenant",
            tenant,
            "--scope",
            "users:read",
            "--expires-in",
            "12h",
        ])
    }

    /// Starts the server and waits until it is ready. It logs to `log`.
    pub(super) fn serve(&self, log: &Path) -> TaskResult<MastheadServer> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        File::create(log)?;
        let log_file = OpenOptions::new().append(true).open(log)?;
        let mut command = self.command(&["serve"]);
        command
            .env("MASTHEAD__HTTP__LISTEN", &address)
            .env("MASTHEAD__LOG__FORMAT", "json")
            .stdout(log_file.try_clone()?)
            .stderr(log_file);
        let mut server = MastheadServer {
            child: ChildGuard::start(&mut command)?,
            address,
            log: log.to_owned(),
        };
        server.wait_until_ready()?;
        Ok(server)
    }
}

/// A running server; it is killed when dropped without [`MastheadServer::stop`].
pub(super) struct MastheadServer {
    child: ChildGuard,
    pub(super) address: String,
    log: PathBuf,
}

impl MastheadServer {
    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_ready(&mut self) -> TaskResult {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended early ({status}); see {}", self.log.display()).into());
            }
            let reply =
                BlockingClient::connect(&self.address).and_then(|mut client| client.get("/health/ready", &Vec::new()));
            if reply.is_ok_and(|reply| reply.status == 200) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!("the server was not ready in time; see {}", self.log.display()).into())
    }

    /// Counts the logged lines and empties the log.
    pub(super) fn take_log(&self) -> TaskResult<u64> {
        let lines = BufReader::with_capacity(1 << 20, File::open(&self.log)?)
            .split(b'\n')
            .count();
        // The server appends, so that it continues at the new end.
        OpenOptions::new().write(true).open(&self.log)?.set_len(0)?;
        Ok(lines.try_into()?)
    }

    /// Stops the server in an orderly way and waits for its end.
    pub(super) fn stop(mut self) -> TaskResult {
        self.child.terminate()?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(format!("the server failed ({status}); see {}", self.log.display()).into());
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
        Err("the server did not drain in time".into())
    }
}

//! The real server: built, started as it would be in service, and watched.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::client::Client;
use crate::child::ChildGuard;
use crate::shell::{Outcome, cargo, executable, output, run};

/// How long it may take until it is ready.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long it may take to drain.
const DRAIN: Duration = Duration::from_secs(20);

/// The `masthead` program and the settings that every command of it gets.
pub(super) struct Program {
    path: PathBuf,
    settings: Vec<(&'static str, String)>,
}

impl Program {
    /// The program of this path. The secrets are of no worth: they sign and seal invented data on this machine only.
    pub(super) fn new(path: PathBuf, database: &str) -> Self {
        let settings = vec![
            ("MASTHEAD__DATABASE__URL", database.to_owned()),
            (
                "MASTHEAD__TOKENS__HS256_SECRET",
                "of no worth: signs for invented readers".to_owned(),
            ),
            ("MASTHEAD__TOKENS__ISSUER", "masthead-bench".to_owned()),
            ("MASTHEAD__TOKENS__AUDIENCE", "masthead-bench".to_owned()),
            ("MASTHEAD__SEALING__CURRENT", "k1".to_owned()),
            ("MASTHEAD__SEALING__KEYS__K1", format!("{}==", "A".repeat(86))),
            // What is measured is what is asked for.
            ("MASTHEAD__SYNC__EVERY", "0s".to_owned()),
        ];
        Self { path, settings }
    }

    /// Builds the program of this name and gives its path.
    pub(super) fn built(name: &str, profile: &str) -> Outcome<PathBuf> {
        let mut build = cargo(&["build", "--package", name, "--bin", name]);
        build.args(["--profile", profile, "--message-format=json-render-diagnostics"]);
        executable(&output(&mut build)?, name)
    }

    /// The same program on another database, with these settings besides.
    pub(super) fn with(&self, database: &str, settings: &[(&'static str, &str)]) -> Self {
        let mut program = Self::new(self.path.clone(), database);
        let owned = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
        program.settings.extend(owned);
        program
    }

    /// A command of the program, with its settings.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
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

    /// Runs a command that reads what `writer` writes.
    pub(super) fn fed(&self, arguments: &[&str], writer: impl FnOnce(&mut ChildStdin) -> Outcome) -> Outcome {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().ok_or("a child without input")?;
        // A child that stops early says why itself; its state is what counts.
        let written = writer(&mut input).and_then(|()| Ok(input.flush()?));
        drop(input);
        let status = child.wait()?;
        if status.success() {
            return written;
        }
        Err(format!("`masthead {}` failed ({status})", arguments.join(" ")).into())
    }

    /// Starts the server with these settings besides, and waits until it is ready. Its log goes to `log`.
    pub(super) fn serve(&self, log: &Path, settings: &[(&str, &str)]) -> Outcome<Serving> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        File::create(log)?;
        let to_log = OpenOptions::new().append(true).open(log)?;
        let mut command = self.command(&["serve"]);
        command
            .env("MASTHEAD__HTTP__LISTEN", &address)
            .env("MASTHEAD__LOG__FORMAT", "json")
            .envs(settings.iter().copied())
            .stdout(to_log.try_clone()?)
            .stderr(to_log);
        let child = ChildGuard::start(&mut command)?;
        let mut serving = Serving {
            child,
            address,
            log: log.to_owned(),
        };
        serving.wait_until_ready()?;
        Ok(serving)
    }
}

/// A server that runs; ended by force when dropped without [`Serving::stop`].
pub(super) struct Serving {
    child: ChildGuard,
    pub(super) address: String,
    log: PathBuf,
}

impl Serving {
    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_ready(&mut self) -> Outcome {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!(
                    "the server ended before it was ready ({status}); see {}",
                    self.log.display()
                )
                .into());
            }
            let asked = Client::connect(&self.address).and_then(|mut client| client.get("/health/ready", ""));
            if asked.is_ok_and(|reply| reply.status == 200) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!("the server was not ready within a minute; see {}", self.log.display()).into())
    }

    /// How many lines it has logged; the log is empty afterwards.
    pub(super) fn take_log(&self) -> Outcome<u64> {
        let mut file = BufReader::with_capacity(1 << 20, File::open(&self.log)?);
        let (mut lines, mut piece) = (0, vec![0; 1 << 20]);
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                break;
            }
            let found = piece[..read].split(|byte| *byte == b'\n').count() - 1;
            lines += u64::try_from(found)?;
        }
        // The server appends, so that it goes on at the new end.
        OpenOptions::new().write(true).open(&self.log)?.set_len(0)?;
        Ok(lines)
    }

    /// Asks it to drain and end, and waits for that.
    pub(super) fn stop(mut self) -> Outcome {
        self.child.terminate()?;
        let begun = Instant::now();
        while begun.elapsed() < DRAIN {
            if let Some(status) = self.child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                return Err(format!("the server did not end well ({status}); see {}", self.log.display()).into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err("the server did not drain in time".into())
    }
}

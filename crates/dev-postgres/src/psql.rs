//! SQL scripts, executed by the `psql` program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use crate::Error;
use crate::environment::without_pg_variables;
use crate::server_url::ServerUrl;

/// A `psql` command line for one server.
#[derive(Debug, Clone)]
pub(crate) struct Psql {
    pub(crate) program: PathBuf,
    /// The first arguments.
    pub(crate) arguments: Vec<String>,
    /// Further environment variables.
    pub(crate) variables: Vec<(&'static str, String)>,
    pub(crate) url: ServerUrl,
}

impl Psql {
    /// A `psql` on this machine.
    pub(crate) fn new(program: PathBuf, url: ServerUrl) -> Self {
        // Arguments are visible to all users of the machine, variables are not.
        let password = url.decoded_password().map(|password| ("PGPASSWORD", password));
        Self {
            program,
            arguments: Vec::new(),
            variables: password.into_iter().collect(),
            url,
        }
    }

    /// The command on one database, without a script.
    pub(crate) fn command(&self, database: &str) -> Command {
        let mut command = Command::new(&self.program);
        without_pg_variables(&mut command)
            .args(&self.arguments)
            .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password"])
            .arg("--set=ON_ERROR_STOP=1")
            .arg(format!("--dbname={}", self.url.without_password(database)))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("LC_ALL", "C");
        command
    }

    /// Executes a script, each statement in its own transaction, and returns the output (unaligned, `|` between columns).
    pub(crate) fn run(&self, database: &str, script: &str) -> Result<String, Error> {
        let cannot_run = || Error::io("cannot run", Path::new(&self.program));
        let mut child = self
            .command(database)
            .arg("--file=-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(cannot_run())?;
        let input = child.stdin.take();
        // The script is written while the output is read, since both pipes may fill up. A psql that stops at an error
        // closes its input; its own output has the reason.
        let output = thread::scope(|scope| {
            scope.spawn(|| input.map(|mut input| input.write_all(script.as_bytes())));
            child.wait_with_output()
        });
        let output = output.map_err(cannot_run())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
        }
        let message = String::from_utf8_lossy(&output.stderr);
        Err(Error::failed(format!("psql on {database}"), &message))
    }
}

//! SQL chores, done by the `psql` program.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;
use crate::environment::without_pg_variables;

/// How a `psql` reaches its server.
#[derive(Debug, Clone)]
pub(crate) struct Psql {
    program: Vec<String>,
    settings: Vec<(&'static str, String)>,
}

impl Psql {
    /// A `psql` that is told its server by `PG*` variables: an argument would show a password to every user of the machine.
    pub(crate) fn new(program: Vec<String>, settings: Vec<(&'static str, String)>) -> Self {
        Self { program, settings }
    }

    /// Runs a script, each statement in a transaction of its own, and gives what it printed (unaligned, `|` between columns).
    pub(crate) fn run(&self, database: &str, script: &str) -> Result<String, Error> {
        let (program, arguments) = self.program.split_first().ok_or(Error::NothingFound)?;
        let mut command = Command::new(program);
        without_pg_variables(&mut command)
            .args(arguments)
            .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password"])
            .args(["--set=ON_ERROR_STOP=1", "--dbname", database, "--file=-"])
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let unusable = || Error::io("cannot run", Path::new(program));
        let mut child = command.spawn().map_err(unusable())?;
        let input = child.stdin.take();
        let script = script.to_owned();
        // Written beside the reading: a long script and a long answer would otherwise wait for each other.
        let writer = std::thread::spawn(move || {
            // A psql that stops at an error closes its input; its own words say why.
            input.map(|mut input| input.write_all(script.as_bytes()))
        });
        let said = child.wait_with_output().map_err(unusable())?;
        // Whatever became of the writing, psql's own state is what counts.
        drop(writer.join());
        if said.status.success() {
            return Ok(String::from_utf8_lossy(&said.stdout).trim_end().to_owned());
        }
        Err(Error::Failed {
            what: format!("psql on {database}"),
            said: String::from_utf8_lossy(&said.stderr).trim().to_owned(),
        })
    }
}

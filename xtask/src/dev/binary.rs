//! The programs of development: built here, and the server told its settings by its environment.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

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

    /// How a script runs `masthead …` on the same database and settings: `program`, then `arguments`, then the command's
    /// own arguments, with `environment` added to the script's own. `inherited` is the environment of this process; its
    /// `MASTHEAD…` variables count, unless a setting of this run replaces them.
    pub(super) fn for_scripts(&self, inherited: impl Iterator<Item = (String, String)>) -> Value {
        let inherited = inherited.filter(|(name, _)| name.starts_with("MASTHEAD"));
        let settings = self
            .settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        let environment: Map<String, Value> = inherited
            .chain(settings)
            .map(|(name, value)| (name, Value::String(value)))
            .collect();
        json!({"program": self.program, "arguments": [], "environment": environment})
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

#[cfg(test)]
mod tests {
    use super::*;

    fn masthead() -> Masthead {
        let programs = Programs {
            server: PathBuf::from("/bin/sh"),
            sandbox: PathBuf::new(),
        };
        let secrets = Secrets {
            signing: "signing".to_owned(),
            sealing: "sealing".to_owned(),
            provider: "provider".to_owned(),
        };
        Masthead::new(&programs, "postgres://127.0.0.1/masthead_dev", &secrets)
    }

    /// The command of `dev.json` is what this program runs itself: same program, same settings.
    #[test]
    fn a_script_gets_the_program_and_every_setting() {
        let masthead = masthead().with_secret("MASTHEAD_SECRET_CHAIN", "token".to_owned());
        let inherited = [
            ("MASTHEAD__SEARCH__BUDGET", "9"),
            ("MASTHEAD__TOKENS__ISSUER", "replaced"),
            ("HOME", "/home"),
        ];
        let inherited = inherited.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let script = masthead.for_scripts(inherited.into_iter());

        let command = masthead.command(&[]);
        assert_eq!(script["program"], json!(command.get_program().to_str()));
        assert_eq!(script["arguments"], json!([]));
        let mut expected: Map<String, Value> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), json!(value?.to_str()?))))
            .collect();
        assert!(expected.contains_key("MASTHEAD__DATABASE__URL") && expected.contains_key("MASTHEAD_SECRET_CHAIN"));
        expected.insert("MASTHEAD__SEARCH__BUDGET".to_owned(), json!("9"));
        assert_eq!(script["environment"], Value::Object(expected));
    }
}

//! The programs of development: compiled here, and the `masthead` program with its settings as environment variables.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

use super::secrets::DevSecrets;
use super::tenants::TENANTS;
use crate::shell::{TaskResult, cargo, executable, output, run};

/// The paths of the programs.
pub(super) struct Programs {
    server: PathBuf,
    pub(super) sandbox: PathBuf,
}

impl Programs {
    /// Compiles them.
    pub(super) fn build(optimised: bool) -> TaskResult<Self> {
        let (server, sandbox) = ("masthead", "masthead-sandbox");
        let mut build = cargo(&["build", "--package", server, "--package", sandbox]);
        build.args(["--bin", server, "--bin", sandbox]);
        build.arg("--message-format=json-render-diagnostics");
        if optimised {
            build.arg("--release");
        }
        let messages = output(&mut build)?;
        Ok(Self {
            server: executable(&messages, server)?,
            sandbox: executable(&messages, sandbox)?,
        })
    }
}

/// The `masthead` program, and the settings of all its commands.
pub(super) struct Masthead {
    program: PathBuf,
    settings: Vec<(&'static str, String)>,
}

impl Masthead {
    /// The settings of this run. Other `MASTHEAD__…` variables are inherited.
    pub(super) fn new(programs: &Programs, database: &str, secrets: &DevSecrets) -> Self {
        let mut settings = vec![
            ("MASTHEAD__DATABASE__URL", database.to_owned()),
            ("MASTHEAD__TOKENS__HS256_SECRET", secrets.signing.clone()),
            // The chained tenant has one token for all runs.
            ("MASTHEAD__TOKENS__MAX_LIFETIME", "365d".to_owned()),
            ("MASTHEAD__TOKENS__MAX_MINTED_LIFETIME", "365d".to_owned()),
            ("MASTHEAD__TOKENS__ISSUER", "masthead-dev".to_owned()),
            ("MASTHEAD__TOKENS__AUDIENCE", "masthead-dev".to_owned()),
            ("MASTHEAD__SEALING__CURRENT", "k1".to_owned()),
            ("MASTHEAD__SEALING__KEYS__K1", secrets.sealing.clone()),
            ("MASTHEAD__LOG__FORMAT", "pretty".to_owned()),
            // One port is enough for development, and several of these servers may run on a machine.
            ("MASTHEAD__METRICS__LISTEN", "off".to_owned()),
            ("MASTHEAD__METRICS__ON_API_PORT", "true".to_owned()),
            // The sandbox is on this machine.
            ("MASTHEAD__PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
            // A provider that is switched off shows at the next request.
            ("MASTHEAD__PROVIDERS__FRESH", "0s".to_owned()),
            // Lists show the provider's present users; `masthead sync` creates a mirror when one is wanted.
            ("MASTHEAD__SYNC__EVERY", "0s".to_owned()),
        ];
        let providers = TENANTS.iter().filter_map(|tenant| tenant.provider);
        settings.extend(providers.map(|provider| (provider.secret, secrets.provider.clone())));
        Self {
            program: programs.server.clone(),
            settings,
        }
    }

    /// The same with another setting, or with a secret for a tenant's settings to name.
    pub(super) fn with_setting(mut self, name: &'static str, value: String) -> Self {
        self.settings.push((name, value));
        self
    }

    /// The command for scripts: `program`, then `arguments`, then the verb, with `environment` added. The `MASTHEAD…`
    /// variables among `inherited` are included, unless a setting of this run replaces them.
    pub(super) fn to_json(&self, inherited: impl Iterator<Item = (String, String)>) -> Value {
        let inherited = inherited.filter(|(name, _)| name.starts_with("MASTHEAD"));
        let settings = self.settings.iter();
        let settings = settings.map(|(name, value)| ((*name).to_owned(), value.clone()));
        let environment: Map<String, Value> = inherited
            .chain(settings)
            .map(|(name, value)| (name, Value::String(value)))
            .collect();
        json!({"program": self.program, "arguments": [], "environment": environment})
    }

    /// A command with the settings.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).envs(self.settings.iter().cloned());
        command
    }

    /// Runs a command to its end.
    pub(super) fn run(&self, arguments: &[&str]) -> TaskResult {
        run(&mut self.command(arguments))
    }

    /// Runs a command to its end, and returns its output without the final line break.
    pub(super) fn output(&self, arguments: &[&str]) -> TaskResult<String> {
        Ok(output(&mut self.command(arguments))?.trim_end().to_owned())
    }

    /// Runs a command that reads `input`, and returns its output.
    pub(super) fn output_for_input(&self, arguments: &[&str], input: &str) -> TaskResult<String> {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipe = child.stdin.take();
        let output = std::thread::scope(|scope| {
            // Both pipes may fill up. A child that stops early prints its reason itself.
            scope.spawn(|| pipe.map(|mut pipe| pipe.write_all(input.as_bytes())));
            child.wait_with_output()
        })?;
        if output.status.success() {
            return Ok(String::from_utf8(output.stdout)?);
        }
        Err(format!("`masthead {}` failed ({})", arguments.join(" "), output.status).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_get_program_and_settings() {
        let programs = Programs {
            server: PathBuf::from("/bin/sh"),
            sandbox: PathBuf::new(),
        };
        let secrets = DevSecrets {
            signing: "signing".to_owned(),
            sealing: "sealing".to_owned(),
            provider: "provider".to_owned(),
        };
        let masthead = Masthead::new(&programs, "postgres://127.0.0.1/masthead_dev", &secrets)
            .with_setting("MASTHEAD_SECRET_CHAIN", "token".to_owned());
        let inherited = [
            ("MASTHEAD__SEARCH__BUDGET", "9"),
            ("MASTHEAD__TOKENS__ISSUER", "replaced"),
            ("HOME", "/home"),
        ];
        let inherited = inherited.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let script = masthead.to_json(inherited.into_iter());

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

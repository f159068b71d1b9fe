//! Running other programs, and the result of a task.

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// The result of a task; the error's text is for the developer.
pub(crate) type TaskResult<T = ()> = Result<T, Box<dyn Error>>;

/// A `cargo` command in the workspace, with the committed query cache. The variables that `cargo run` sets for this
/// program are removed: the build script of ring depends on them, so each change would compile ring and its users again.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .current_dir(masthead_dev_postgres::workspace())
        .env("SQLX_OFFLINE", "true");
    command
}

/// Runs `command` to its end, with the output of this process.
pub(crate) fn run(command: &mut Command) -> TaskResult {
    let status = command
        .status()
        .map_err(|error| format!("{}: {error}", describe(command)))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("`{}` failed ({status})", describe(command)).into())
}

/// Runs `command` to its end and returns its stdout; it inherits stderr.
pub(crate) fn output(command: &mut Command) -> TaskResult<String> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("{}: {error}", describe(command)))?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(format!("`{}` failed ({})", describe(command), output.status).into())
}

/// A program's path, from the messages of `cargo build --message-format=json`.
pub(crate) fn executable(messages: &str, name: &str) -> TaskResult<PathBuf> {
    let path = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    Ok(path.ok_or_else(|| format!("cargo built no program `{name}`"))?)
}

/// Program and arguments; not the environment, which may contain secrets.
fn describe(command: &Command) -> String {
    let parts = std::iter::once(command.get_program()).chain(command.get_args());
    let parts: Vec<_> = parts.map(|part| part.to_string_lossy()).collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_names_command_without_environment() {
        let error = run(Command::new("sh").args(["-c", "exit 3"]).env("SECRET", "hush")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("sh -c exit 3") && !text.contains("hush"), "{text}");
    }

    #[test]
    fn output_returns_stdout() {
        assert_eq!(output(Command::new("echo").arg("hello")).unwrap(), "hello\n");
    }

    #[test]
    fn executable_is_found_in_cargo_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"masthead"},"executable":null}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","target":{"name":"masthead"},"executable":"/t/debug/masthead"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(
            executable(messages, "masthead").unwrap(),
            PathBuf::from("/t/debug/masthead")
        );
        assert!(executable(messages, "masthead-sandbox").is_err());
    }
}

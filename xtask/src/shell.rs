//! Running other programs, and what a chore may fail with.

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// A chore ends well, or with words for the person who runs it.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A `cargo` in the workspace, with the committed query cache in force.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command
        .args(arguments)
        .current_dir(masthead_dev_postgres::workspace())
        .env("SQLX_OFFLINE", "true");
    command
}

/// Runs `command` to its end, its output going where ours goes.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command
        .status()
        .map_err(|error| format!("{}: {error}", in_words(command)))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("`{}` failed ({status})", in_words(command)).into())
}

/// Runs `command` to its end and gives what it printed; its complaints go where ours go.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let said = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("{}: {error}", in_words(command)))?;
    if said.status.success() {
        return Ok(String::from_utf8(said.stdout)?);
    }
    Err(format!("`{}` failed ({})", in_words(command), said.status).into())
}

/// A program's path, from what cargo says of each thing it built (`--message-format=json`).
pub(crate) fn executable(messages: &str, name: &str) -> Outcome<PathBuf> {
    let path = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    Ok(path.ok_or_else(|| format!("cargo built no program called `{name}`"))?)
}

/// Program and arguments; not the environment, which may carry secrets.
fn in_words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_but_not_its_environment() {
        let error = run(Command::new("sh").args(["-c", "exit 3"]).env("SECRET", "hush")).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("sh -c exit 3") && said.contains('3'), "{said}");
        assert!(!said.contains("hush"));
    }

    #[test]
    fn output_is_what_the_program_printed() {
        assert_eq!(output(Command::new("echo").arg("hello")).unwrap(), "hello\n");
    }

    #[test]
    fn the_programs_path_is_found_among_cargos_messages() {
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

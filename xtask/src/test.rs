//! `cargo xtask test`: every test, with the Postgres they need.

use std::process::Stdio;

use clap::Args;
use masthead_dev_postgres::PostgresServer;

use crate::shell::{Outcome, cargo, run as run_command};

/// Which tests, and how.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Handed to `cargo nextest run` (or `cargo test`): `-p masthead-domain`, a part of a test's name, …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Outcome {
    // Obtained before anything is compiled: what is missing is said at once, and the lease keeps it up between tests.
    let server = PostgresServer::obtain()?;
    println!("Postgres: {}", server.describe());
    let tested = all(options);
    server.release()?;
    tested
}

fn all(options: &Options) -> Outcome {
    let rest: Vec<&str> = options.rest.iter().map(String::as_str).collect();
    let command: &[&str] = if has_nextest() {
        &["nextest", "run"]
    } else {
        &["test", "--all-targets"]
    };
    run_command(cargo(command).args(scope(&rest)).args(&rest))?;
    if rest.is_empty() {
        run_command(&mut cargo(&["test", "--workspace", "--doc"]))
    } else {
        println!("doc tests are left out, because of the arguments given");
        Ok(())
    }
}

/// The whole workspace, unless the arguments choose packages themselves.
fn scope(rest: &[&str]) -> &'static [&'static str] {
    let chooses = |argument: &&str| {
        matches!(*argument, "-p" | "--package" | "--workspace" | "--all") || argument.starts_with("--package=")
    };
    if rest.iter().take_while(|argument| **argument != "--").any(chooses) {
        &[]
    } else {
        // What only measuring needs is tested too.
        &["--workspace", "--features", "xtask/bench"]
    }
}

/// A fresh machine has only Rust: nextest is welcome, not needed.
fn has_nextest() -> bool {
    cargo(&["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_package_takes_the_place_of_the_workspace() {
        assert_eq!(scope(&[]), ["--workspace", "--features", "xtask/bench"]);
        assert_eq!(scope(&["some_name"]), scope(&[]));
        assert!(scope(&["-p", "masthead-domain"]).is_empty());
        assert!(scope(&["--package=masthead-domain"]).is_empty());
        assert_eq!(scope(&["--", "-p"]), scope(&[]));
    }
}

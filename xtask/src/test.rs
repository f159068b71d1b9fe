//! `cargo xtask test`: all tests, with their Postgres.

use std::process::Stdio;

use clap::Args;
use masthead_dev_postgres::PostgresServer;

use crate::child::stop_postgres_after_crash;
use crate::shell::{TaskResult, cargo, run as run_command};

/// Which tests, and how.
#[derive(Args, Default)]
pub(crate) struct TestArguments {
    /// Arguments of `cargo nextest run` (or `cargo test`): `-p masthead-domain`, a part of a test's name, …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &TestArguments) -> TaskResult {
    // Before the build, so that a missing Postgres is reported at once. The lease keeps it running between tests.
    let server = PostgresServer::obtain()?;
    let after_crash = stop_postgres_after_crash()?;
    println!("Postgres: {}", server.describe());
    let tested = run_all(arguments);
    server.release()?;
    after_crash.cancel();
    tested
}

fn run_all(arguments: &TestArguments) -> TaskResult {
    let rest: Vec<&str> = arguments.rest.iter().map(String::as_str).collect();
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

/// The whole workspace, unless the arguments choose packages.
fn scope(rest: &[&str]) -> &'static [&'static str] {
    let is_choice = |argument: &&str| {
        matches!(*argument, "-p" | "--package" | "--workspace" | "--all") || argument.starts_with("--package=")
    };
    if rest.iter().take_while(|argument| **argument != "--").any(is_choice) {
        &[]
    } else {
        // The code of benchmarks is tested too.
        &["--workspace", "--features", "xtask/bench"]
    }
}

/// nextest is optional: a new machine has only Rust.
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
    fn chosen_package_replaces_the_workspace() {
        assert_eq!(scope(&[]), ["--workspace", "--features", "xtask/bench"]);
        assert_eq!(scope(&["some_name"]), scope(&[]));
        assert!(scope(&["-p", "masthead-domain"]).is_empty());
        assert!(scope(&["--package=masthead-domain"]).is_empty());
        assert_eq!(scope(&["--", "-p"]), scope(&[]));
    }
}

//! `cargo xtask docs`: writes the generated tables of docs/api.md and docs/migration.md. A test fails while they are not
//! current.

use crate::shell::{TaskResult, cargo, run as run_command};

/// Runs the tests that compare the tables with the setting that writes them instead.
pub(crate) fn run() -> TaskResult {
    let mut tests = cargo(&["test", "--package=masthead-api", "--lib", "docs::markdown"]);
    run_command(tests.env("UPDATE_DOCS", "1"))
}

//! `cargo xtask docs`: writes the generated tables of docs/api.md, docs/migration.md and docs/moving-in.md. A test fails while they
//! are not current.

use crate::shell::{TaskResult, cargo, run as run_command};

/// Runs the tests that compare the tables with the setting that writes them instead.
pub(crate) fn run() -> TaskResult {
    for tests in [
        ["--package=masthead-api", "--lib", "docs::markdown"],
        ["--package=masthead-imports", "--test=imports", "moving_in"],
    ] {
        let mut command = cargo(&["test"]);
        run_command(command.args(tests).env("UPDATE_DOCS", "1"))?;
    }
    Ok(())
}

//! The confirmation of an operator before something is lost.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::command_error::CommandError;

/// Continues if the operator agrees: on a terminal by an answer, elsewhere by `--yes`.
///
/// # Errors
/// The operator does not agree, or there is no terminal.
pub(super) fn confirm(question: &str, yes: bool) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    let input = io::stdin();
    if !input.is_terminal() {
        return Err(CommandError::new(
            "nothing was changed: standard input is no terminal, where you would be asked; --yes answers",
        ));
    }
    let _ = write!(io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    input
        .lock()
        .read_line(&mut answer)
        .map_err(CommandError::context("the answer cannot be read"))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(CommandError::new("nothing was changed"))
    }
}

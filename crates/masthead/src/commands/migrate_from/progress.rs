//! The progress bar of a migration.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::command_error::CommandError;

/// A progress bar on standard error if that is a terminal; otherwise no output.
pub(super) struct MigrationProgress(ProgressBar);

impl MigrationProgress {
    /// Starts at this position.
    pub(super) fn start(seen: u64) -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target).with_position(seen);
        // A style that does not parse would leave the plain one.
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} users, {per_sec}, {eta} left") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Sets the number of users in total.
    pub(super) fn set_total(&self, total: Option<u64>) {
        if let Some(total) = total {
            self.0.set_length(total);
        }
    }

    /// Sets the number of users that are done.
    pub(super) fn set_position(&self, seen: u64) {
        self.0.set_position(seen);
    }

    /// Writes a line above the bar.
    pub(super) fn print_line(&self, line: &str) -> Result<(), CommandError> {
        self.0
            .suspend(|| writeln!(io::stderr(), "{line}"))
            .map_err(CommandError::context("cannot write to standard error"))
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

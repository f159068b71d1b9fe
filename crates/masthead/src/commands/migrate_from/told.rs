//! The progress of a migration, on a terminal only.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::tell;
use crate::failure::Failure;

/// A bar on standard error, where that is a terminal; silent elsewhere.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// At this place.
    pub(super) fn started(seen: u64) -> Self {
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

    /// So many there are in all.
    pub(super) fn expects(&self, total: Option<u64>) {
        if let Some(total) = total {
            self.0.set_length(total);
        }
    }

    /// So many are done.
    pub(super) fn at(&self, seen: u64) {
        self.0.set_position(seen);
    }

    /// Writes a line above the bar.
    pub(super) fn tell(&self, line: &str) -> Result<(), Failure> {
        self.0.suspend(|| tell(line))
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

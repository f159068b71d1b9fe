//! The progress of an import: a bar on a terminal, else a line from time to time.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write as _},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The progress of an import on standard error.
pub(super) struct ImportProgress {
    /// `None` where standard error is no terminal.
    bar: Option<ProgressBar>,
    /// How long a pause between two lines is; `None` for no lines.
    every: Option<Duration>,
    length: Option<u64>,
    /// What is counted: `rows`.
    what: &'static str,
    began: Instant,
    last: Instant,
    rows: u64,
    bytes: u64,
}

impl ImportProgress {
    /// Starts; `length` is how many bytes the input has, and `what` what its rows are called.
    pub(super) fn start(what: &'static str, length: Option<u64>, every_seconds: u64) -> Self {
        let now = Instant::now();
        Self {
            bar: io::stderr().is_terminal().then(|| new_bar(length)),
            every: Some(Duration::from_secs(every_seconds)).filter(|every| !every.is_zero()),
            length,
            what,
            began: now,
            last: now,
            rows: 0,
            bytes: 0,
        }
    }

    /// Shows how many rows are dealt with, and how many bytes are read.
    pub(super) fn show(&mut self, rows: u64, bytes: u64) {
        let now = Instant::now();
        (self.rows, self.bytes) = (rows, bytes);
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            bar.set_message(rows_and_rate(self.what, rows, now - self.began));
            return;
        }
        if self.every.is_none_or(|every| now - self.last < every) {
            return;
        }
        self.last = now;
        self.print();
    }

    /// Removes the bar, or writes the last line.
    pub(super) fn finish(&self) {
        match &self.bar {
            Some(bar) => bar.finish_and_clear(),
            None if self.every.is_some() => self.print(),
            None => {}
        }
    }

    fn print(&self) {
        let line = line(self.what, (self.rows, self.bytes), self.length, self.began.elapsed());
        // A closed standard error stops no import.
        let _ = writeln!(io::stderr(), "masthead: {line}");
    }
}

fn new_bar(length: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    let template = match length {
        Some(_) => "{bar:40} {percent} %, {msg}, {eta} left",
        None => "{spinner} {bytes} read, {msg}",
    };
    // A style that does not parse would leave the plain one.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

fn rows_and_rate(what: &str, rows: u64, elapsed: Duration) -> String {
    format!("{rows} {what}, {:.0} a second", rate(rows, elapsed))
}

#[expect(clippy::cast_precision_loss, reason = "a rate is shown without decimals")]
fn rate(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(0.001)
}

fn line(what: &str, (rows, bytes): (u64, u64), length: Option<u64>, elapsed: Duration) -> String {
    let mut line = rows_and_rate(what, rows, elapsed);
    if let Some(length) = length.filter(|length| *length > 0) {
        let left = Duration::try_from_secs_f64(
            rate(length.saturating_sub(bytes), Duration::from_secs(1)) / rate(bytes, elapsed).max(1.0),
        );
        // Writing to a string does not fail.
        let _ = write!(line, ", {} % read", bytes.min(length).saturating_mul(100) / length);
        if let Ok(left) = left {
            let _ = write!(line, ", about {} s left", left.as_secs());
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_has_rate_and_time_left() {
        let shown = |length| line("rows", (3000, 250), length, Duration::from_secs(2));
        assert_eq!(shown(Some(1000)), "3000 rows, 1500 a second, 25 % read, about 6 s left");
        assert_eq!(shown(None), "3000 rows, 1500 a second");
        assert_eq!(
            line("hashes", (0, 0), Some(10), Duration::ZERO),
            "0 hashes, 0 a second, 0 % read, about 10 s left"
        );
    }
}

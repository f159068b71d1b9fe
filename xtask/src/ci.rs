//! `cargo xtask ci`: the checks before a review; it stops at the first that fails.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::shell::{TaskResult, cargo, run as run_command};
use crate::{layers, sqlx, test};

/// Which steps.
#[derive(Args)]
pub(crate) struct CiArguments {
    /// Leaves a step out; may be repeated.
    #[arg(long, value_enum)]
    skip: Vec<CiStep>,
}

/// One step, in the order they run: the cheap ones first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum CiStep {
    /// `cargo fmt --check`
    Fmt,
    /// The rules of the workspace (`cargo xtask layers`).
    Layers,
    /// `cargo clippy` on everything, warnings refused.
    Clippy,
    /// The committed query cache is current.
    Sqlx,
    /// Every test.
    Test,
    /// The documentation, warnings refused.
    Doc,
}

impl CiStep {
    const ALL: [Self; 6] = [Self::Fmt, Self::Layers, Self::Clippy, Self::Sqlx, Self::Test, Self::Doc];

    fn run(self) -> TaskResult {
        match self {
            Self::Fmt => run_command(&mut cargo(&["fmt", "--all", "--check"])),
            Self::Layers => layers::run(),
            Self::Clippy => run_command(&mut cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--features",
                "xtask/bench,masthead-dev-postgres/download",
                "--",
                "-D",
                "warnings",
            ])),
            Self::Sqlx => sqlx::check(),
            Self::Test => test::run(&test::TestArguments::default()),
            Self::Doc => run_command(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings")),
        }
    }
}

pub(crate) fn run(arguments: &CiArguments) -> TaskResult {
    let steps: Vec<CiStep> = CiStep::ALL
        .into_iter()
        .filter(|step| !arguments.skip.contains(step))
        .collect();
    let mut done: Vec<(CiStep, Duration)> = Vec::new();
    for step in &steps {
        println!("\n──── {step:?} ────");
        let begun = Instant::now();
        if let Err(error) = step.run() {
            println!("\n════ {step:?} FAILED ════\n{}", summary(&steps, &done));
            return Err(error);
        }
        done.push((*step, begun.elapsed()));
    }
    println!("\n════ all green ════\n{}", summary(&steps, &done));
    Ok(())
}

fn summary(steps: &[CiStep], done: &[(CiStep, Duration)]) -> String {
    let lines = steps.iter().enumerate().map(|(place, step)| match done.get(place) {
        Some((_, took)) => format!("  {step:?}: green ({:.1} s)", took.as_secs_f32()),
        None if place == done.len() => format!("  {step:?}: FAILED"),
        None => format!("  {step:?}: not run"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_lists_every_step() {
        let steps = [CiStep::Fmt, CiStep::Layers, CiStep::Clippy];
        let text = summary(&steps, &[(CiStep::Fmt, Duration::from_millis(1500))]);
        assert_eq!(text, "  Fmt: green (1.5 s)\n  Layers: FAILED\n  Clippy: not run");
    }
}

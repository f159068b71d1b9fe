//! `cargo xtask bench`: how fast the server is, beside the bare database and a bare hyper, on the same machine and data.
//!
//! What it needs beyond the other chores (tokio, hyper, …) is behind the feature `bench`: without it, this chore runs
//! itself again with it.

#[cfg(feature = "bench")]
mod answers;
#[cfg(feature = "bench")]
mod buffers;
#[cfg(feature = "bench")]
mod chart;
#[cfg(feature = "bench")]
mod client;
#[cfg(feature = "bench")]
mod coalescing;
#[cfg(feature = "bench")]
mod connection;
#[cfg(feature = "bench")]
mod connections;
#[cfg(feature = "bench")]
mod cpu;
#[cfg(feature = "bench")]
mod cursors;
#[cfg(feature = "bench")]
mod database;
#[cfg(feature = "bench")]
mod directory;
#[cfg(feature = "bench")]
mod ending;
#[cfg(feature = "bench")]
mod export;
#[cfg(feature = "bench")]
mod figures;
#[cfg(feature = "bench")]
mod generator;
#[cfg(feature = "bench")]
mod hyper;
#[cfg(feature = "bench")]
mod lookups;
#[cfg(feature = "bench")]
mod machine;
#[cfg(feature = "bench")]
mod model;
#[cfg(feature = "bench")]
mod needles;
#[cfg(feature = "bench")]
mod orchestration;
#[cfg(feature = "bench")]
mod people;
#[cfg(feature = "bench")]
mod pgbench;
#[cfg(feature = "bench")]
mod refusals;
#[cfg(feature = "bench")]
mod report;
#[cfg(feature = "bench")]
mod requests;
#[cfg(feature = "bench")]
mod searches;
#[cfg(feature = "bench")]
mod server;
#[cfg(feature = "bench")]
mod sync;
#[cfg(feature = "bench")]
mod table;
#[cfg(feature = "bench")]
mod whole;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::shell::Outcome;

/// What to measure, and for how long.
#[derive(Args)]
pub(crate) struct Options {
    /// 100,000 registrations and short rounds: for development, not for figures to quote.
    #[arg(long)]
    quick: bool,
    /// How many registrations (1,000,000; with --quick 100,000).
    #[arg(long, value_parser = clap::value_parser!(u32).range(10_000..=20_000_000))]
    rows: Option<u32>,
    /// How many interleaved rounds of look-ups (5; with --quick 3).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,
    /// How long each part of a round is measured, in seconds (8; with --quick 2).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=120))]
    seconds: Option<u32>,
    /// Makes the data anew, even where they are there already.
    #[arg(long)]
    fresh: bool,
    /// Measures these parts only; the ratios of the others are then missing.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Builds the server with `--release` instead of as it is shipped (`--profile dist`, fat LTO, minutes of compiling).
    #[arg(long)]
    release: bool,
    /// A `masthead` that is built already, to be measured instead of one of this tree.
    #[arg(long, conflicts_with = "release")]
    program: Option<PathBuf>,
    #[command(subcommand)]
    inner: Option<Inner>,
}

/// A part that can be measured alone.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Exact look-ups beside pgbench and bare hyper.
    Lookups,
    /// Look-ups that travel together, beside one statement a request.
    Coalescing,
    /// Pages by cursor, and the slowest needles.
    Searches,
    /// What asking both sides adds to the slower one.
    Orchestration,
    /// Exports beside single look-ups, and the time of refusals.
    Export,
    /// Lists and writes of a pool with a directory, beside those without.
    Directory,
    /// The first sync of a provider with 50,000 users, beside people's look-ups.
    Sync,
}

/// What the bench starts of itself as another process, so that its CPU time is counted apart.
#[derive(Subcommand)]
enum Inner {
    /// A bare hyper server that answers every request with the bytes of a file.
    #[command(hide = true)]
    Hyper {
        /// The body.
        body: PathBuf,
    },
}

/// Builds this program anew with what measuring needs, which takes the place of this process and runs the same chore.
#[cfg(not(feature = "bench"))]
pub(crate) fn run(_options: &Options) -> Outcome {
    let mut again = crate::shell::cargo(&["run", "--quiet", "--release", "--package", "xtask"]);
    again
        .args(["--features", "bench", "--"])
        .args(std::env::args_os().skip(1));
    Err(std::os::unix::process::CommandExt::exec(&mut again).into())
}

#[cfg(feature = "bench")]
pub(crate) fn run(options: &Options) -> Outcome {
    match &options.inner {
        Some(Inner::Hyper { body }) => hyper::serve(body),
        None => {
            ending::with_our_children()?;
            whole::run(options)
        }
    }
}

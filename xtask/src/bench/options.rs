//! Command-line options of `cargo xtask bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What to measure, and for how long.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct BenchOptions {
    /// 100,000 registrations and short rounds: for development, not for figures to quote.
    #[arg(long)]
    pub(super) quick: bool,
    /// How many registrations (1,000,000; with --quick 100,000).
    #[arg(long, value_parser = clap::value_parser!(u32).range(10_000..=20_000_000))]
    pub(super) rows: Option<u32>,
    /// How many interleaved rounds (5; with --quick 3).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) rounds: Option<u32>,
    /// How long each load of a round is measured, in seconds (8; with --quick 2).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub(super) seconds: Option<u32>,
    /// Creates the data again, even if they exist.
    #[arg(long)]
    pub(super) fresh: bool,
    /// Measures searches, lists and imports beside a Node service and OpenLDAP, and the slowest searches: `--only peers
    /// --only searches`.
    #[arg(long, conflicts_with = "only")]
    pub(super) peers: bool,
    /// Measures these parts only; the ratios of the others are then missing.
    #[arg(long, value_enum)]
    pub(super) only: Vec<BenchPart>,
    /// Builds the server with `--release` instead of as it is shipped (`--profile dist`, fat LTO, minutes of compiling).
    #[arg(long)]
    pub(super) release: bool,
    /// Measures this `masthead` binary instead of one built from this tree.
    #[arg(long, conflicts_with = "release")]
    pub(super) program: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) helper: Option<BenchHelper>,
}

/// A part that can be measured alone.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum BenchPart {
    /// Exact look-ups beside pgbench and bare hyper.
    Lookups,
    /// Look-ups that share a statement, beside one statement a request.
    Coalescing,
    /// Pages by cursor, and the slowest searches.
    Searches,
    /// What a look-up in provider and store adds to the provider's own latency.
    Orchestration,
    /// Exports beside single look-ups, and the time of refusals.
    Export,
    /// Lists and writes of a pool with a mirror, beside those without.
    #[value(alias = "directory")]
    Mirror,
    /// The first sync of a provider with 50,000 users, beside look-ups.
    Sync,
    /// Creates and updates beside pgbench, look-ups beside a storm of sign-ins, and what sign-ins cost and reveal.
    Writes,
    /// Searches, lists and imports beside a Node service and OpenLDAP; only when it is named, since it needs npm.
    Peers,
}

/// What the bench starts of itself as another process, so that its CPU time is counted apart.
#[derive(Subcommand)]
pub(super) enum BenchHelper {
    /// A bare hyper server that answers every request with the bytes of a file.
    #[command(hide = true)]
    Hyper {
        /// The file with the body.
        body: PathBuf,
    },
}

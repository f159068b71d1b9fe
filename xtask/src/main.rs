//! Chores of the workspace: `cargo xtask --help`.
#![expect(clippy::print_stdout, reason = "a chore talks to the person who runs it")]

mod bench;
mod child;
mod ci;
mod dev;
mod layers;
mod postgres;
mod shell;
mod sqlx;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Runs a seeded server on a Postgres of its own, until Ctrl-C.
    Dev(dev::Options),
    /// Runs every test, with the Postgres they need: nextest where it is installed, then doc tests.
    Test(test::Options),
    /// Runs all that must be green before review: format, clippy, layers, query cache, tests, docs.
    Ci(ci::Options),
    /// Checks the rules of the house: allowed arrows, lints, sizes and openings of files, migrations.
    Layers,
    /// Renews `.sqlx/`, the committed cache of checked queries.
    Sqlx(sqlx::Options),
    /// Measures the server beside the bare database and a bare hyper, and writes `target/bench/`.
    Bench(bench::BenchOptions),
    /// Starts or stops the Postgres that development and tests share.
    Postgres(postgres::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Dev(options) => dev::run(&options),
        Chore::Test(options) => test::run(&options),
        Chore::Ci(options) => ci::run(&options),
        Chore::Layers => layers::run(),
        Chore::Sqlx(options) => sqlx::run(&options),
        Chore::Bench(options) => bench::run(&options),
        Chore::Postgres(options) => postgres::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

//! Tasks of the workspace: `cargo xtask --help`.
#![expect(clippy::print_stdout, reason = "tasks print their results")]

mod bench;
mod child;
mod ci;
mod code;
mod code_metrics;
mod dev;
mod docs;
mod layers;
mod postgres;
mod shell;
mod sqlx;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct CommandLine {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs a seeded server with its Postgres, until Ctrl-C.
    Dev(dev::DevArguments),
    /// Runs all tests with their Postgres: by nextest where it is installed, then doc tests.
    Test(test::TestArguments),
    /// Runs the checks before a review: format, clippy, layers, query cache, tests, docs.
    Ci(ci::CiArguments),
    /// Checks the rules of the workspace: allowed dependencies, lints, sizes and first lines of files, migrations.
    Layers,
    /// Measures size and readability of the code: lines, circles of modules, repeated type names, names of tests.
    CodeMetrics(code_metrics::Options),
    /// Writes the generated tables of docs/api.md, docs/migration.md and docs/moving-in.md.
    Docs,
    /// Renews `.sqlx/`, the committed cache of checked queries.
    Sqlx(sqlx::SqlxArguments),
    /// Measures the server beside the bare database and a bare hyper, and writes `target/bench/`.
    Bench(bench::BenchOptions),
    /// Starts or stops the Postgres that development and tests share.
    Postgres(postgres::PostgresArguments),
}

fn main() -> ExitCode {
    let done = match CommandLine::parse().task {
        Task::Dev(options) => dev::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Ci(options) => ci::run(&options),
        Task::Layers => layers::run(),
        Task::CodeMetrics(options) => code_metrics::run(&options),
        Task::Docs => docs::run(),
        Task::Sqlx(options) => sqlx::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Postgres(options) => postgres::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

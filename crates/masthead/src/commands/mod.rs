//! One command a file.

mod check_config;
mod import;
mod migrate;
mod migrate_from;
mod provider;
mod registrations;
mod serve;
mod signals;
mod sync;
mod tenant;
mod token;
mod workspace;

use std::{
    fmt::Display,
    io::{self, Write},
    sync::Arc,
};

use masthead_subscribe_store::Store;
use tokio::runtime::{self, Runtime};

use crate::{
    cli::{Cli, Command, Registrations},
    clock::SystemClock,
    failure::Failure,
    logs,
    settings::Gathered,
    wiring,
};

pub(crate) fn run(cli: &Cli) -> Result<(), Failure> {
    let gathered = Gathered::from_process(cli.config.as_deref());
    match &cli.command {
        Command::Serve => serve::run(&gathered.settings()?),
        Command::Migrate => migrate::run(&gathered),
        Command::Tenant(asked) => tenant::run(&gathered, asked),
        Command::Provider(asked) => provider::run(&gathered, asked),
        Command::Workspace(asked) => with_store(&gathered, async |store| workspace::run(store, asked).await),
        Command::Token(asked) => token::run(&gathered, asked),
        Command::CheckConfig => check_config::run(&gathered),
        Command::MigrateFrom(asked) => migrate_from::run(&gathered, asked),
        Command::Import(asked) => with_store(&gathered, async |store| import::run(store, asked).await),
        Command::Registrations(Registrations::Check(asked)) => {
            with_store(&gathered, async |store| registrations::check(store, asked).await)
        }
        Command::Sync(asked) => {
            let (providers, sync) = gathered.sync()?;
            with_store(&gathered, async |store| {
                sync::run(store, &providers, &sync, asked).await
            })
        }
    }
}

/// Runs a chore on the database. What its parts have to say goes to standard error: the output is the chore's answer.
fn with_store(gathered: &Gathered, chore: impl AsyncFnOnce(&Store) -> Result<(), Failure>) -> Result<(), Failure> {
    let (database, log) = gathered.database()?;
    let (_, _, _log) = logs::start(&log, io::stderr(), Arc::new(SystemClock)).map_err(Failure::when(NO_LOG))?;
    small_runtime()?.block_on(async {
        let store = wiring::store(&database)?;
        let done = chore(&store).await;
        store.close().await;
        done
    })
}

const NO_LOG: &str = "the log cannot be started";
const NO_CLIENT: &str = "the client for the providers cannot be made";

fn small_runtime() -> Result<Runtime, Failure> {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::when("the runtime cannot be started"))
}

/// Writes one line of the command's answer.
fn say(line: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(Failure::when("cannot write to standard output"))
}

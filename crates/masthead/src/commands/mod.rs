//! The commands of the program, one file each.

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
    cli::{Cli, Command, RegistrationsCommand},
    clock::SystemClock,
    command_error::CommandError,
    logs,
    settings::UncheckedSettings,
    wiring,
};

pub(crate) fn run(cli: &Cli) -> Result<(), CommandError> {
    let settings_source = UncheckedSettings::from_process(cli.config.as_deref());
    match &cli.command {
        Command::Serve => serve::run(&settings_source.settings()?),
        Command::Migrate => migrate::run(&settings_source),
        Command::Tenant(arguments) => tenant::run(&settings_source, arguments),
        Command::Provider(arguments) => provider::run(&settings_source, arguments),
        Command::Workspace(arguments) => {
            with_store(&settings_source, async |store| workspace::run(store, arguments).await)
        }
        Command::Token(arguments) => token::run(&settings_source, arguments),
        Command::CheckConfig => check_config::run(&settings_source),
        Command::MigrateFrom(arguments) => migrate_from::run(&settings_source, arguments),
        Command::Import(arguments) => with_store(&settings_source, async |store| import::run(store, arguments).await),
        Command::Registrations(RegistrationsCommand::Check(arguments)) => with_store(&settings_source, async |store| {
            registrations::check(store, arguments).await
        }),
        Command::Sync(arguments) => {
            let (providers, sync) = settings_source.sync()?;
            with_store(&settings_source, async |store| {
                sync::run(store, &providers, &sync, arguments).await
            })
        }
    }
}

/// Runs an action on the database. Log lines go to standard error: standard output is the command's result.
fn with_store(
    settings_source: &UncheckedSettings,
    action: impl AsyncFnOnce(&Store) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let (database, log) = settings_source.database()?;
    let (_, _, _log) = logs::start(&log, io::stderr(), Arc::new(SystemClock)).map_err(CommandError::context(NO_LOG))?;
    small_runtime()?.block_on(async {
        let store = wiring::store(&database)?;
        let done = action(&store).await;
        store.close().await;
        done
    })
}

const NO_LOG: &str = "the log cannot be started";
const NO_CLIENT: &str = "the client for the providers cannot be made";

fn small_runtime() -> Result<Runtime, CommandError> {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::context("the runtime cannot be started"))
}

/// Prints one line of the command's result.
fn print_line(line: impl Display) -> Result<(), CommandError> {
    writeln!(io::stdout(), "{line}").map_err(CommandError::context("cannot write to standard output"))
}

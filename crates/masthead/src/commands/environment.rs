//! The environment of a command: runtime, log, store and standard output.

use std::{
    fmt::Display,
    io::{self, Write},
    sync::Arc,
};

use masthead_subscribe_store::Store;
use tokio::runtime::{self, Runtime};

use crate::{
    clock::SystemClock, command_error::CommandError, logs, sealing_keys::SealingKeys, settings::UncheckedSettings,
    wiring,
};

/// Runs an action on the database. Log lines go to standard error: standard output is the command's result.
pub(super) fn with_store(
    settings_source: &UncheckedSettings,
    action: impl AsyncFnOnce(&Store) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    with_keys(settings_source, async |store, _keys| action(store).await)
}

/// As [`with_store`], once the sealing keys are found to be those of the database: for what brings or changes users.
pub(super) fn with_checked_store(
    settings_source: &UncheckedSettings,
    action: impl AsyncFnOnce(&Store) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    with_keys(settings_source, async |store, keys| {
        if let Some(keys) = keys {
            check_keys(&keys, store).await?;
        }
        action(store).await
    })
}

/// Refuses sealing keys that are not those of the database, and warns of missing ones.
pub(super) async fn check_keys(keys: &SealingKeys, store: &Store) -> Result<(), CommandError> {
    keys.check(&store.admin()).await?.iter().for_each(print_warning);
    Ok(())
}

fn with_keys(
    settings_source: &UncheckedSettings,
    action: impl AsyncFnOnce(&Store, Option<Arc<SealingKeys>>) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let (database, log) = settings_source.database()?;
    let sealing = settings_source.sealing()?;
    let _log = logs::start(&log, io::stderr(), Arc::new(SystemClock)).map_err(CommandError::context(NO_LOG))?;
    small_runtime()?.block_on(async {
        let keys = sealing.as_ref().map(SealingKeys::new).transpose()?;
        let store = wiring::store(&database, keys.clone().map(|keys| keys as _))?;
        let done = match check_connection(&store).await {
            Ok(()) => action(&store, keys).await,
            Err(error) => Err(error),
        };
        store.close().await;
        done
    })
}

/// Refuses a database that cannot be used, with its name and the reason; later errors would show neither.
pub(super) async fn check_connection(store: &Store) -> Result<(), CommandError> {
    let checked = store.check_connection().await;
    checked.map_err(CommandError::context("the database cannot be used"))
}

pub(super) const NO_LOG: &str = "the log cannot be started";
pub(super) const NO_CLIENT: &str = "the client for the providers cannot be made";

pub(super) const NO_MAIL: &str = "mails cannot be sent";

pub(super) fn small_runtime() -> Result<Runtime, CommandError> {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::context("the runtime cannot be started"))
}

/// Prints one line of the command's result.
pub(super) fn print_line(line: impl Display) -> Result<(), CommandError> {
    writeln!(io::stdout(), "{line}").map_err(CommandError::from_output)
}

/// Prints a warning. The command succeeds: a warning that cannot be printed must not look like a failure.
pub(super) fn print_warning(warning: impl Display) {
    let _ = writeln!(io::stderr(), "masthead: warning: {warning}");
}

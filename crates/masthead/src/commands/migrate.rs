//! `masthead migrate`: migrates the database to this program's schema.

use masthead_ports::clock::Clock as _;
use masthead_subscribe_store::{MigrateOptions, MigrationNotice, schema};
use serde_json::{Value, json};

use super::{
    environment::{print_line, print_warning, small_runtime},
    operator_log::{CommandChange, record_operator_change},
};
use crate::{
    cli::MigrateArguments,
    clock::SystemClock,
    command_error::CommandError,
    settings::{DatabaseSettings, UncheckedSettings},
    wiring,
};

pub(super) fn run(settings_source: &UncheckedSettings, arguments: &MigrateArguments) -> Result<(), CommandError> {
    let (database, _) = settings_source.database()?;
    let options = MigrateOptions {
        to: arguments.to,
        report: &report,
    };
    let is_whole = arguments.to.is_none_or(|to| to >= schema::version());
    let made = small_runtime()?.block_on(async {
        let made = schema::migrate_with(database.direct_url.reveal(), &options).await;
        let made = made.map_err(CommandError::context("the database was not migrated"))?;
        // A schema that is there is used: what is missing here is made up for by the server.
        if is_whole && let Err(error) = finish(&database).await {
            print_warning(error);
        }
        Ok::<_, CommandError>(made)
    })?;
    if made.registrations + made.entries + made.left > 0 {
        print_line(format_args!(
            "keys of names were rebuilt: {} registrations, {} mirrored users; {} skipped, whose names are too long",
            made.registrations, made.entries, made.left
        ))?;
    }
    match arguments.to {
        Some(to) if to < schema::version() => print_line(format_args!(
            "migrated up to schema version {to}; this program needs {}",
            schema::version()
        )),
        _ => print_line(format_args!("the database is at schema version {}", schema::version())),
    }
}

fn report(notice: MigrationNotice) {
    match notice {
        // A closed output ends the command at its last line.
        MigrationNotice::Applied { .. } => drop(print_line(notice)),
        MigrationNotice::OtherProgram | MigrationNotice::Waiting { .. } => print_warning(notice),
    }
}

/// Adds the partitions of the audit log that the tenants need, and records the migration.
async fn finish(database: &DatabaseSettings) -> Result<(), CommandError> {
    let store = wiring::store(database, None)?;
    let kept = store.event_partitions().keep(SystemClock.now().date()).await;
    let change = CommandChange {
        command: "migrate",
        tenant: None,
        before: Value::Null,
        after: json!({"schema": schema::version()}),
    };
    let recorded = record_operator_change(&store.admin(), change).await;
    store.close().await;
    kept.map_err(CommandError::context("the partitions are left to the server"))?;
    recorded
}

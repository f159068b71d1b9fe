//! `masthead migrate`: migrates the database to this program's schema.

use masthead_subscribe_store::{MigrateOptions, MigrationNotice, schema};

use super::environment::{print_line, print_warning, small_runtime};
use crate::{cli::MigrateArguments, command_error::CommandError, settings::UncheckedSettings};

pub(super) fn run(settings_source: &UncheckedSettings, arguments: &MigrateArguments) -> Result<(), CommandError> {
    let (database, _) = settings_source.database()?;
    let options = MigrateOptions {
        to: arguments.to,
        report: &report,
    };
    let made = small_runtime()?
        .block_on(schema::migrate_with(database.direct_url.reveal(), &options))
        .map_err(CommandError::context("the database was not migrated"))?;
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

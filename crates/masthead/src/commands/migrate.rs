//! `masthead migrate`: migrates the database to this program's schema.

use masthead_subscribe_store::schema;

use super::environment::{print_line, small_runtime};
use crate::{command_error::CommandError, settings::UncheckedSettings};

pub(super) fn run(settings_source: &UncheckedSettings) -> Result<(), CommandError> {
    let (database, _) = settings_source.database()?;
    let made = small_runtime()?
        .block_on(schema::migrate(database.direct_url.reveal()))
        .map_err(CommandError::context("the database was not migrated"))?;
    if made.registrations + made.entries + made.left > 0 {
        print_line(format_args!(
            "keys of names were rebuilt: {} registrations, {} mirrored users; {} skipped, whose names are too long",
            made.registrations, made.entries, made.left
        ))?;
    }
    print_line(format_args!("the database is at schema version {}", schema::version()))
}

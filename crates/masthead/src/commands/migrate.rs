//! `masthead migrate`: brings the database to this program's schema.

use masthead_subscribe_store::schema;

use super::{say, small_runtime};
use crate::{failure::Failure, settings::Gathered};

pub(super) fn run(gathered: &Gathered) -> Result<(), Failure> {
    let (database, _) = gathered.database()?;
    let made = small_runtime()?
        .block_on(schema::migrate(database.direct_url.reveal()))
        .map_err(Failure::when("the database was not migrated"))?;
    if made.registrations + made.entries + made.left > 0 {
        say(format_args!(
            "stored keys of names are made anew: {} registrations, {} entries of directories; {} left, whose names are too long",
            made.registrations, made.entries, made.left
        ))?;
    }
    say(format_args!("the database is at schema version {}", schema::version()))
}

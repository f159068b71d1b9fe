//! Applies migrations beside running servers (ADR 0132): short waits for locks, and work on large tables outside of
//! transactions.

mod concurrent;
mod file;
mod lock;
#[cfg(test)]
mod rules;
mod run;
#[cfg(test)]
mod tests;

use sqlx::migrate::{Migration, Migrator};

use file::MigrationHeader;

pub use run::MigrationNotice;
pub(crate) use run::{AppliedMigration, MigrationError, applied, apply, oldest_compatible};

/// The migrations of this program.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// Those without which it does not serve: others remove what older programs read, or save time.
pub(crate) fn needed() -> impl Iterator<Item = &'static Migration> {
    MIGRATIONS.iter().filter(|migration| {
        let header = MigrationHeader::parse(migration.version, migration.sql.as_str());
        header.is_ok_and(|header| header.is_needed)
    })
}

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

use sqlx::migrate::Migrator;

pub use run::MigrationNotice;
pub(crate) use run::{AppliedMigration, MigrationError, applied, apply, oldest_compatible};

/// The migrations of this program.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

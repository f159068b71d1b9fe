//! The schema: applying its migrations, and refusing a database that is at another version.

use std::fmt::Write as _;

use sqlx::{
    Connection as _,
    migrate::{MigrateError, Migrator},
};
use thiserror::Error;

use crate::{
    connect::{Connector, PoolerError, pooler_error},
    database::Database,
    options::{OpenError, connect_options},
    sqlstate::{is_undefined_table, redacted},
};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// Why the schema is not as it must be.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// The URL cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A connection pooler stands where the settings do not expect it, or in a mode that cannot be used.
    #[error(transparent)]
    Pooler(#[from] PoolerError),
    /// The database has not all of our migrations.
    #[error("the database is at schema version {found}, this program needs {needed}: run `masthead migrate`")]
    Behind {
        /// The newest version applied; 0 for none.
        found: i64,
        /// The newest version of this program.
        needed: i64,
    },
    /// The database has migrations that this program does not know, or that were changed since.
    #[error("the database is at schema version {found}, which this program does not know (it needs {needed})")]
    Foreign {
        /// The first version that we do not know.
        found: i64,
        /// The newest version of this program.
        needed: i64,
    },
    /// The database gave no answer.
    #[error("the database gave no answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A migration failed.
    #[error("a migration failed")]
    Migration(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The newest version of this program's schema.
#[must_use]
pub fn version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// A text that changes with every change of the migrations; for those who keep databases that were migrated.
#[must_use]
pub fn fingerprint() -> String {
    let mut text = String::new();
    for migration in MIGRATIONS.iter() {
        let _ = write!(text, "{}", migration.version);
        for byte in migration.checksum.iter().take(8) {
            let _ = write!(text, "{byte:02x}");
        }
    }
    text
}

/// Applies what is missing. Several at a time wait for each other. The URL must lead to Postgres itself: the lock by which
/// they wait is the session's, and a pooler hands a session on.
///
/// # Errors
/// The URL leads through a pooler, the database gives no answer, is at a version that this program does not know, or a migration fails.
pub async fn migrate(url: &str) -> Result<(), SchemaError> {
    let connector = Connector::direct(connect_options(url)?, &[]);
    let mut connection = connector.connect().await.map_err(unavailable)?;
    let applied = MIGRATIONS.run(&mut connection).await;
    let closed = connection.close().await;
    applied.map_err(|error| match error {
        MigrateError::VersionMissing(found) | MigrateError::VersionMismatch(found) | MigrateError::Dirty(found) => {
            SchemaError::Foreign {
                found,
                needed: version(),
            }
        }
        other => SchemaError::Migration(Box::new(other)),
    })?;
    closed.map_err(unavailable)
}

/// Checks that the database has exactly our migrations.
pub(crate) async fn check(pool: &Database) -> Result<(), SchemaError> {
    let needed = version();
    let applied: Result<Vec<(i64, Vec<u8>, bool)>, sqlx::Error> =
        sqlx::query_as("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version")
            .persistent(false)
            .fetch_all(pool)
            .await;
    let applied = match applied {
        Ok(applied) => applied,
        Err(error) if is_undefined_table(&error) => Vec::new(),
        Err(error) => return Err(unavailable(error)),
    };
    for (found, checksum, success) in &applied {
        let known = MIGRATIONS
            .iter()
            .any(|ours| ours.version == *found && ours.checksum[..] == checksum[..]);
        if !known || !success {
            return Err(SchemaError::Foreign { found: *found, needed });
        }
    }
    let found = applied.last().map_or(0, |(version, _, _)| *version);
    if applied.len() < MIGRATIONS.iter().count() {
        return Err(SchemaError::Behind { found, needed });
    }
    Ok(())
}

fn unavailable(error: sqlx::Error) -> SchemaError {
    if let Some(pooler) = pooler_error(&error) {
        return pooler.into();
    }
    SchemaError::Unavailable(redacted(error))
}

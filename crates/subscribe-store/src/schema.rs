//! The schema: applies migrations, and rejects a database at another version.

use std::{cmp::Ordering, fmt::Write as _, io, time::Duration};

use masthead_domain::case::RULES;
use sqlx::{
    Connection as _, PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::PgPoolOptions,
};
use thiserror::Error;

use crate::{
    connect::{Connector, PoolerError, pooler_error},
    database::PgDatabase,
    mirror::MirrorError,
    options::{OpenError, connect_options},
    sqlstate::{is_undefined_table, redacted},
    stored_keys::{self, KeysMade},
    totals,
};

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// Why the schema cannot be used.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// The URL is invalid.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An unexpected connection pooler, or one in a mode that cannot be used.
    #[error(transparent)]
    Pooler(#[from] PoolerError),
    /// The database lacks migrations of this program.
    #[error("the database is at schema version {found}, this program needs {needed}: run `masthead migrate`")]
    Behind {
        /// The newest applied version; 0 for none.
        found: i64,
        /// The newest version of this program.
        needed: i64,
    },
    /// The database has migrations that this program does not know, or that have changed since.
    #[error("the database is at schema version {found}, which this program does not know (it needs {needed})")]
    Foreign {
        /// The first unknown version.
        found: i64,
        /// The newest version of this program.
        needed: i64,
    },
    /// The stored keys of names follow older rules (ADR 0098): searches would miss users.
    #[error("the stored keys of names are made by rules {found}, this program needs {needed}: run `masthead migrate`")]
    KeysBehind {
        /// The rules of the stored keys.
        found: i16,
        /// The rules of this program.
        needed: i16,
    },
    /// The stored keys follow rules that this program does not know.
    #[error("the stored keys of names are made by rules {found}, which this program does not know (it needs {needed})")]
    KeysForeign {
        /// The rules of the stored keys.
        found: i16,
        /// The rules of this program.
        needed: i16,
    },
    /// The database is unavailable.
    #[error("the database is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A migration failed.
    #[error("a migration failed")]
    Migration(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl SchemaError {
    /// Whether the database answered, and its schema is not that of this program.
    pub(crate) const fn is_other_schema(&self) -> bool {
        match self {
            Self::Behind { .. } | Self::Foreign { .. } | Self::KeysBehind { .. } | Self::KeysForeign { .. } => true,
            Self::Open(_) | Self::Pooler(_) | Self::Unavailable(_) | Self::Migration(_) => false,
        }
    }
}

/// The newest version of this program's schema.
#[must_use]
pub fn version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// Changes with every change of the migrations or of the key rules; for caches of migrated databases.
#[must_use]
pub fn fingerprint() -> String {
    let mut text = RULES.to_string();
    for migration in MIGRATIONS.iter() {
        let _ = write!(text, "{}", migration.version);
        for byte in migration.checksum.iter().take(8) {
            let _ = write!(text, "{byte:02x}");
        }
    }
    text
}

/// Applies missing migrations, recomputes stored keys if their rules have changed, and folds totals. Concurrent calls wait for each other,
/// and an interrupted one is continued. The URL must lead directly to Postgres: the calls wait by a session lock, and a
/// pooler shares sessions.
///
/// # Errors
/// The URL leads through a pooler, the database is unavailable or at an unknown version, or a migration fails.
pub async fn migrate(url: &str) -> Result<KeysMade, SchemaError> {
    let connector = Connector::direct(connect_options(url)?, &[]);
    let mut connection = connector.connect().await.map_err(unavailable)?;
    let applied = MIGRATIONS.run(&mut connection).await;
    let closed = connection.close().await;
    applied.map_err(not_applied)?;
    closed.map_err(unavailable)?;
    let database = PgDatabase::new(connector, PgPoolOptions::new().max_connections(1));
    let made = match keys(&database).await {
        Ok(made) => totals::fold_all(&database)
            .await
            .map(|()| made)
            .map_err(|error| SchemaError::Migration(redacted(error))),
        Err(error) => Err(error),
    };
    database.close().await;
    made
}

fn not_applied(error: MigrateError) -> SchemaError {
    match error {
        MigrateError::VersionMissing(found) | MigrateError::VersionMismatch(found) | MigrateError::Dirty(found) => {
            SchemaError::Foreign {
                found,
                needed: version(),
            }
        }
        other => SchemaError::Migration(Box::new(other)),
    }
}

async fn keys(database: &PgDatabase) -> Result<KeysMade, SchemaError> {
    let found = rules(database).await?;
    if found > RULES {
        return Err(SchemaError::KeysForeign { found, needed: RULES });
    }
    stored_keys::recompute(database).await.map_err(|trouble| match trouble {
        MirrorError::Database(error) => SchemaError::Migration(redacted(error)),
        other => SchemaError::Migration(Box::new(other)),
    })
}

async fn rules(database: &PgDatabase) -> Result<i16, SchemaError> {
    sqlx::query_scalar("SELECT rules FROM stored_keys")
        .persistent(false)
        .fetch_one(database)
        .await
        .map_err(unavailable)
}

pub(crate) async fn check_connection(connector: &Connector) -> Result<(), SchemaError> {
    let connection = connect(connector).await?;
    connection.close().await.map_err(unavailable)
}

/// Opens a connection within [`CONNECT_LIMIT`].
pub(crate) async fn connect(connector: &Connector) -> Result<PgConnection, SchemaError> {
    let late = |_| connector.not_connected(sqlx::Error::Io(io::ErrorKind::TimedOut.into()));
    let connected = tokio::time::timeout(CONNECT_LIMIT, connector.connect()).await;
    connected.map_err(late).flatten().map_err(unavailable)
}

/// Checks that the database has exactly the migrations and key rules of this program.
pub(crate) async fn check(pool: &PgDatabase) -> Result<(), SchemaError> {
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
            .any(|known| known.version == *found && known.checksum[..] == checksum[..]);
        if !known || !success {
            return Err(SchemaError::Foreign { found: *found, needed });
        }
    }
    let found = applied.last().map_or(0, |(version, _, _)| *version);
    if applied.len() < MIGRATIONS.iter().count() {
        return Err(SchemaError::Behind { found, needed });
    }
    let (found, needed) = (rules(pool).await?, RULES);
    match found.cmp(&needed) {
        Ordering::Less => Err(SchemaError::KeysBehind { found, needed }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(SchemaError::KeysForeign { found, needed }),
    }
}

pub(crate) fn unavailable(error: sqlx::Error) -> SchemaError {
    if let Some(pooler) = pooler_error(&error) {
        return pooler.into();
    }
    SchemaError::Unavailable(redacted(error))
}

//! The schema: applies migrations, and rejects a database that this program cannot serve.

use std::{cmp::Ordering, fmt::Write as _, io, time::Duration};

use masthead_domain::case::RULES;
use sqlx::{Connection as _, PgConnection, migrate::Migration, postgres::PgPoolOptions};
use thiserror::Error;

use crate::{
    connect::{Connector, PoolerError, TlsError, configuration_error, pooler_error},
    database::PgDatabase,
    database_url::DatabaseServers,
    migration::{self, AppliedMigration, MIGRATIONS, MigrationError, MigrationNotice},
    mirror::MirrorError,
    options::OpenError,
    sqlstate::redacted,
    stored_keys::{self, KeysMade},
    totals,
};

/// How long a migration waits for its locks.
const PATIENCE: Duration = Duration::from_mins(10);
/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Why the schema cannot be used.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// The URL is invalid.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An unexpected connection pooler, or one in a mode that cannot be used.
    #[error(transparent)]
    Pooler(#[from] PoolerError),
    /// The connection cannot be encrypted as the URL demands.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The database lacks migrations of this program.
    #[error("the database is at schema version {found}, this program needs {needed}: run `masthead migrate`")]
    Behind {
        /// The newest applied version; 0 for none.
        found: i64,
        /// The newest version that this program needs.
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
    /// The database has newer migrations, beside which this program cannot serve.
    #[error(
        "the database is at schema version {found}, which serves programs of schema version {oldest} and newer; this program \
         is of {needed}"
    )]
    TooNew {
        /// The newest applied version.
        found: i64,
        /// The oldest version whose program can serve beside it.
        oldest: i64,
        /// The newest version of this program.
        needed: i64,
    },
    /// A table is in use, so that a migration was given up. It left nothing behind.
    #[error(
        "migration {version} was given up: a table that it changes has been in use for 10 minutes, for example by a dump or an \
         import; run `masthead migrate` again when these sessions have ended: {sessions}"
    )]
    InUse {
        /// The migration.
        version: i64,
        /// The application names and process numbers of sessions with locks.
        sessions: String,
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
            Self::Behind { .. }
            | Self::Foreign { .. }
            | Self::TooNew { .. }
            | Self::KeysBehind { .. }
            | Self::KeysForeign { .. } => true,
            Self::Open(_)
            | Self::Pooler(_)
            | Self::Tls(_)
            | Self::InUse { .. }
            | Self::Unavailable(_)
            | Self::Migration(_) => false,
        }
    }
}

/// The newest version of this program's schema.
#[must_use]
pub fn version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// The newest version without which this program does not serve: later ones remove what older programs read, or save time.
#[must_use]
pub fn needed_version() -> i64 {
    migration::needed()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
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

/// How a database is migrated.
pub struct MigrateOptions<'a> {
    /// The version after which it stops; `None` for the newest.
    pub to: Option<i64>,
    /// Without `to`: a database of an older program keeps what only such programs read. It is removed the next time.
    pub keeps_for_older: bool,
    /// Is given what happens.
    pub report: &'a (dyn Fn(MigrationNotice) + Send + Sync),
}

impl Default for MigrateOptions<'_> {
    fn default() -> Self {
        Self {
            to: None,
            keeps_for_older: false,
            report: &|_| (),
        }
    }
}

/// Applies missing migrations, recomputes stored keys if their rules have changed, and folds totals; as [`migrate_with`], in
/// silence.
///
/// # Errors
/// As [`migrate_with`].
pub async fn migrate(url: &str) -> Result<KeysMade, SchemaError> {
    migrate_with(url, &MigrateOptions::default()).await
}

/// Applies missing migrations beside running servers. After the newest, recomputes stored keys if their rules have changed,
/// and folds totals. Concurrent calls wait for each other, and an interrupted one is continued. A database with newer
/// migrations, beside which this program can serve, is left as it is. The URL must lead directly to Postgres: the calls wait
/// by a session lock, and a pooler shares sessions.
///
/// # Errors
/// The URL leads through a pooler, the database is unavailable or at an unknown version, or a migration fails.
pub async fn migrate_with(url: &str, options: &MigrateOptions<'_>) -> Result<KeysMade, SchemaError> {
    let connector = Connector::direct(&DatabaseServers::parse(url).map_err(OpenError::from)?, &[]);
    let mut connection = connector.connect().await.map_err(unavailable)?;
    let applied = apply(&mut connection, options).await;
    let closed = connection.close().await;
    let to = applied?;
    closed.map_err(unavailable)?;
    if to < needed_version() {
        // The statements of the next steps are those of this program.
        return Ok(KeysMade::default());
    }
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

/// Returns the version after which it has stopped.
async fn apply(connection: &mut PgConnection, options: &MigrateOptions<'_>) -> Result<i64, SchemaError> {
    let applied = migration::applied(&mut *connection).await.map_err(unavailable)?;
    if is_newer(&applied)? {
        let oldest = migration::oldest_compatible(&mut *connection, version()).await;
        accept(&applied, oldest.map_err(unavailable)?)?;
    }
    let (found, needed) = (applied.last().map_or(0, |newest| newest.version), needed_version());
    let is_older = (1..needed).contains(&found) && options.keeps_for_older;
    let to = options.to.unwrap_or_else(|| if is_older { needed } else { version() });
    let wanted: Vec<&Migration> = MIGRATIONS.iter().filter(|migration| migration.version <= to).collect();
    let done = migration::apply(connection, &wanted, PATIENCE, options.report).await;
    if done.is_ok() && options.to.is_none() && to < version() {
        (options.report)(MigrationNotice::Left { version: to + 1 });
    }
    done.map(|()| to).map_err(|error| match error {
        MigrationError::Database(error) => unavailable(error),
        MigrationError::InUse { version, sessions } => SchemaError::InUse {
            version,
            sessions: sessions.join(", "),
        },
        error => SchemaError::Migration(Box::new(error)),
    })
}

/// Whether the database has newer migrations than this program.
fn is_newer(applied: &[AppliedMigration]) -> Result<bool, SchemaError> {
    let needed = version();
    let is_known = |found: &AppliedMigration| {
        MIGRATIONS
            .iter()
            .any(|known| known.version == found.version && known.checksum[..] == found.checksum[..])
    };
    let foreign = applied
        .iter()
        .find(|found| !found.success || found.version <= needed && !is_known(found));
    match foreign {
        Some(foreign) => Err(SchemaError::Foreign {
            found: foreign.version,
            needed,
        }),
        None => Ok(applied.iter().any(|found| found.version > needed)),
    }
}

/// Accepts newer migrations if this program can serve beside them.
fn accept(applied: &[AppliedMigration], oldest: Option<i64>) -> Result<(), SchemaError> {
    let needed = version();
    let found = applied.last().map_or(0, |newest| newest.version);
    match oldest {
        Some(oldest) if oldest <= needed => Ok(()),
        Some(oldest) => Err(SchemaError::TooNew { found, oldest, needed }),
        None => Err(SchemaError::Foreign { found, needed }),
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

/// Checks that the database has the migrations and key rules of this program, and no newer ones but those beside which this
/// program can serve.
pub(crate) async fn check(pool: &PgDatabase) -> Result<(), SchemaError> {
    let needed = version();
    let applied = migration::applied(pool).await.map_err(unavailable)?;
    if is_newer(&applied)? {
        let oldest = migration::oldest_compatible(pool, needed).await;
        accept(&applied, oldest.map_err(unavailable)?)?;
    }
    let found = applied.last().map_or(0, |newest| newest.version);
    let has = |needed: &Migration| applied.iter().any(|applied| applied.version == needed.version);
    if !migration::needed().all(has) {
        let needed = needed_version();
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
    if let Some(tls) = configuration_error::<TlsError>(&error) {
        return tls.into();
    }
    SchemaError::Unavailable(redacted(error))
}

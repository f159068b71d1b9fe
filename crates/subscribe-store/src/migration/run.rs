//! Runs the migrations that a database lacks, and records them.

use std::{
    fmt,
    time::{Duration, Instant},
};

use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection,
    migrate::{Migrate as _, MigrateError, Migration},
};
use thiserror::Error;

use super::{
    concurrent,
    file::{HeaderError, MigrationHeader, RunKind, statements, steps},
    lock::wait_for_lock,
};
use crate::sqlstate::{PgErrorKind, is_undefined_table};

/// Where sqlx records migrations.
const RECORDS: &str = "_sqlx_migrations";

/// How long a statement waits for a lock that readers or writers wait for behind it.
const LOCK_TIMEOUT: &str = "50ms";
/// How long it waits for a lock for which neither readers nor writers wait.
const QUIET_LOCK_TIMEOUT: &str = "10s";
/// Between two attempts, doubled up to [`LONGEST_PAUSE`]: readers wait a tenth of the time at most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What happens during a migration, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrationNotice {
    /// Another program migrates this database; its end is awaited.
    OtherProgram,
    /// A table is in use by long transactions: the migration is tried again.
    Waiting {
        /// The migration.
        version: i64,
        /// The sessions with locks on tables of the store, as application name and process number.
        sessions: Vec<String>,
    },
    /// A migration is complete.
    Applied {
        /// The migration.
        version: i64,
        /// How long it took.
        took: Duration,
    },
    /// Migrations are left out that only remove what older programs read.
    Left {
        /// The first of them.
        version: i64,
    },
}

impl fmt::Display for MigrationNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left { version } => write!(
                f,
                "migration {version} only removes what servers of older versions read: run `masthead migrate` again when all are \
                 replaced"
            ),
            Self::OtherProgram => f.write_str("another program migrates this database: waiting for its end"),
            Self::Waiting { version, sessions } => {
                write!(
                    f,
                    "migration {version} waits for a table that is in use; it is tried again"
                )?;
                if sessions.is_empty() {
                    return Ok(());
                }
                write!(f, " (sessions: {})", sessions.join(", "))
            }
            Self::Applied { version, took } => write!(f, "migration {version} took {} ms", took.as_millis()),
        }
    }
}

/// Why a migration failed.
#[derive(Debug, Error)]
pub(crate) enum MigrationError {
    #[error("the database is unavailable")]
    Database(#[from] sqlx::Error),
    #[error("the table of migrations cannot be used")]
    Records(#[from] MigrateError),
    #[error("migration {version} was given up")]
    InUse { version: i64, sessions: Vec<String> },
    #[error("migration {version} failed")]
    Failed { version: i64, source: sqlx::Error },
    #[error("the header of migration {version} is invalid")]
    Header { version: i64, source: HeaderError },
}

/// A migration that the database has.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct AppliedMigration {
    pub(crate) version: i64,
    pub(crate) checksum: Vec<u8>,
    pub(crate) success: bool,
}

/// The migrations that the database has, in order; none where it has no table of them.
pub(crate) async fn applied<'c>(
    executor: impl sqlx::Executor<'c, Database = sqlx::Postgres>,
) -> Result<Vec<AppliedMigration>, sqlx::Error> {
    let applied = sqlx::query_as("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version")
        .persistent(false)
        .fetch_all(executor)
        .await;
    match applied {
        Err(error) if is_undefined_table(&error) => Ok(Vec::new()),
        applied => applied,
    }
}

/// The oldest schema version whose program can serve beside the migrations after `version`; `None` if one of them
/// states none.
pub(crate) async fn oldest_compatible<'c>(
    executor: impl sqlx::Executor<'c, Database = sqlx::Postgres>,
    version: i64,
) -> Result<Option<i64>, sqlx::Error> {
    let oldest = sqlx::query_scalar(
        "SELECT CASE WHEN count(*) = count(c.compatible_with) THEN max(c.compatible_with) END
           FROM _sqlx_migrations AS m LEFT JOIN schema_compatibility AS c ON c.version = m.version WHERE m.version > $1",
    )
    .bind(version)
    .persistent(false)
    .fetch_one(executor)
    .await;
    match oldest {
        Err(error) if is_undefined_table(&error) => Ok(None),
        oldest => oldest,
    }
}

/// Waits for other programs that migrate this database, and applies the migrations that it lacks, in order. `patience` is
/// how long each waits for its locks.
pub(crate) async fn apply(
    connection: &mut PgConnection,
    wanted: &[&Migration],
    patience: Duration,
    report: &(dyn Fn(MigrationNotice) + Send + Sync),
) -> Result<(), MigrationError> {
    wait_for_lock(connection, || report(MigrationNotice::OtherProgram)).await?;
    connection.ensure_migrations_table(RECORDS).await?;
    connection
        .execute(
            "CREATE TABLE IF NOT EXISTS schema_compatibility
                (version bigint PRIMARY KEY, compatible_with bigint NOT NULL)",
        )
        .await?;
    // Another program may have applied some meanwhile.
    let applied = applied(&mut *connection).await?;
    for migration in wanted {
        if applied.iter().any(|applied| applied.version == migration.version) {
            continue;
        }
        let started = Instant::now();
        apply_one(connection, migration, patience, report).await?;
        report(MigrationNotice::Applied {
            version: migration.version,
            took: started.elapsed(),
        });
    }
    Ok(())
}

async fn apply_one(
    connection: &mut PgConnection,
    migration: &Migration,
    patience: Duration,
    report: &(dyn Fn(MigrationNotice) + Send + Sync),
) -> Result<(), MigrationError> {
    let version = migration.version;
    let header = MigrationHeader::parse(version, migration.sql.as_str());
    let header = header.map_err(|source| MigrationError::Header { version, source })?;
    let failed = |source| MigrationError::Failed { version, source };
    let patience = Patience {
        version,
        until: Instant::now() + patience,
        report,
    };
    match header.run {
        RunKind::Transaction => {
            let record = Some((migration, &header));
            patience.run(connection, migration.sql.as_str(), record).await
        }
        RunKind::Steps => {
            let started = Instant::now();
            for step in steps(migration.sql.as_str()) {
                patience.run(connection, &step, None).await?;
            }
            Ok(record(connection, migration, &header, started.elapsed()).await?)
        }
        RunKind::Concurrently => {
            let started = Instant::now();
            for statement in statements(migration.sql.as_str()) {
                concurrent::run(connection, &statement).await.map_err(failed)?;
            }
            Ok(record(connection, migration, &header, started.elapsed()).await?)
        }
        RunKind::Batches => {
            let started = Instant::now();
            loop {
                let batch = Instant::now();
                let changed = connection.execute(migration.sql.clone()).await.map_err(failed)?;
                if changed.rows_affected() == 0 {
                    break;
                }
                // As long again for everything else: vacuum, replicas, and the readers.
                tokio::time::sleep(batch.elapsed().min(LONGEST_PAUSE)).await;
            }
            Ok(record(connection, migration, &header, started.elapsed()).await?)
        }
    }
}

/// How long transactions of a migration wait for their locks.
struct Patience<'a> {
    version: i64,
    until: Instant,
    report: &'a (dyn Fn(MigrationNotice) + Send + Sync),
}

impl Patience<'_> {
    /// Tries a transaction until it has its locks.
    async fn run(
        &self,
        connection: &mut PgConnection,
        sql: &str,
        record: Option<(&Migration, &MigrationHeader)>,
    ) -> Result<(), MigrationError> {
        let version = self.version;
        let mut pause = FIRST_PAUSE;
        while let Err(error) = in_transaction(connection, sql, record).await {
            if PgErrorKind::from_error(&error) != PgErrorKind::Contention {
                return Err(MigrationError::Failed { version, source: error });
            }
            let sessions = sessions_with_locks(connection).await?;
            if Instant::now() >= self.until {
                return Err(MigrationError::InUse { version, sessions });
            }
            (self.report)(MigrationNotice::Waiting { version, sessions });
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(())
    }
}

/// Waits only for locks that nothing waits for behind it, then takes the others at once or not at all.
async fn in_transaction(
    connection: &mut PgConnection,
    sql: &str,
    recorded: Option<(&Migration, &MigrationHeader)>,
) -> Result<(), sqlx::Error> {
    let started = Instant::now();
    let mut transaction = connection.begin().await?;
    let set = |timeout| AssertSqlSafe(format!("SET LOCAL lock_timeout = '{timeout}'"));
    transaction.execute(set(QUIET_LOCK_TIMEOUT)).await?;
    // The lock of VACUUM: it stands in no reader's and no writer's way, and autovacuum, which a wait of 50 ms would not end,
    // leaves for it.
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.oid::regclass::text FROM pg_class AS c
          WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND pg_has_role(c.relowner, 'USAGE') ORDER BY 1",
    )
    .persistent(false)
    .fetch_all(&mut *transaction)
    .await?;
    let lock = format!("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE", tables.join(", "));
    transaction.execute(AssertSqlSafe(lock)).await?;
    transaction.execute(set(LOCK_TIMEOUT)).await?;
    transaction.execute(AssertSqlSafe(sql.to_owned())).await?;
    if let Some((migration, header)) = recorded {
        record(&mut transaction, migration, header, started.elapsed()).await?;
    }
    transaction.commit().await
}

/// In the form of sqlx, so that its own migrator, too, knows what is applied.
async fn record(
    connection: &mut PgConnection,
    migration: &Migration,
    header: &MigrationHeader,
    took: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH recorded AS (INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                           VALUES ($1, $2, true, $3, $4))
         INSERT INTO schema_compatibility VALUES ($1, $5)
         ON CONFLICT (version) DO UPDATE SET compatible_with = excluded.compatible_with",
    )
    .bind(migration.version)
    .bind(&*migration.description)
    .bind(&*migration.checksum)
    .bind(i64::try_from(took.as_nanos()).unwrap_or(i64::MAX))
    .bind(header.compatible_with)
    .persistent(false)
    .execute(connection)
    .await
    .map(|_| ())
}

/// The other sessions that hold locks on tables of the store for longer than a moment: which must end first.
async fn sessions_with_locks(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT coalesce(nullif(a.application_name, ''), 'unnamed') || ' ' || a.pid
           FROM pg_stat_activity AS a
          WHERE a.pid <> pg_backend_pid() AND (a.xact_start IS NULL OR a.xact_start < now() - interval '1 second')
            AND EXISTS (SELECT FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
                         WHERE l.pid = a.pid AND l.granted AND c.relnamespace = current_schema()::regnamespace)
          ORDER BY a.xact_start NULLS LAST, a.pid LIMIT 5",
    )
    .persistent(false)
    .fetch_all(connection)
    .await
}

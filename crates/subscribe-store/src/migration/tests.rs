//! Migrations beside other sessions, on a real Postgres.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use masthead_dev_postgres::TestDatabase;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr as _,
    migrate::{Migration, MigrationType},
};

use super::*;

const COMPATIBLE: &str = "-- compatible-with: 15\n";

async fn database() -> (TestDatabase, PgConnection) {
    let database = tokio::task::spawn_blocking(TestDatabase::empty).await.unwrap().unwrap();
    let connection = connect(&database).await;
    (database, connection)
}

async fn connect(database: &TestDatabase) -> PgConnection {
    PgConnection::connect(&database.url().unwrap()).await.unwrap()
}

fn migration(version: i64, sql: &str) -> Migration {
    let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
    Migration::new(version, "test".into(), MigrationType::Simple, sql, false)
}

/// What was reported, in order.
#[derive(Clone, Default)]
struct Notices(Arc<Mutex<Vec<MigrationNotice>>>);

impl Notices {
    fn all(&self) -> Vec<MigrationNotice> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn apply_all(
    connection: &mut PgConnection,
    migrations: &[Migration],
    patience: Duration,
    notices: &Notices,
) -> Result<(), MigrationError> {
    let wanted: Vec<&Migration> = migrations.iter().collect();
    let kept = notices.clone();
    let report = move |notice| kept.0.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
    apply(connection, &wanted, patience, &report).await
}

#[tokio::test]
async fn table_in_use_is_waited_for() {
    let (database, mut connection) = database().await;
    database.run("CREATE TABLE papers (id bigint)").unwrap();
    let mut reader = connect(&database).await;
    let mut reading = reader.begin().await.unwrap();
    reading
        .execute("SET LOCAL application_name = 'a dump'; SELECT FROM papers")
        .await
        .unwrap();
    // Older than a moment: of such sessions the operator is told.
    tokio::time::sleep(Duration::from_millis(1100)).await;

    let column = [migration(
        16,
        &format!("{COMPATIBLE}ALTER TABLE papers ADD COLUMN name text;"),
    )];
    let notices = Notices::default();
    let seen = notices.clone();
    let applying = apply_all(&mut connection, &column, Duration::from_mins(1), &notices);
    let release = async {
        while seen.all().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Between two attempts nothing waits for the table.
        database.run("INSERT INTO papers VALUES (1)").unwrap();
        reading.rollback().await.unwrap();
    };
    let (applied, ()) = tokio::join!(applying, release);
    applied.unwrap();
    let all = notices.all();
    let MigrationNotice::Waiting { version: 16, sessions } = &all[0] else {
        panic!("{all:?}")
    };
    assert!(
        sessions.len() == 1 && sessions[0].starts_with("a dump "),
        "{sessions:?}"
    );
    assert!(matches!(all.last(), Some(MigrationNotice::Applied { version: 16, .. })));
    assert_eq!(database.run("SELECT id, name FROM papers").unwrap(), "1|");
}

#[tokio::test]
async fn migration_given_up_leaves_nothing() {
    let (database, mut connection) = database().await;
    database.run("CREATE TABLE papers (id bigint)").unwrap();
    let mut reader = connect(&database).await;
    let mut reading = reader.begin().await.unwrap();
    reading.execute("SELECT FROM papers").await.unwrap();

    let sql = format!("{COMPATIBLE}CREATE TABLE other (id bigint);\nALTER TABLE papers ADD COLUMN name text;");
    let column = [migration(16, &sql)];
    let given_up = apply_all(&mut connection, &column, Duration::ZERO, &Notices::default()).await;
    assert!(
        matches!(given_up, Err(MigrationError::InUse { version: 16, .. })),
        "{given_up:?}"
    );
    let left = "SELECT to_regclass('other') IS NULL, count(*) FROM _sqlx_migrations";
    assert_eq!(database.run(left).unwrap(), "t|0");
}

#[tokio::test]
async fn interrupted_index_is_built_anew() {
    let (database, mut connection) = database().await;
    database
        .run("CREATE TABLE papers (id bigint); INSERT INTO papers VALUES (1), (1)")
        .unwrap();
    let sql =
        format!("{COMPATIBLE}-- run: concurrently\nCREATE UNIQUE INDEX CONCURRENTLY papers_key ON papers (id);\n");
    let index = [migration(16, &sql)];
    let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'papers_key'::regclass";
    let failed = apply_all(&mut connection, &index, Duration::ZERO, &Notices::default()).await;
    assert!(
        matches!(failed, Err(MigrationError::Failed { version: 16, .. })),
        "{failed:?}"
    );
    assert_eq!(database.run(valid).unwrap(), "f");

    database.run("DELETE FROM papers WHERE ctid = '(0,1)'").unwrap();
    // Once built, and once more as after a crash before it was recorded: a valid index is kept.
    for _ in 0..2 {
        apply_all(&mut connection, &index, Duration::ZERO, &Notices::default())
            .await
            .unwrap();
        assert_eq!(database.run(valid).unwrap(), "t");
        database.run("DELETE FROM _sqlx_migrations").unwrap();
    }
}

#[tokio::test]
async fn batches_run_until_nothing_is_left() {
    let (database, mut connection) = database().await;
    database
        .run("CREATE TABLE papers AS SELECT id, NULL::text AS name FROM generate_series(1, 25) AS id")
        .unwrap();
    let sql = format!(
        "{COMPATIBLE}-- run: batches\nUPDATE papers SET name = 'herald' WHERE id IN
            (SELECT id FROM papers WHERE name IS NULL LIMIT 10);\n"
    );
    apply_all(
        &mut connection,
        &[migration(16, &sql)],
        Duration::ZERO,
        &Notices::default(),
    )
    .await
    .unwrap();
    let transactions = "SELECT count(DISTINCT xmin::text), count(*) FILTER (WHERE name IS NULL) FROM papers";
    assert_eq!(database.run(transactions).unwrap(), "3|0");
}

#[tokio::test]
async fn oldest_compatible_program_is_known() {
    let (_database, mut connection) = database().await;
    assert_eq!(applied(&mut connection).await.unwrap(), []);
    let notices = Notices::default();
    let migrations = [
        migration(15, "SELECT 1;"),
        migration(16, "-- compatible-with: 14\nSELECT 1;"),
        migration(17, "-- compatible-with: 15\nSELECT 1;"),
    ];
    for _ in 0..2 {
        apply_all(&mut connection, &migrations, Duration::ZERO, &notices)
            .await
            .unwrap();
    }
    assert_eq!(notices.all().len(), 3, "each is applied once");
    for (version, oldest) in [(15, Some(15)), (16, Some(15)), (17, None)] {
        assert_eq!(
            oldest_compatible(&mut connection, version).await.unwrap(),
            oldest,
            "{version}"
        );
    }
    // What another tool records does not say which programs fit.
    connection.execute("INSERT INTO _sqlx_migrations SELECT 18, description, now(), true, checksum, 0 FROM _sqlx_migrations LIMIT 1").await.unwrap();
    assert_eq!(oldest_compatible(&mut connection, 15).await.unwrap(), None);
}

//! Prepares every hand-written statement against the migrated schema, and compares its columns by name: rows are read by
//! position, and these statements are not checked by `sqlx::query!`.

use masthead_dev_postgres::TestDatabase;
use masthead_domain::tenant::PoolId;
use sqlx::{AssertSqlSafe, Column as _, Connection as _, Executor as _, PgConnection, SqlSafeStr as _, Statement as _};

use crate::{
    bulk::BY_KEYS,
    lookup::{BY_EITHER, BY_EMAIL, BY_ID},
    mirror::{NEARBY_REGISTRATIONS, REGISTRATIONS_BY_NUMBER, list},
    person::REGISTRATIONS_OF_PERSON,
    row::ACCOUNT_COLUMNS,
    schema,
    search::{COLUMN_SAMPLES, Table, statements},
    totals::{TotalsSource, totals_statement},
    users::{FIND_LINK, HOLDERS},
    write_back::{LOCK_BY_CRID, LOCK_BY_NUMBER},
};

/// In the order of `read_account`.
const ACCOUNT: &str = "pool id crid email_key email_typed first_name last_name verified has_password metadata registered_at \
                       changed_at last_logout_at";
/// In the order of `list::read_entry`, after the mirror's own column.
const ENTRY: &str = "as_of entry_pool entry_crid profile_as_of profile";

/// As `PoolTotals::from_row` reads it.
const TOTALS: &str = "totals";

/// A migrated database, and a connection to it.
pub(crate) async fn connect() -> (TestDatabase, PgConnection) {
    let database = tokio::task::spawn_blocking(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        TestDatabase::from_template(&schema::fingerprint(), |url| {
            runtime.block_on(schema::migrate(url)).map(|_| ())
        })
    });
    let database = database.await.unwrap().unwrap();
    let connection = PgConnection::connect(&database.url().unwrap()).await.unwrap();
    (database, connection)
}

/// The hand-written statements, and the columns that are read of them.
fn statements_and_columns() -> Vec<(Vec<String>, String)> {
    let of = |text: &str| vec![text.to_owned()];
    let mirror = Table::Mirror {
        provider: "Auth0",
        precedence: "",
    };
    let fixed = vec![
        (
            [BY_ID, BY_EMAIL, BY_EITHER].map(str::to_owned).to_vec(),
            format!("number {ACCOUNT}"),
        ),
        (of(NEARBY_REGISTRATIONS), ACCOUNT.to_owned()),
        (of(REGISTRATIONS_BY_NUMBER), ACCOUNT.to_owned()),
        (
            [LOCK_BY_NUMBER, LOCK_BY_CRID].map(str::to_owned).to_vec(),
            format!("{ACCOUNT} masters_accounts"),
        ),
        (of(HOLDERS), format!("{ACCOUNT} password_hash")),
        (
            of(REGISTRATIONS_OF_PERSON),
            format!("{ACCOUNT} password_hash deleted_at"),
        ),
        (of(COLUMN_SAMPLES), "name bounds common shares".to_owned()),
        (of(FIND_LINK), format!("{ACCOUNT} link expires_at")),
        (of(BY_KEYS), format!("query_tag n {ENTRY} {ACCOUNT} missing whole")),
        (
            [TotalsSource::Registrations, TotalsSource::Mirror]
                .map(|source| totals_statement(source, PoolId(1)).sql().as_str().to_owned())
                .to_vec(),
            TOTALS.to_owned(),
        ),
    ];
    let of_registrations = (Table::Registrations, ACCOUNT.to_owned());
    let searches = [of_registrations, (mirror, format!("{ENTRY} {ACCOUNT} whole"))]
        .into_iter()
        .flat_map(|(table, columns)| {
            statements(&table)
                .into_iter()
                .map(move |(counted, statements)| (statements, format!("query_tag total {columns} {counted} {TOTALS}")))
        });
    fixed.into_iter().chain(searches).collect()
}

#[tokio::test]
async fn columns_are_read_where_they_are() {
    let (_database, mut connection) = connect().await;
    for (statements, columns) in statements_and_columns() {
        let expected: Vec<&str> = columns.split_whitespace().collect();
        for sql in statements {
            let prepared = connection.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await;
            let prepared = prepared.unwrap_or_else(|error| panic!("{error}: {sql}"));
            let names: Vec<&str> = prepared.columns().iter().map(sqlx::Column::name).collect();
            assert_eq!(names, expected, "{sql}");
        }
    }
    assert_eq!(ACCOUNT.split_whitespace().count(), ACCOUNT_COLUMNS);
    let of_mirror: Vec<String> = format!("query_tag total {ENTRY} {ACCOUNT}")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    assert_eq!(of_mirror[list::STANDING], "as_of");
    assert_eq!(of_mirror[list::ENTRY], "entry_pool");
    assert_eq!(of_mirror[list::REGISTRATION], "pool");
}

/// A statement whose columns change fails for ever on connections that have prepared it ("cached plan must not change result
/// type"), so no statement may end in `*`.
#[tokio::test]
async fn new_columns_change_no_result() {
    let (database, mut before) = connect().await;
    let checked = std::fs::read_dir("../../.sqlx").unwrap().map(|entry| {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let cached: serde_json::Value = serde_json::from_str(&text).unwrap();
        cached["query"].as_str().unwrap().to_owned()
    });
    let hand_written = statements_and_columns()
        .into_iter()
        .flat_map(|(statements, _)| statements);
    let all: Vec<String> = checked.chain(hand_written).collect();
    assert!(all.len() > 100);
    let columns = async |connection: &mut PgConnection, sql: &str| {
        let prepared = connection.prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await;
        let prepared = prepared.unwrap_or_else(|error| panic!("{error}: {sql}"));
        let columns = prepared.columns().iter();
        columns
            .map(|column| (column.name().to_owned(), column.type_info().clone()))
            .collect::<Vec<_>>()
    };
    let mut expected = Vec::new();
    for sql in &all {
        expected.push(columns(&mut before, sql).await);
    }
    let add = "SELECT format('ALTER TABLE %s ADD COLUMN of_a_later_version text', oid::regclass) FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition";
    let script = database.run(add).unwrap().replace('\n', ";\n");
    database.run(&script).unwrap();
    let mut after = PgConnection::connect(&database.url().unwrap()).await.unwrap();
    for (sql, expected) in all.iter().zip(&expected) {
        assert_eq!(&columns(&mut after, sql).await, expected, "{sql}");
    }
}

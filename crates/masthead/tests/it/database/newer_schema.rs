//! A server of this version is restarted beside a newer schema.

use masthead_dev_postgres::TestDatabase;
use masthead_subscribe_store::schema;

use crate::{
    journeys::{get, headers},
    support::{
        process::{self, ServerProcess},
        raw_http::RawConnection,
    },
};

const TENANT: &str = "north/daily/herald";

#[test]
fn server_restarts_beside_newer_compatible_schema() {
    let database = TestDatabase::empty().unwrap();
    let settings = process::settings(&database.url().unwrap());
    process::run_ok(&settings, &["migrate"], "");
    process::run_ok(&settings, &["tenant", "add", TENANT], "");
    let line = r#"{"customerRegistrationId":"crid-1","email":"a@example.org"}"#;
    process::run_ok(&settings, &["import", "--tenant", TENANT], line);
    let token = process::run_ok(&settings, &["token", "--tenant", TENANT], "");

    let running = ServerProcess::start(&settings);
    let newest = schema::version();
    let migrate = |version: i64, compatible_with: i64| {
        database
            .run(&format!(
                "ALTER TABLE registrations ADD COLUMN of_version_{version} text;
                 INSERT INTO _sqlx_migrations SELECT {version}, 'later', now(), true, checksum, 0 FROM _sqlx_migrations LIMIT 1;
                 INSERT INTO schema_compatibility VALUES ({version}, {compatible_with})"
            ))
            .unwrap();
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found = |server: &ServerProcess| {
        runtime.block_on(async {
            let mut wire = RawConnection::connect(server.address).await.unwrap();
            get(&mut wire, "/v4/Users/crid-1", &headers(&token))
                .await
                .unwrap()
                .status
        })
    };
    assert_eq!(found(&running), 200);
    migrate(newest + 1, newest);
    assert_eq!(found(&running), 200);
    let restarted = ServerProcess::start(&settings);
    assert_eq!(found(&restarted), 200);
    process::run_ok(&settings, &["import", "--tenant", TENANT], line);
    let migrated = process::run_ok(&settings, &["migrate"], "");
    assert!(migrated.contains("schema version"), "{migrated}");

    migrate(newest + 2, newest + 1);
    assert_eq!([found(&running), found(&restarted)], [200, 200]);
    for command in ["serve", "migrate"] {
        let refused = process::run_err(&settings, &[command], "");
        assert!(
            refused.contains(&format!("programs of schema version {} and newer", newest + 1)),
            "{command}: {refused}"
        );
    }
    running.stop();
    restarted.stop();
}

#[test]
fn migration_stops_at_the_given_version() {
    let database = TestDatabase::empty().unwrap();
    let settings = process::settings(&database.url().unwrap());
    let stopped = process::run_ok(&settings, &["migrate", "--to", "13"], "");
    assert!(stopped.contains("migrated up to schema version 13"), "{stopped}");
    assert_eq!(database.run("SELECT max(version) FROM _sqlx_migrations").unwrap(), "13");
    assert!(process::run_err(&settings, &["serve"], "").contains("masthead migrate"));
    process::run_ok(&settings, &["migrate"], "");
    process::run_ok(&settings, &["tenant", "list"], "");
}

/// Removing what older programs read is left to the next call, and a server does not wait for it.
#[test]
fn what_older_servers_read_is_removed_the_next_time() {
    let database = TestDatabase::empty().unwrap();
    let settings = process::settings(&database.url().unwrap());
    let (newest, needed) = (schema::version(), schema::needed_version());
    assert!(needed < newest, "the newest migration removes an index");
    let version = || database.run("SELECT max(version) FROM _sqlx_migrations").unwrap();

    process::run_ok(&settings, &["migrate", "--to", "26"], "");
    let first = process::run_ok(&settings, &["migrate"], "");
    let left = format!(
        "migration {} only removes what servers of older versions read",
        needed + 1
    );
    assert!(first.contains(&left), "{first}");
    assert!(first.contains(&format!("at schema version {needed}")), "{first}");
    assert_eq!(version(), needed.to_string());

    process::run_ok(&settings, &["tenant", "add", TENANT], "");
    let token = process::run_ok(&settings, &["token", "--tenant", TENANT], "");
    let server = ServerProcess::start(&settings);
    let second = process::run_ok(&settings, &["migrate"], "");
    assert!(second.contains(&format!("at schema version {newest}")), "{second}");
    assert_eq!(version(), newest.to_string());
    let status = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut wire = RawConnection::connect(server.address).await.unwrap();
        let found = get(&mut wire, "/v4/Users?email=abcd&emailMatch=contains", &headers(&token)).await;
        found.unwrap().status
    });
    assert_eq!(status, 200);
    server.stop();
}

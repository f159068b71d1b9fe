//! The shared server and its test databases.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use masthead_dev_postgres::{Error, PostgresServer, TestDatabase};

#[test]
fn test_database_is_dropped_with_its_value() {
    let database = TestDatabase::empty().unwrap();
    let name = database.name().to_owned();
    database
        .run("CREATE TABLE t (n int); INSERT INTO t VALUES (7)")
        .unwrap();
    assert_eq!(database.run("SELECT n FROM t").unwrap(), "7");

    let server = PostgresServer::obtain().unwrap();
    assert!(server.is_running());
    assert!(server.has_database(&name).unwrap());
    drop(database);
    assert!(!server.has_database(&name).unwrap());
}

#[test]
fn concurrent_callers_share_one_template() {
    let prepared = AtomicUsize::new(0);
    let key = format!("once {}", std::process::id());
    let copy = || {
        let server = PostgresServer::obtain().unwrap();
        let copied = TestDatabase::from_template(&key, |url| {
            prepared.fetch_add(1, Ordering::SeqCst);
            let name = url.rsplit('/').next().unwrap();
            server.run(name, "CREATE TABLE t AS SELECT 42 AS n").map(drop)
        });
        copied.unwrap().run("SELECT n FROM t").unwrap()
    };
    std::thread::scope(|scope| {
        let copies: Vec<_> = (0..4).map(|_| scope.spawn(copy)).collect();
        for one in copies {
            assert_eq!(one.join().unwrap(), "42");
        }
    });
    assert_eq!(prepared.load(Ordering::SeqCst), 1);
}

#[test]
fn failed_template_is_prepared_again() {
    let key = format!("fails {}", std::process::id());
    let failed = TestDatabase::from_template(&key, |_| Err("no such migration"));
    assert!(matches!(failed, Err(Error::Prepare(_))));
    let again = TestDatabase::from_template(&key, |_| Ok::<(), Infallible>(()));
    assert!(again.is_ok(), "{again:?}");
}

#[test]
fn databases_without_the_prefix_are_refused() {
    let server = PostgresServer::obtain().unwrap();
    for name in [
        "postgres",
        "template1",
        "production",
        "masthead_x; DROP DATABASE postgres",
    ] {
        assert!(matches!(server.create_database(name), Err(Error::NameRefused(_))));
        assert!(matches!(server.drop_database(name), Err(Error::NameRefused(_))));
        assert!(matches!(server.run(name, "SELECT 1"), Err(Error::NameRefused(_))));
        assert!(matches!(server.url(name), Err(Error::NameRefused(_))));
    }
}

#[test]
fn failed_statement_returns_the_servers_message() {
    let database = TestDatabase::empty().unwrap();
    let error = database.run("SELECT no_such_column").unwrap_err().to_string();
    assert!(error.contains("no_such_column"), "{error}");
}

#[test]
fn url_alone_connects_a_client() {
    let database = TestDatabase::empty().unwrap();
    let output = std::process::Command::new("psql")
        .args(["-XAtc", "SELECT current_database()", &database.url().unwrap()])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), database.name());
}

#[test]
fn server_in_use_is_not_stopped() {
    let released = PostgresServer::obtain().unwrap();
    let other = PostgresServer::obtain().unwrap();
    assert!(!released.release().unwrap());
    assert!(other.is_running());
}

//! The shared server and its throw-away databases, on a real Postgres.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use masthead_dev_postgres::{Error, Server, TestDatabase};

#[test]
fn a_test_database_is_there_while_its_value_lives_and_gone_after() {
    let database = TestDatabase::empty().unwrap();
    let name = database.name().to_owned();
    assert!(name.starts_with("masthead_test_"));
    database
        .run("CREATE TABLE t (n int); INSERT INTO t VALUES (7)")
        .unwrap();
    assert_eq!(database.run("SELECT n FROM t").unwrap(), "7");

    let server = Server::obtain().unwrap();
    assert!(server.is_running());
    assert!(server.has_database(&name).unwrap());
    drop(database);
    assert!(!server.has_database(&name).unwrap());
}

#[test]
fn two_test_databases_know_nothing_of_each_other() {
    let one = TestDatabase::empty().unwrap();
    let other = TestDatabase::empty().unwrap();
    one.run("CREATE TABLE t (n int)").unwrap();
    other.run("CREATE TABLE t (n int)").unwrap();
    assert_ne!(one.url().unwrap(), other.url().unwrap());
}

#[test]
fn a_template_is_prepared_once_for_all_that_ask_at_the_same_time() {
    let prepared = AtomicUsize::new(0);
    let key = format!("once {:?}", std::thread::current().id()) + &std::process::id().to_string();
    let copy = || {
        let server = Server::obtain().unwrap();
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
fn a_template_whose_preparation_fails_is_not_kept() {
    let key = format!("fails {}", std::process::id());
    let failed = TestDatabase::from_template(&key, |_| Err("no such migration"));
    assert!(matches!(failed, Err(Error::Prepare(_))));
    let again = TestDatabase::from_template(&key, |_| Ok::<(), Infallible>(()));
    assert!(again.is_ok(), "{again:?}");
}

#[test]
fn databases_that_are_not_ours_are_neither_made_nor_read_nor_dropped() {
    let server = Server::obtain().unwrap();
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
        assert!(matches!(
            server.create_from_template(name, "masthead_y"),
            Err(Error::NameRefused(_))
        ));
    }
}

#[test]
fn a_statement_that_fails_is_an_error_with_the_servers_words() {
    let database = TestDatabase::empty().unwrap();
    let error = database.run("SELECT no_such_column").unwrap_err().to_string();
    assert!(error.contains("no_such_column"), "{error}");
}

#[test]
fn the_url_is_accepted_by_the_server() {
    let database = TestDatabase::empty().unwrap();
    // psql itself is a client that is told nothing but the URL.
    let said = std::process::Command::new("psql")
        .args(["-XAtc", "SELECT current_database()", &database.url().unwrap()])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), database.name());
}

/// Tells a child process of this test that it is the child.
const CHILD: &str = "MASTHEAD_TEST_CHILD";

#[test]
#[expect(clippy::disallowed_methods, reason = "the child of this test is told by a variable")]
fn what_a_killed_process_left_is_dropped_by_the_next_one() {
    const MYSELF: &str = "what_a_killed_process_left_is_dropped_by_the_next_one";
    if std::env::var_os(CHILD).is_some() {
        let database = TestDatabase::empty().unwrap();
        println!("made {} .", database.name());
        std::process::abort();
    }
    let said = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", MYSELF, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&said.stdout);
    let name = said.split_whitespace().find(|word| word.starts_with("masthead_test_"));
    let name = name.expect("the child made a database");

    let mine = TestDatabase::empty().unwrap();
    assert!(!mine.server().has_database(name).unwrap());
}

#[test]
fn a_server_that_somebody_else_uses_is_not_stopped() {
    let mine = Server::obtain().unwrap();
    let theirs = Server::obtain().unwrap();
    assert!(!mine.release().unwrap());
    assert!(theirs.is_running());
}

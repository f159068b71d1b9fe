//! What holds between processes: clean-up after a crash, a named server, and a machine without Postgres.
//!
//! Each test starts itself again as a child process with another environment.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a child process reads its role from a variable; helpers of tests unwrap"
)]

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use masthead_dev_postgres::{PostgresServer, PrivateServer, TestDatabase};

const CHILD: &str = "MASTHEAD_TEST_CHILD";

fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// The same test in a child process.
fn child(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(CHILD, "1");
    command
}

fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

fn wait_until(mut condition: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if condition() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn crash_leaves_no_database_and_server() {
    if is_child() {
        let database = TestDatabase::empty().unwrap();
        let private = PrivateServer::start_new().unwrap();
        let log = private.server().log_file().unwrap();
        println!("left {} {} .", database.name(), log.display());
        process::abort();
    }
    let output = stdout(&mut child("crash_leaves_no_database_and_server"));
    let mut words = output.split_whitespace().skip_while(|word| *word != "left").skip(1);
    let (database, log) = (words.next().unwrap(), words.next().unwrap());
    let folder = std::path::Path::new(log).parent().unwrap();

    let server = PostgresServer::obtain().unwrap();
    assert!(wait_until(|| !server.has_database(database).unwrap()));
    assert!(wait_until(|| !folder.exists()));
}

#[test]
fn server_of_database_url_is_used() {
    if is_child() {
        let database = TestDatabase::empty().unwrap();
        println!(
            "{}: {}",
            database.server().describe(),
            database.run("SELECT 41 + 1").unwrap()
        );
        assert!(!PostgresServer::obtain().unwrap().release().unwrap());
        return;
    }
    let private = PrivateServer::start_new().unwrap();
    let url = private.server().url("masthead_dev").unwrap();
    let output = stdout(child("server_of_database_url_is_used").env("DATABASE_URL", url));
    assert!(output.contains("the server of DATABASE_URL: 42"), "{output}");
    assert!(private.server().is_running());
}

#[test]
fn missing_postgres_error_names_the_packages() {
    if is_child() {
        println!("{:?}", PostgresServer::obtain().unwrap_err());
        return;
    }
    // A machine without Postgres, Docker and internet.
    let folder = env::temp_dir().join(format!("masthead-no-postgres-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    for (program, script) in [("docker", "exit 1"), ("cargo", "echo 'no route to host' >&2; exit 1")] {
        let path = folder.join(program);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let mut child = child("missing_postgres_error_names_the_packages");
    let output = stdout(
        child
            .env("PATH", path)
            .env("DEV_POSTGRES_BIN", &folder)
            .env_remove("DATABASE_URL"),
    );
    fs::remove_dir_all(folder).unwrap();
    assert!(output.contains("(no route to host)"), "{output}");
    assert!(output.contains("apt-get install postgresql"), "{output}");
}

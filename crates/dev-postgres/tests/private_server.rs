//! Private servers of tests, from the machine's own server programs.
#![expect(clippy::unwrap_used, reason = "helpers of tests unwrap")]

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use masthead_dev_postgres::PrivateServer;

fn folder(postgres: &PrivateServer) -> PathBuf {
    postgres.server().log_file().unwrap().with_file_name("")
}

#[test]
fn committed_data_survive_crash_and_stop() {
    let postgres = PrivateServer::start_new().unwrap();
    let server = postgres.server();
    server.create_database("masthead_kept").unwrap();
    server
        .run("masthead_kept", "CREATE TABLE t AS SELECT 1 AS n; CHECKPOINT")
        .unwrap();
    let url = server.url("masthead_kept").unwrap();

    postgres.restart_immediate().unwrap();
    assert_eq!(server.run("masthead_kept", "SELECT n FROM t").unwrap(), "1");

    postgres.stop().unwrap();
    assert!(!server.is_running());
    postgres.start().unwrap();
    assert_eq!(server.run("masthead_kept", "SELECT n FROM t").unwrap(), "1");
    assert_eq!(server.url("masthead_kept").unwrap(), url, "the port is kept");
}

#[test]
fn programs_of_the_same_version_are_found() {
    let postgres = PrivateServer::start_new().unwrap();
    assert!(postgres.server().program("pg_ctl").is_some_and(|path| path.is_file()));
    assert!(postgres.server().program("no-such-program").is_none());
}

#[test]
fn drop_stops_server_and_removes_folder() {
    let postgres = PrivateServer::start_new().unwrap();
    let folder = folder(&postgres);
    let url = postgres.server().url("masthead_x").unwrap();
    let (_, address) = url.rsplit_once('@').unwrap();
    let address = address.trim_end_matches("/masthead_x").to_owned();
    assert!(TcpStream::connect(&address).is_ok());
    drop(postgres);
    assert!(!folder.exists());
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn pid_file_of_another_process_is_ignored() {
    let postgres = PrivateServer::start_new().unwrap();
    let pid_file = folder(&postgres).join("data/postmaster.pid");
    let written = std::fs::read_to_string(&pid_file).unwrap();
    postgres.stop().unwrap();

    let (_, rest) = written.split_once('\n').unwrap();
    std::fs::write(&pid_file, format!("{}\n{rest}", std::process::id())).unwrap();
    postgres.start().unwrap();
    assert!(postgres.server().is_running());
}

#[test]
fn planner_settings_have_their_defaults() {
    let postgres = PrivateServer::start_new().unwrap();
    let server = postgres.server();
    server.create_database("masthead_plans").unwrap();
    let output = server
        .run(
            "masthead_plans",
            "SET client_min_messages = 'log'; LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; \
             SELECT count(*) FROM pg_class WHERE oid = 1; SHOW random_page_cost; SHOW max_connections; \
             SHOW server_encoding",
        )
        .unwrap();
    assert_eq!(output, "0\n4\n200\nUTF8");
    let log = std::fs::read_to_string(server.log_file().unwrap()).unwrap();
    assert!(log.contains("Query Text"), "{log}");
}

#[test]
fn folder_and_password_are_private() {
    let postgres = PrivateServer::start_new().unwrap();
    let folder = folder(&postgres);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("password")), 0o600);
}

#[test]
fn standby_has_the_data_of_its_primary() {
    let primary = PrivateServer::start_new_primary().unwrap();
    primary.server().create_database("masthead_copied").unwrap();
    let standby = primary.start_standby().unwrap();
    let insert = "CREATE TABLE t AS SELECT 1 AS n; SELECT pg_current_wal_insert_lsn()";
    let written = primary.server().run("masthead_copied", insert).unwrap();
    let replayed = format!("SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= '{written}'");
    while standby.server().run("masthead_copied", &replayed).unwrap() != "t" {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(standby.server().run("masthead_copied", "SELECT n FROM t").unwrap(), "1");
}

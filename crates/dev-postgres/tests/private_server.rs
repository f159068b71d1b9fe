//! A throw-away cluster that tests may stop and restart, from the machine's own server binaries.

use std::path::Path;

use masthead_dev_postgres::PrivateServer;

#[test]
fn it_comes_back_with_its_committed_data_after_a_crash_and_after_a_stop() {
    let postgres = PrivateServer::start_new().unwrap();
    let server = postgres.server();
    server.create_database("masthead_kept").unwrap();
    server
        .run("masthead_kept", "CREATE TABLE t AS SELECT 1 AS n; CHECKPOINT")
        .unwrap();
    let url = server.url("masthead_kept").unwrap();

    postgres.restart_immediate().unwrap();
    assert!(postgres.is_running());
    assert_eq!(server.run("masthead_kept", "SELECT n FROM t").unwrap(), "1");

    postgres.stop().unwrap();
    assert!(!postgres.is_running());
    assert!(server.run("masthead_kept", "SELECT 1").is_err());

    postgres.start().unwrap();
    assert_eq!(server.run("masthead_kept", "SELECT n FROM t").unwrap(), "1");
    assert_eq!(server.url("masthead_kept").unwrap(), url, "the port is kept");
}

#[test]
fn programs_of_its_own_version_are_found() {
    let postgres = PrivateServer::start_new().unwrap();
    let postgres = postgres.server();
    assert!(postgres.program("pg_ctl").is_some_and(|path| path.is_file()));
    assert!(postgres.program("no-such-program").is_none());
}

#[test]
fn dropping_it_stops_the_server_and_removes_its_folder() {
    let postgres = PrivateServer::start_new().unwrap();
    let socket = postgres.server().socket_folder().unwrap();
    let data = socket.with_file_name("data");
    assert!(data.is_dir());
    drop(postgres);
    assert!(!data.exists());
}

#[test]
fn a_pid_file_that_names_a_stranger_does_not_keep_it_from_starting() {
    let postgres = PrivateServer::start_new().unwrap();
    let pid_file = postgres
        .server()
        .socket_folder()
        .unwrap()
        .with_file_name("data")
        .join("postmaster.pid");
    let written = std::fs::read_to_string(&pid_file).unwrap();
    postgres.stop().unwrap();

    let (_, rest) = written.split_once('\n').unwrap();
    std::fs::write(&pid_file, format!("{}\n{rest}", std::process::id())).unwrap();
    assert!(!postgres.is_running());
    postgres.start().unwrap();
    assert!(postgres.is_running());
}

#[test]
fn planning_has_its_defaults_and_auto_explain_can_be_loaded() {
    let postgres = PrivateServer::start_new().unwrap();
    let server = postgres.server();
    server.create_database("masthead_plans").unwrap();
    let said = server
        .run(
            "masthead_plans",
            "SET client_min_messages = 'log'; LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; \
             SELECT count(*) FROM pg_class WHERE oid = 1; SHOW random_page_cost; SHOW max_connections; \
             SHOW server_encoding",
        )
        .unwrap();
    assert_eq!(said, "0\n4\n200\nUTF8");
    let log = std::fs::read_to_string(server.log_file().unwrap()).unwrap();
    assert!(log.contains("Query Text"), "{log}");
}

#[test]
fn only_its_owner_may_pass_to_the_socket_and_to_the_password() {
    use std::os::unix::fs::PermissionsExt;
    let postgres = PrivateServer::start_new().unwrap();
    let folder = postgres.server().socket_folder().unwrap();
    let folder = folder.parent().unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700);
    assert_eq!(mode(&folder.join("password")), 0o600);
}

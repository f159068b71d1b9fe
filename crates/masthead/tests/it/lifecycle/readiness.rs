//! Readiness: each part that cannot do its work makes the server unready, with the reason.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
};

use masthead_dev_postgres::{PrivateServer, TestDatabase};

use super::{TENANT, free_address, get_as, loaded, ready, until, why, with};
use crate::{
    contract::rsa::{RsaIssuer, key_set},
    support::{
        FULL_DISK, http_client,
        process::{self, ServerProcess, setting},
    },
};

/// A transaction that locks these tables until it is ended.
struct LockedTables(Arc<TestDatabase>);

impl LockedTables {
    fn lock(database: &Arc<TestDatabase>, tables: &str) -> Self {
        let used = Arc::clone(database);
        let script = format!("BEGIN; LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE; SELECT 'locker', pg_sleep(600)");
        // It ends with an error when the lock is given up.
        thread::spawn(move || drop(used.run(&script)));
        let locked = Self(Arc::clone(database));
        until("locked", || locked.count("count(*)") == "1");
        locked
    }

    fn count(&self, what: &str) -> String {
        let found = format!(
            "SELECT {what} FROM pg_stat_activity
              WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%''locker''%pg_sleep%'"
        );
        self.0.run(&found).unwrap().trim().to_owned()
    }

    fn unlock(self) {
        self.count("count(pg_terminate_backend(pid))");
    }
}

#[test]
fn stuck_writers_are_not_ready() {
    let (database, settings) = loaded();
    let database = Arc::new(database);
    let settings = with(&settings, "DATABASE__STATEMENT_TIMEOUT", "2s");
    let settings = with(&settings, "SMTP__HOST", "127.0.0.1");
    let settings = with(&settings, "SMTP__TLS", "none");
    let settings = with(&settings, "SMTP__FROM", "no-reply@herald.example");
    let settings = with(&settings, "SMTP__TIMEOUT", "1s");
    let token = process::run_ok(&settings, &["token", "--tenant", TENANT], "");
    let server = ServerProcess::start(&settings);
    until("ready", || ready(server.address).0 == 200);

    let locked = LockedTables::lock(&database, "mail_outbox");
    database.run(FULL_DISK).unwrap();
    let found = get_as(server.address, "/v4/Users/crid-1", &token);
    assert_eq!(
        found.status, 200,
        "a look-up does not wait for its event: {}",
        found.body
    );
    until("both are reported", || {
        let (status, report) = ready(server.address);
        let reasons = (why(&report, "events"), why(&report, "mail"));
        status == 503 && reasons == (Some("events cannot be written"), Some("the outbox cannot be read"))
    });
    let metrics = http_client::get(server.address, "/metrics").body;
    for line in [
        r#"masthead_ready{part="events"} 0"#,
        r#"masthead_ready{part="mail"} 0"#,
        r#"masthead_ready{part="database"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}");
    }
    locked.unlock();
    database.run("DROP TRIGGER full_disk ON events").unwrap();
    until("ready again", || ready(server.address).0 == 200);
    let log = server.stop();
    assert!(
        log.contains(r#""message":"the server is not ready","part":"events","why":"events cannot be written""#),
        "{log}"
    );
    assert!(
        log.contains(r#""message":"a part of the server is ready again","part":"events""#),
        "{log}"
    );
}

#[test]
fn read_only_database_is_not_ready() {
    let postgres = PrivateServer::start_new().unwrap();
    postgres.server().create_database("masthead_read_only").unwrap();
    let settings = process::settings(&postgres.server().url("masthead_read_only").unwrap());
    process::run_ok(&settings, &["migrate"], "");
    let server = ServerProcess::start(&settings);
    until("ready", || ready(server.address).0 == 200);
    let set = |value: &str| {
        let script = format!("ALTER SYSTEM SET default_transaction_read_only = {value}; SELECT pg_reload_conf()");
        postgres.server().run("masthead_read_only", &script).unwrap();
    };
    set("on");
    until("read-only", || {
        let (status, report) = ready(server.address);
        status == 503 && why(&report, "database") == Some("read-only (default_transaction_read_only)")
    });
    let script = "SET default_transaction_read_only = off; ALTER SYSTEM RESET default_transaction_read_only; SELECT pg_reload_conf()";
    postgres.server().run("masthead_read_only", script).unwrap();
    until("ready again", || ready(server.address).0 == 200);
    server.stop();
}

#[test]
fn standby_is_not_ready() {
    let primary = PrivateServer::start_new_primary().unwrap();
    primary.server().create_database("masthead_standby").unwrap();
    let settings = process::settings(&primary.server().url("masthead_standby").unwrap());
    process::run_ok(&settings, &["migrate"], "");
    let standby = primary.start_standby().unwrap();
    let settings = with(
        &settings,
        "DATABASE__URL",
        &standby.server().url("masthead_standby").unwrap(),
    );
    let migrated = "SELECT count(*) > 0 FROM _sqlx_migrations";
    until("the standby has the schema", || {
        standby
            .server()
            .run("masthead_standby", migrated)
            .is_ok_and(|answer| answer.trim() == "t")
    });
    let server = ServerProcess::start(&settings);
    until("reported", || {
        let (status, report) = ready(server.address);
        status == 503 && why(&report, "database") == Some("a standby, which takes no writes")
    });
}

#[test]
fn server_without_keys_is_not_ready() {
    let (_database, settings) = loaded();
    let address = free_address();
    let mut settings = settings;
    settings.retain(|(name, _)| !name.contains("HS256"));
    settings.push(setting("TOKENS__JWKS_URL", &format!("http://{address}/keys")));
    settings.push(setting("TOKENS__JWKS_COOLDOWN", "1s"));
    let server = ServerProcess::start(&settings);
    until("reported", || {
        let (status, report) = ready(server.address);
        status == 503 && why(&report, "tokens").is_some() && why(&report, "database").is_none()
    });
    let shows = |line: &str| http_client::get(server.address, "/metrics").body.contains(line);
    assert!(shows(r#"masthead_ready{part="tokens"} 0"#));
    assert!(shows(
        r#"masthead_key_set_fetches_total{issuer="tokens",outcome="failed"}"#
    ));
    serve_keys(address, &key_set(&[&RsaIssuer::new(0, "k1")]));
    until("ready", || ready(server.address).0 == 200);
    until("the age of the key set", || {
        shows(r#"masthead_key_set_age_seconds{issuer="tokens"}"#)
    });
    assert!(shows(r#"masthead_key_set_keys{issuer="tokens"} 1"#));
    server.stop();
}

/// Answers each request with this key set, for the rest of the test.
fn serve_keys(address: SocketAddr, set: &str) {
    let listener = TcpListener::bind(address).unwrap();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{set}",
        set.len()
    );
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
}

//! The program behind a real `PgBouncer`: commands, server, and errors of wrong settings.

use masthead_dev_postgres::{PgBouncer, TestDatabase};

use crate::journeys::{get, headers};
use crate::support::{
    process::{self, ServerProcess},
    raw_http::RawConnection,
};

const TENANT: &str = "north/daily/herald";

fn setting(key: &str, value: &str) -> (String, String) {
    (format!("MASTHEAD__DATABASE__{key}"), value.to_owned())
}

/// The program's settings for this URL, with a direct URL for migrations.
fn through(url: &str, database: &TestDatabase, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut settings = process::settings(url);
    settings.push(setting("DIRECT_URL", &database.url().unwrap()));
    settings.extend(more.iter().map(|(key, value)| setting(key, value)));
    settings
}

/// A `PgBouncer`; if it is not installed, prints that and returns `None`.
fn bouncer(database: &TestDatabase, settings: &[(&str, &str)]) -> Option<PgBouncer> {
    let bouncer = PgBouncer::start_if_installed(database, settings).unwrap();
    if bouncer.is_none() {
        println!("pgbouncer is not installed: this is not checked");
    }
    bouncer
}

/// The status and the body of a user's record.
async fn user(server: &ServerProcess, token: &str, id: &str) -> (u16, String) {
    let mut wire = RawConnection::connect(server.address).await.unwrap();
    let response = get(&mut wire, &format!("/v4/Users/{id}"), &headers(token))
        .await
        .unwrap();
    (response.status, String::from_utf8(response.body).unwrap())
}

/// All commands work through it, in both modes, with the current setting and the older one.
#[test]
fn program_works_through_pgbouncer() {
    for (mode, more) in [
        ("transaction", &[("POOLER", "true")][..]),
        ("session", &[("POOLER", "true")]),
        ("transaction", &[("NAMED_PREPARED_STATEMENTS", "false")]),
        ("session", &[("POOLER", "true"), ("NAMED_PREPARED_STATEMENTS", "false")]),
    ] {
        let database = TestDatabase::empty().unwrap();
        let Some(bouncer) = bouncer(&database, &[("pool_mode", mode)]) else {
            return;
        };
        let settings = through(&bouncer.url(), &database, more);
        process::run_ok(&settings, &["migrate"], "");
        // Several of a kind: a named prepared statement fails when it is repeated.
        for paper in ["herald", "times", "post"] {
            process::run_ok(&settings, &["tenant", "add", &format!("north/daily/{paper}")], "");
        }
        process::run_ok(&settings, &["tenant", "set", TENANT, "Search.MaxDepth="], "");
        process::run_ok(&settings, &["tenant", "list"], "");
        for name in ["herald", "times"] {
            process::run_ok(&settings, &["workspace", "add", name, "--tenant", TENANT], "");
        }
        process::run_ok(&settings, &["workspace", "list"], "");
        for batch in 0..3 {
            let line =
                |n| format!(r#"{{"customerRegistrationId":"crid-{batch}-{n}","email":"a{batch}{n}@example.org"}}"#);
            let lines: Vec<_> = (0..5).map(line).collect();
            process::run_ok(&settings, &["import", "--tenant", TENANT, "-"], &lines.join("\n"));
        }
        let token = process::run_ok(&settings, &["token", "--tenant", TENANT], "");
        let server = ServerProcess::start(&settings);
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            for _ in 0..20 {
                let (status, body) = user(&server, &token, "crid-1-3").await;
                assert!(
                    status == 200 && body.contains("a13@example.org"),
                    "{mode}: {status} {body}"
                );
                assert_eq!(user(&server, &token, "crid-9-9").await.0, 404, "{mode}");
            }
        });
        server.stop();
        let events = database.run("SELECT count(*) FROM events WHERE kind = 4001").unwrap();
        assert_eq!(events.trim(), "40", "{mode}");
    }
}

#[test]
fn wrong_pgbouncer_settings_are_refused() {
    let database = TestDatabase::empty().unwrap();
    let ignoring = [
        ("pool_mode", "transaction"),
        ("ignore_startup_parameters", "extra_float_digits,options"),
    ];
    for settings in [&[("pool_mode", "transaction")][..], &ignoring] {
        let Some(bouncer) = bouncer(&database, settings) else {
            return;
        };
        let through = through(&bouncer.url(), &database, &[]);
        process::run_ok(&through, &["migrate"], "");
        for command in [&["serve"][..], &["tenant", "list"]] {
            let error = process::run_err(&through, command, "");
            assert!(error.contains("database.pooler = true"), "{command:?}: {error}");
        }
        // Without the direct URL the lock of a migration would not be kept.
        let mut no_direct = process::settings(&bouncer.url());
        no_direct.push(setting("POOLER", "true"));
        let error = process::run_err(&no_direct, &["migrate"], "");
        assert!(error.contains("database.direct_url"), "{error}");
    }
    let Some(bouncer) = bouncer(&database, &[("pool_mode", "statement")]) else {
        return;
    };
    let through = through(&bouncer.url(), &database, &[("POOLER", "true")]);
    let error = process::run_err(&through, &["serve"], "");
    assert!(error.contains("pool_mode = transaction"), "{error}");
}

//! The drill of docs/operations.md: dump, restore into a new cluster, and compare.

use std::process::Command;

use masthead_dev_postgres::{PostgresServer, PrivateServer};
use serde_json::{Value, json};

use crate::{
    support::{
        http_client::percent_encoded,
        process::{self, ServerProcess, setting},
        roles,
    },
    writes::harness::{HERALD, WriteServer},
};

const RESTORED: &str = "masthead_restored";

const PASSWORD: &str = "Marmalade-and-rain-7";

/// The number of rows of each table.
const COUNTS: &str = "
    SELECT string_agg(format('SELECT %L, count(*) FROM %s', relname, oid::regclass), ' UNION ALL ' ORDER BY relname)
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition";

const TOTALS: &str =
    "SELECT pool, state, verified, sum(users) FROM registration_totals GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";

fn counts(server: &PostgresServer, database: &str) -> String {
    let script = server.run(database, COUNTS).unwrap();
    format!(
        "{}\n{}",
        server.run(database, &script).unwrap(),
        server.run(database, TOTALS).unwrap()
    )
}

/// Runs a program of Postgres on a database.
fn run(server: &PostgresServer, program: &str, arguments: &[&str], database: &str) {
    let url = server.url(database).unwrap();
    let program = server.program(program).unwrap();
    let ended = Command::new(&program)
        .args(arguments)
        .arg(format!("--dbname={url}"))
        .output()
        .unwrap();
    assert!(
        ended.status.success(),
        "{}: {}",
        program.display(),
        String::from_utf8_lossy(&ended.stderr)
    );
}

/// The record of a user, found in each way.
fn records(server: &WriteServer, to: &ServerProcess, id: &str, sealed: &str) -> Vec<Value> {
    let sealed = percent_encoded(sealed);
    let calls = [
        format!("GET /v4/Users/{id}"),
        format!("GET /v4/Users?encryptedCustomerRegistrationId={sealed}"),
        "GET /v4/Users?email=nell@example.org".to_owned(),
    ];
    let answer = |call: &String| server.try_call(to.address, HERALD, call, &Value::Null, &[]).unwrap();
    calls.iter().map(|call| answer(call).body["data"].clone()).collect()
}

#[test]
fn restored_backup_answers_as_before() {
    let server = WriteServer::start(&[]);
    let lines = (0..200).map(|n| {
        format!("{{\"customerRegistrationId\":\"crid-{n}\",\"email\":\"a{n}@example.org\",\"verified\":true}}\n")
    });
    let import = |settings: &[(String, String)], lines: &str| {
        let tenant = format!("north/daily/{HERALD}");
        let report = process::run_ok(settings, &["import", "--tenant", &tenant], lines);
        serde_json::from_str::<Value>(&report).unwrap()["imported"].clone()
    };
    assert_eq!(import(&server.settings, &lines.collect::<String>()), 200);
    let new = json!({"email": "nell@example.org", "password": PASSWORD, "firstName": "Nell", "lastName": "Backup"});
    let created = server.call(HERALD, "POST /v4/Users", &new).expect("S200_03");
    let (id, sealed) = (
        created.id(),
        created.body["data"]["encryptedCustomerRegistrationId"]
            .as_str()
            .unwrap(),
    );
    server
        .call(HERALD, "DELETE /v4/Users/crid-7", &Value::Null)
        .expect("S200_14");
    let original = ServerProcess::start(&server.settings);
    let before = records(&server, &original, &id, sealed);
    assert!(before.iter().all(|data| data.to_string().contains(&id)));
    // Its events are written when it has ended.
    original.stop();

    let cluster = PrivateServer::start_new().unwrap();
    let (from, to) = (server.database.server(), cluster.server());
    let dump = std::env::temp_dir().join(format!("masthead-drill-{}.dump", std::process::id()));
    let file = format!("--file={}", dump.display());
    run(from, "pg_dump", &["--format=custom", &file], server.database.name());
    to.create_database(RESTORED).unwrap();
    roles::apply(to, RESTORED);
    let dump_name = dump.to_str().unwrap();
    run(
        to,
        "pg_restore",
        &["--no-owner", "--role=masthead_owner", "--exit-on-error", dump_name],
        RESTORED,
    );
    std::fs::remove_file(&dump).unwrap();
    let urls = roles::apply(to, RESTORED);
    // Nothing writes between the dump and the count: the running server of the harness has no calls.
    assert_eq!(counts(to, RESTORED), counts(from, server.database.name()));
    process::run_ok(&process::settings(&urls.owner), &["migrate"], "");

    let at = |url: &str| {
        let mut settings = server.settings.clone();
        settings.push(setting("DATABASE__URL", url));
        settings
    };
    let settings = at(&urls.server);
    let restored = ServerProcess::start(&settings);
    assert_eq!(records(&server, &restored, &id, sealed), before);
    let sign_in = json!({"loginName": "nell@example.org", "password": PASSWORD});
    let answer =
        |to: &ServerProcess, call: &str, body: &Value| server.try_call(to.address, HERALD, call, body, &[]).unwrap();
    answer(&restored, "POST /v4/Users/Authentication", &sign_in).expect("S200_06");
    // The deleted user is known as such, and its id is not taken up again.
    answer(&restored, "GET /v4/Users/crid-7", &Value::Null).expect("E404");
    let deleted = r#"{"customerRegistrationId":"crid-7","email":"a7@example.org"}"#;
    assert_eq!(import(&settings, deleted), 0);
    restored.stop();

    // Without the sealing keys of the backup its ids are void; a new key needs an id of its own.
    let new_key = process::SEALING_KEY.replace("AAEC", "BAEC");
    let mut other_key = at(&urls.server);
    other_key.push(setting("SEALING__KEYS__K1", &new_key));
    let refused = process::run_err(&other_key, &["serve"], "");
    assert!(refused.contains("sealing.keys.k1 is another key"), "{refused}");
    other_key.retain(|(name, _)| !name.starts_with("MASTHEAD__SEALING__"));
    other_key.extend([
        setting("SEALING__CURRENT", "k2"),
        setting("SEALING__KEYS__K2", &new_key),
    ]);
    let restored = ServerProcess::start(&other_key);
    let found = records(&server, &restored, &id, sealed);
    assert!(
        found[0].to_string().contains(&id) && !found[1].to_string().contains(&id),
        "{found:?}"
    );
    restored.stop();
}

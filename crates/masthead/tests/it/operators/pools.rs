//! Removing tenants and pools, and the dates of keys.

use std::{
    fs::File,
    io::Write as _,
    process::{Command, Stdio},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use masthead_dev_postgres::TestDatabase;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use serde_json::{Value, json};

use crate::support::{
    process::{self, ServerProcess},
    raw_http::RawConnection,
};

const TENANT: &str = "north/daily/herald";

/// A database with one tenant of three registrations and a workspace.
pub(crate) fn prepared() -> (TestDatabase, Vec<(String, String)>) {
    let lines: Vec<_> = (0..3)
        .map(|n| {
            json!({"tenant": TENANT, "customerRegistrationId": n.to_string(), "email": format!("r{n}@example.org")})
                .to_string()
        })
        .collect();
    let database = process::loaded_database(&[(TENANT.to_owned(), Vec::new())], &lines.join("\n"));
    let settings = process::settings(&database.url().unwrap());
    process::run_ok(&settings, &["workspace", "add", "herald", "--tenant", TENANT], "");
    (database, settings)
}

fn pools(settings: &[(String, String)]) -> Value {
    serde_json::from_str(&process::run_ok(settings, &["pool", "list", "--json"], "")).unwrap()
}

#[test]
fn tenant_removal_needs_confirmation() {
    let (_database, settings) = prepared();
    let remove = ["tenant", "remove", TENANT];
    let orphan = [&remove[..], &["--orphan"]].concat();
    let refused = process::run(&settings, &remove, "y\n");
    let shown = String::from_utf8(refused.stdout).unwrap();
    for part in ["the workspaces herald", "3 registrations", "no other tenant"] {
        assert!(shown.contains(part), "{part} is missing in:\n{shown}");
    }
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("--orphan"), "{error}");
    // There is no terminal to confirm it on.
    assert!(process::run_err(&settings, &orphan, "y\n").contains("--yes"));
    assert!(process::run_ok(&settings, &["tenant", "list"], "").contains(TENANT));
    process::run_ok(&settings, &[&orphan[..], &["--yes"]].concat(), "");
    assert_eq!(process::run_ok(&settings, &["tenant", "list"], ""), "");
    assert_eq!(process::run_ok(&settings, &["workspace", "list"], ""), "");
}

/// Runs a command whose standard input is a terminal, where this is typed; returns its exit code and what it printed.
fn run_on_terminal(settings: &[(String, String)], arguments: &[&str], typed: &str) -> (Option<i32>, String) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let terminal = openpt(flags).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let input = ioctl_tiocgptpeer(&terminal, flags).unwrap();
    let mut keyboard = File::from(terminal);
    keyboard.write_all(typed.as_bytes()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_masthead"))
        .env_clear()
        .envs(settings.iter().cloned())
        .args(arguments)
        .stdin(Stdio::from(input))
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn removal_is_confirmed_on_a_terminal() {
    let (_database, settings) = prepared();
    let tenant = ["tenant", "remove", TENANT, "--orphan"];
    let pool = ["pool", "remove", TENANT, "--registrations", "3"];
    for (arguments, question, list) in [
        (&tenant[..], "Remove north/daily/herald? [y/N]", "tenant"),
        (&pool, "Remove this pool and everything in it? [y/N]", "pool"),
    ] {
        let listed = || process::run_ok(&settings, &[list, "list"], "");
        let before = listed();
        for no in ["n\n", "\n"] {
            let (code, printed) = run_on_terminal(&settings, arguments, no);
            assert!(code == Some(1) && printed.contains(question), "{printed}");
            assert!(printed.contains("nothing was changed"), "{printed}");
            assert_eq!(listed(), before);
        }
        let (code, printed) = run_on_terminal(&settings, arguments, "y\n");
        assert_eq!((code, listed().as_str()), (Some(0), ""), "{printed}");
    }
}

#[test]
fn pool_is_removed_only_when_confirmed() {
    let (database, settings) = prepared();
    let all = pools(&settings);
    let expected = json!([TENANT, 3, 0, [TENANT], true]);
    let names = ["pool", "registrations", "mirrored", "tenants", "mastersAccounts"];
    assert_eq!(json!(names.map(|name| &all[0][name])), expected, "{all}");

    let remove = ["pool", "remove", TENANT, "--yes"];
    assert!(process::run_err(&settings, &remove, "").contains("1 tenants"));
    process::run_ok(&settings, &["tenant", "remove", TENANT, "--orphan", "--yes"], "");
    for wrong in [&remove[..], &[&remove[..], &["--registrations", "2"]].concat()] {
        assert!(process::run_err(&settings, wrong, "").contains("--registrations 3"));
    }
    assert!(process::run_err(&settings, &["pool", "remove", "nowhere", "--yes"], "").contains("no such pool"));
    let right = [&remove[..], &["--registrations", "3"]].concat();
    assert!(
        process::run_err(&settings, &right[..3], "").contains("--yes"),
        "no terminal to confirm it on"
    );
    process::run_ok(&settings, &right, "");
    assert_eq!(pools(&settings), json!([]));
    assert_eq!(database.run("SELECT count(*) FROM registrations").unwrap().trim(), "0");
}

/// A table that a migration adds later must be in the list of the removal, or be a part of the log, which stays.
#[test]
fn pool_removal_covers_every_table() {
    let (database, settings) = prepared();
    let number = pools(&settings)[0]["number"].as_i64().unwrap();
    process::run_ok(&settings, &["tenant", "remove", TENANT, "--orphan", "--yes"], "");
    database
        .run(&format!(
            "INSERT INTO tombstones (pool, created_at, kind, hash) VALUES ({number}, now(), 'id', decode(repeat('00', 32), 'hex'));
             INSERT INTO mirrors (pool, provider, precedence) VALUES ({number}, 'Auth0', '');
             -- As an interrupted removal leaves it.
             UPDATE pools SET name = 'removed pool ' || id"
        ))
        .unwrap();
    // It is continued without the number, which was confirmed.
    let name = format!("removed pool {number}");
    process::run_ok(&settings, &["pool", "remove", &name, "--yes"], "");
    let tables = database
        .run(
            "SELECT string_agg(c.table_name, ' ' ORDER BY c.table_name) FROM information_schema.columns AS c
               JOIN information_schema.tables AS t USING (table_schema, table_name)
              WHERE c.column_name = 'pool' AND t.table_type = 'BASE TABLE' AND t.table_schema = current_schema()",
        )
        .unwrap();
    let tables: Vec<&str> = tables.split_whitespace().collect();
    assert!(tables.contains(&"registrations") && tables.len() > 10, "{tables:?}");
    for table in tables
        .into_iter()
        .filter(|table| !table.starts_with("events") && *table != "outbox")
    {
        let rows = database
            .run(&format!("SELECT count(*) FROM {table} WHERE pool = {number}"))
            .unwrap();
        assert_eq!(rows.trim(), "0", "{table}");
        let in_list = include_str!("../../../../subscribe-store/src/pool_admin.rs").contains(&format!("\"{table}\""));
        assert!(
            in_list || table == "tenants",
            "{table} is not in the list of tables of a pool"
        );
    }
}

/// The export notes the key, and a server that stops writes it.
#[test]
fn last_use_of_a_key_is_shown() {
    let (database, settings) = prepared();
    let used = process::run_ok(&settings, &["workspace", "key", "herald"], "");
    let keys = || -> Value {
        let listed = process::run_ok(&settings, &["workspace", "list", "--json"], "");
        serde_json::from_str::<Value>(&listed).unwrap()[0]["keys"].take()
    };
    assert!(
        keys().as_array().unwrap().iter().all(|key| key["lastUsedAt"].is_null()),
        "{}",
        keys()
    );
    let server = ServerProcess::start(&settings);
    let export = |credentials: &str| {
        let basic = BASE64_STANDARD.encode(credentials);
        let body = r#"{"identifiers":[{"identifier_type":"customer_id","identifier":"1"}]}"#;
        let request = format!(
            "POST /v1/customers/export?app_id=herald HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {basic}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let mut wire = RawConnection::connect(server.address).await.unwrap();
            wire.send(&request).await.unwrap();
            wire.read_response().await.unwrap().status
        })
    };
    assert_eq!(export("herald:wrong"), 401);
    assert_ne!(export(&format!("herald:{used}")), 401);
    server.stop();
    let after = keys();
    assert!(
        after[0]["lastUsedAt"].is_null() && after[1]["lastUsedAt"].is_string(),
        "{after}"
    );
    let text = process::run_ok(&settings, &["workspace", "list"], "");
    assert!(text.contains("never used") && text.contains("last used 2"), "{text}");
    drop(database);
}

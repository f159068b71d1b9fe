//! Another sealing key under a known id is noticed by servers and commands, before it does harm.

use masthead_dev_postgres::TestDatabase;
use serde_json::json;

use super::{Folder, TENANT, loaded, until, with};
use crate::support::process::{self, SEALING_KEY, ServerProcess};

const SECOND_KEY: &str = "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";

const REFUSAL: &str = "sealing.keys.k1 is another key than this database was used with";

/// With another key a deleted user would not be recognised.
#[test]
fn other_key_is_refused_by_every_command_that_needs_it() {
    let (database, settings) = loaded();
    process::run_ok(&settings, &["user", "delete", "--tenant", TENANT, "crid-1"], "");
    let other = with(&settings, "SEALING__KEYS__K1", SECOND_KEY);
    let line = json!({"customerRegistrationId": "crid-1", "email": "ann1@example.com"}).to_string();
    for (arguments, input) in [
        (&["import", "--tenant", TENANT, "--from", "masthead", "-"][..], &*line),
        (
            &["import", "--tenant", TENANT, "--from", "masthead", "--dry-run", "-"],
            &line,
        ),
        (&["sync", "--tenant", TENANT], ""),
        (&["reconcile"], ""),
        (&["serve"], ""),
    ] {
        let error = process::run_err(&other, arguments, input);
        assert!(error.contains(REFUSAL), "{arguments:?}: {error}");
        assert!(!error.contains(SECOND_KEY) && !error.contains(SEALING_KEY), "{error}");
    }
    let checked = process::run(&other, &["check-config", "--connect"], "");
    let lines = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(checked.status.code(), Some(1), "{lines}");
    assert!(
        lines.contains(&format!("failed   the sealing keys: {REFUSAL}")),
        "{lines}"
    );
    let back = "SELECT count(*) FROM registrations WHERE crid = 'crid-1' AND deleted_at IS NULL";
    assert_eq!(database.run(back).unwrap().trim(), "0");

    // The right one is known; a discarded one may be replaced.
    let lines = process::run_ok(&settings, &["check-config", "--connect"], "");
    assert!(
        lines.contains("the sealing keys: are those that the database was used with"),
        "{lines}"
    );
    let listed = process::run_ok(&other, &["sealing-key", "list"], "");
    assert!(listed.starts_with("k1: first used at 20"), "{listed}");
    process::run_ok(&other, &["sealing-key", "forget", "K1", "--yes"], "");
    process::run_ok(
        &other,
        &["import", "--tenant", TENANT, "--from", "masthead", "-"],
        &line,
    );
    assert!(process::run_err(&settings, &["reconcile"], "").contains(REFUSAL));
}

#[test]
fn missing_key_is_warned_of() {
    let (_database, settings) = loaded();
    let mut renamed = with(&settings, "SEALING__CURRENT", "k2");
    renamed.retain(|(name, _)| name != "MASTHEAD__SEALING__KEYS__K1");
    let renamed = with(&renamed, "SEALING__KEYS__K2", SECOND_KEY);
    let done = process::run(&renamed, &["reconcile"], "");
    let warned = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{warned}");
    assert!(
        warned.contains("warning: sealing.keys lacks k1, with which this database was used"),
        "{warned}"
    );
    let checked = process::run_ok(&renamed, &["check-config", "--connect"], "");
    assert!(
        checked.contains("warning  the sealing keys: sealing.keys lacks k1"),
        "{checked}"
    );
}

/// A server does not know the second key of another one, whose id is taken.
#[test]
fn reload_with_other_key_keeps_the_old_ones() {
    let (_database, settings) = loaded();
    process::run_ok(&with(&settings, "SEALING__KEYS__K2", SECOND_KEY), &["reconcile"], "");
    let folder = Folder::new("other-sealing-key");
    let write = |keys: &str| {
        let text = format!("[sealing]\ncurrent = \"K1\"\n[sealing.keys]\nK1 = {SEALING_KEY:?}\n{keys}\n");
        folder.write("masthead.toml", &text)
    };
    let mut settings = settings;
    settings.retain(|(name, _)| !name.starts_with("MASTHEAD__SEALING__"));
    settings.push(("MASTHEAD_CONFIG".to_owned(), write("")));
    let server = ServerProcess::start(&settings);
    assert!(server.log().contains("sealing.keys lacks k2"));
    write(&format!("K2 = {SEALING_KEY:?}"));
    server.signal("HUP");
    let refused = "sealing.keys.k2 is another key than this database was used with";
    until("refused", || server.log().contains(refused));
    write(&format!("K2 = {SECOND_KEY:?}"));
    server.signal("HUP");
    until("reloaded", || server.log().contains("the settings are reloaded"));
    assert!(!server.stop().contains(SEALING_KEY));
}

#[test]
fn server_that_meets_its_database_later_ends() {
    let (database, settings) = loaded();
    // It cannot be done in the database itself.
    let elsewhere = TestDatabase::empty().unwrap();
    let allow = |allowed: bool| {
        let name = database.name();
        elsewhere
            .run(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}"))
            .unwrap();
    };
    allow(false);
    let server = ServerProcess::start(&with(&settings, "SEALING__KEYS__K1", SECOND_KEY));
    allow(true);
    let (code, log) = server.wait();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains(REFUSAL), "{log}");
}

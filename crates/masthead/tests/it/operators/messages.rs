//! Texts of commands, and where they print nothing.

use std::process::{Command, Stdio};

use super::pools::prepared;
use crate::support::process;

const TENANT: &str = "north/daily/herald";

/// As with `masthead settings | head -1`, whose reader leaves early.
#[test]
fn closed_output_is_no_complaint() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_masthead"))
        .env_clear()
        .arg("settings")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn removal_of_the_last_key_is_warned_of() {
    let (_database, settings) = prepared();
    let added = process::run(&settings, &["workspace", "key", "herald"], "");
    assert!(added.stderr.is_empty(), "{added:?}");
    let remove = |number: &str| {
        let removed = process::run(&settings, &["workspace", "key", "herald", "--remove", number], "");
        assert!(removed.status.success(), "{removed:?}");
        String::from_utf8(removed.stderr).unwrap()
    };
    assert_eq!(remove("1"), "");
    assert!(remove("2").contains("warning: herald has no key"));
}

#[test]
fn tenant_without_provider_has_nothing_to_compare() {
    let (_database, settings) = prepared();
    for command in ["check", "without-account"] {
        let refused = process::run_err(&settings, &["registrations", command, "--tenant", TENANT], "");
        assert!(
            refused.contains("the tenant has no provider (Flow.UserProvider)"),
            "{refused}"
        );
        assert!(!refused.contains("masthead sync"), "{refused}");
    }
}

#[test]
fn settings_with_a_secret_need_its_tenant() {
    let lines = "Flow.UserProvider=SSOR\nSSOR.BaseUrl=http://127.0.0.1:1\nSSOR.SecretFile=people\n";
    let settings = process::settings("postgres://nobody@127.0.0.1:1/none");
    let checked = process::run(&settings, &["provider", "check", "--settings", "-"], lines);
    let messages = String::from_utf8(checked.stderr).unwrap();
    assert!(
        messages.contains("warning: without --tenant no secret is read"),
        "{messages}"
    );
    let arguments = ["provider", "check", "--settings", "-", "--tenant", TENANT];
    let checked = process::run(&settings, &arguments, lines);
    let messages = String::from_utf8(checked.stderr).unwrap();
    assert!(!messages.contains("without --tenant"), "{messages}");
}

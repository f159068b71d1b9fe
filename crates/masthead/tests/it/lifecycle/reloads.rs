//! Secrets that a server replaces on SIGHUP: the sealing keys and the password of its database role.

use serde_json::Value;

use super::{Folder, TENANT, get_as, loaded, until, with};
use crate::support::{
    http_client::percent_encoded,
    process::{self, SEALING_KEY, ServerProcess},
};

const SECOND_KEY: &str = "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";

/// Sends SIGHUP, and waits until the settings are followed.
fn reload(server: &ServerProcess) {
    let reloads = || server.log().matches("the settings are reloaded").count();
    let before = reloads();
    server.signal("HUP");
    until("reloaded", || reloads() > before);
}

/// Docs, keys.md, the two steps.
#[test]
fn sealing_key_rotates_without_a_restart() {
    let (_database, mut settings) = loaded();
    settings.retain(|(name, _)| !name.starts_with("MASTHEAD__SEALING__"));
    let folder = Folder::new("sealing");
    let write = |current: &str, publish: &str, keys: &str| {
        let text =
            format!("[sealing]\ncurrent = {current:?}\n{publish}\n[sealing.keys]\nK1 = {SEALING_KEY:?}\n{keys}\n");
        folder.write("masthead.toml", &text)
    };
    settings.push(("MASTHEAD_CONFIG".to_owned(), write("K1", "", "")));
    let token = process::run_ok(&settings, &["token", "--tenant", TENANT], "");
    let server = ServerProcess::start(&settings);
    let read = |path: &str| {
        let answer = get_as(server.address, path, &token);
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str::<Value>(&answer.body).unwrap()
    };
    let published = || {
        let user = read("/v4/Users/crid-1");
        user["data"]["encryptedCustomerRegistrationId"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = published();

    let second_key = format!("K2 = {SECOND_KEY:?}");
    write("K1", "", &second_key);
    reload(&server);
    write("K2", "publish = \"K1\"", &second_key);
    reload(&server);
    assert_eq!(published(), first, "the old key is still published");

    write("K2", "", &second_key);
    reload(&server);
    let second = published();
    assert_ne!(second, first);
    for sealed in [&first, &second] {
        let found = read(&format!(
            "/v4/Users?encryptedCustomerRegistrationId={}",
            percent_encoded(sealed)
        ));
        assert_eq!(found["data"][0]["customerRegistrationId"], "crid-1", "{found}");
    }

    // A key under a known id is a mistake: nothing that is sealed would open.
    folder.write(
        "masthead.toml",
        &format!("[sealing]\ncurrent = \"K1\"\n[sealing.keys]\nK1 = {SECOND_KEY:?}\n"),
    );
    server.signal("HUP");
    until("refused", || {
        server.log().contains("sealing.keys.k1 is another key than before")
    });
    assert_eq!(published(), second);
    assert!(!server.stop().contains(SECOND_KEY));
}

/// A role's password is replaced in the database first, then in the file that `database.url_file` names.
#[test]
fn database_password_is_replaced_without_a_restart() {
    let (database, mut settings) = loaded();
    let role = format!("masthead_password_{}", std::process::id());
    let run = |script: &str| database.run(script).unwrap();
    run(&format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'first-password'"));
    let folder = Folder::new("database-password");
    let url = database.url().unwrap();
    let (_, host) = url.rsplit_once('@').unwrap();
    let write = |password: &str| folder.write("url", &format!("postgres://{role}:{password}@{host}"));
    let file = write("first-password");
    settings.retain(|(name, _)| name != "MASTHEAD__DATABASE__URL");
    let settings = with(&settings, "DATABASE__URL_FILE", &file);
    let token = process::run_ok(&settings, &["token", "--tenant", TENANT], "");
    let server = ServerProcess::start(&with(&settings, "DATABASE__ACQUIRE_TIMEOUT", "500ms"));
    let status = || get_as(server.address, "/v4/Users/crid-1", &token).status;
    assert_eq!(status(), 200);

    run(&format!("ALTER ROLE {role} PASSWORD 'second-password'"));
    run(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
    ));
    until("no connection can be opened", || status() == 503);
    write("second-password");
    reload(&server);
    until("connections are opened again", || status() == 200);

    // Another server is another matter.
    folder.write("url", "postgres://elsewhere:secret-text@127.0.0.1:1/other");
    server.signal("HUP");
    until("refused", || {
        server.log().contains("database.url differs in more than the password")
    });
    assert_eq!(status(), 200);
    let log = server.stop();
    assert!(
        !["first-password", "second-password", "secret-text"]
            .iter()
            .any(|secret| log.contains(secret))
    );
    run(&format!("DROP ROLE {role}"));
}

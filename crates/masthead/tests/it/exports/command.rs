//! `masthead export`: the round trip through `masthead import`, its filter, its events, its end and its refusals.

use std::{
    io::Read as _,
    process::{Command, Stdio},
};

use masthead_testkit::contract_cases::CaseRequest;
use serde_json::{Value, json};

use crate::{
    exports::{Exported, HERALD, PASSWORD, TIMES, odd_users},
    support::{
        http_client, jwt,
        process::{self, SECRET, ServerProcess},
    },
};

#[test]
fn export_imported_and_exported_again_is_the_same() {
    let usual = |n: u32| {
        json!({
            "customerRegistrationId": format!("u{n}"), "email": format!("User.{n}@example.org"), "firstName": "Ann",
            "verified": n.is_multiple_of(2), "metadata": {"city": "Oslo", "n": n.to_string()},
            "dateRegistered": format!("2020-01-02T03:04:05.{:06}Z", n * 10 + 1),
        })
    };
    let mut users = odd_users();
    users.extend((0..2_500).map(usual));
    let exported = Exported::with(&users);
    let first = exported.export(HERALD, &["--with-hashes"]);
    assert_eq!(first.lines().count(), users.len());
    assert!(exported.export(TIMES, &[]).is_empty(), "the other tenant has no user");
    // Each line has what was imported, and nothing else.
    let mut expected = users.clone();
    expected.sort_by(|a, b| {
        let id = |user: &Value| user["customerRegistrationId"].as_str().unwrap().to_owned();
        id(a).into_bytes().cmp(&id(b).into_bytes())
    });
    for (line, expected) in first.lines().zip(&expected) {
        assert_eq!(serde_json::from_str::<Value>(line).unwrap(), *expected);
    }
    process::run_ok(&exported.settings, &["import", "--tenant", TIMES, "-"], &first);
    let second = exported.export(TIMES, &["--with-hashes"]);
    assert!(first == second, "the second export differs");
    // Without hashes the lines are the same but for them.
    let without = exported.export(HERALD, &[]);
    assert!(!without.contains("passwordHash"));
    assert_eq!(without.lines().count(), users.len());
}

#[test]
fn keys_of_a_line_have_a_fixed_order() {
    let exported = Exported::with(&odd_users());
    let lines = exported.export(
        HERALD,
        &["--with-hashes", "--filter", "customerRegistrationId=auth0%7C6470a"],
    );
    let keys = [
        "customerRegistrationId",
        "email",
        "firstName",
        "lastName",
        "verified",
        "passwordHash",
        "metadata",
        "dateRegistered",
        "changeDate",
        "lastLogoutDate",
    ];
    let places = keys.map(|key| lines.find(&format!("\"{key}\":")).unwrap());
    assert!(places.is_sorted(), "{lines}");
    assert!(
        lines.contains("\"dateRegistered\":\"2020-01-02T03:04:05.000006Z\""),
        "{lines}"
    );
    let metadata = &lines[places[6]..places[7]];
    let metadata = ["=x", "Zulu", "a.b", "cellPhone", "city"].map(|key| metadata.find(&format!("\"{key}\":")).unwrap());
    assert!(metadata.is_sorted(), "sorted by bytes");
}

#[test]
fn imported_users_sign_in_with_their_passwords() {
    let exported = Exported::with(&odd_users());
    let lines = exported.export(HERALD, &["--with-hashes"]);
    process::run_ok(&exported.settings, &["import", "--tenant", TIMES, "-"], &lines);
    let server = ServerProcess::start(&exported.settings);
    let mut claims = jwt::claims(&[TIMES]);
    claims["scope"] = "users:authenticate".into();
    let authorization = format!("bearer {}", jwt::hs256_token(&claims, SECRET));
    let sign_in = |login: &Value, password: &str| {
        let headers = [
            ("authorization", &*authorization),
            ("x-sourcesystem", "CRM"),
            ("x-clientgroupcode", "north"),
            ("x-clientcode", "daily"),
            ("x-papercode", "times"),
            ("content-type", "application/json"),
        ];
        let request = CaseRequest {
            method: "POST",
            target: "/v4/Users/Authentication".to_owned(),
            headers: headers.map(|(name, value)| (name, value.to_owned())).to_vec(),
            body: json!({"loginName": login, "password": password}).to_string(),
        };
        http_client::send(server.address, &request)
    };
    let with_password = odd_users().into_iter().filter(|user| user["passwordHash"].is_string());
    let logins: Vec<_> = with_password.map(|user| user["email"].clone()).collect();
    assert_eq!(logins.len(), 2);
    for login in logins {
        let wrong = sign_in(&login, "Heron-Lake-43");
        assert!(wrong.body.contains("E401_01"), "{login}: {}", wrong.body);
        let right = sign_in(&login, PASSWORD);
        assert!(right.body.contains("S200_06"), "{login}: {}", right.body);
    }
}

/// `masthead export | head`
#[test]
fn export_ends_with_its_reader() {
    let users = (0..5_000)
        .map(|n| json!({"customerRegistrationId": format!("a-user-with-a-long-id-{n:05}"), "verified": true}));
    let exported = Exported::with(&users.collect::<Vec<_>>());
    let mut child = Command::new(env!("CARGO_BIN_EXE_masthead"))
        .env_clear()
        .envs(exported.settings.iter().cloned())
        .args(["export", "--tenant", HERALD])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("the export is not complete"), "{error}");
    let arguments = ["audit", "--operators", "--json", "--since", "2026-01-01T00:00:00Z"];
    let events = process::run_ok(&exported.settings, &arguments, "");
    assert!(events.contains(r#""state":"failed""#), "{events}");
}

#[test]
fn filter_is_a_query_string() {
    let exported = Exported::with(&odd_users());
    let count = |filter| exported.export(HERALD, &["--filter", filter]).lines().count();
    assert_eq!(count("metadata.city=S%C3%A3o+Paulo&lastName=o"), 1);
    assert_eq!(count("email=example.org"), 2);
    assert_eq!(count("email=b%40example.org"), 1);
    assert_eq!(count("firstName=seagull"), 0);
    for (filter, named) in [
        ("colour=seagull", "colour"),
        ("pageSize=7", "pageSize"),
        ("encryptedEmail=seagull", "encryptedEmail"),
    ] {
        let arguments = ["export", "--tenant", HERALD, "--filter", filter];
        let error = process::run_err(&exported.settings, &arguments, "");
        assert!(error.contains(named) && !error.contains("seagull"), "{error}");
    }
}

#[test]
fn exports_are_events_of_the_operator() {
    let exported = Exported::with(&odd_users());
    exported.export(HERALD, &["--with-hashes", "--filter", "email=example.org"]);
    let arguments = ["audit", "--operators", "--json", "--since", "2026-01-01T00:00:00Z"];
    let events = process::run_ok(&exported.settings, &arguments, "");
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let exports: Vec<_> = events
        .iter()
        .filter(|event| event["detail"]["command"] == "export")
        .collect();
    let after: Vec<_> = exports.iter().map(|event| &event["detail"]["after"]).collect();
    // The latest first.
    let begun = json!({"state": "started", "format": "masthead", "withHashes": true, "filter": "emailContains"});
    let mut ended = begun.clone();
    ended["state"] = "completed".into();
    ended["exported"] = 2.into();
    ended["hashes"] = 0.into();
    ended["leftOut"] = json!({});
    assert_eq!(after, [&ended, &begun]);
    assert!(exports.iter().all(|event| event["tenant"] == HERALD));
}

#[test]
fn refusals_have_exit_code_one_and_write_nothing() {
    let exported = Exported::with(&odd_users());
    let token = process::secret_variable("north/daily/remote", "USERS");
    let token = format!("Subscribe.TokenEnv={token}");
    let url = ["--set", "Subscribe.Url=https://users.example", "--set", &token];
    let remote = [&["tenant", "add", "north/daily/remote"], &url[..]].concat();
    process::run_ok(&exported.settings, &remote, "");
    for (arguments, reason) in [
        (&["--tenant", "north/daily/nowhere"][..], "there is no tenant"),
        (&["--tenant", "north/daily/remote"], "remote Users API"),
        (
            &["--tenant", HERALD, "--format", "scim", "--with-hashes"],
            "no place for hashes",
        ),
        (&["--tenant", HERALD, "--filter", "x=1"], "the filter is refused"),
    ] {
        let output = process::run(&exported.settings, &[&["export"], arguments].concat(), "");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(reason), "{error}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

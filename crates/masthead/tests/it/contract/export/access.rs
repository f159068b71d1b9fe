//! Paths and credentials of the export.

use std::{
    thread,
    time::{Duration, Instant},
};

use masthead_testkit::contract_cases::{CaseAnswer, fixture::HERALD};
use serde_json::{Map, Value};

use super::{ExportCall, ExportServer, basic, each, identifiers, is_error};
use crate::support::process::setting;
use crate::{
    contract::server::contract_tenants,
    support::{
        http_client::{self, header},
        raw_http::FOREVER,
    },
};

const KEY_REQUIRED: &str = r#""message":"Authentication Header Required","type":"Authentication required""#;
const KEY_MISMATCH: &str = r#""message":"App Secret key mismatch. Please login to the dashboard to verify key","type":"Authentication required""#;
const SUSPENDED: &str = r#""message":"Your account is suspended.","type":"Account Suspended""#;

#[test]
fn export_has_two_paths() {
    let exports = ExportServer::start();
    let call = exports.call("herald", &identifiers("customer_id", &["2937"]));
    for target in [
        "/v1/customers/export?app_id=herald",
        "/v1/customers/export/?app_id=herald",
        "/v1/customers/export?other=1&app_id=herald",
        "/v1/customers/export?app_id=%68erald",
        "/v1/users/export/herald?app_id=herald",
        "/v1/users/export/herald/?app_id=herald",
        "/v1/users/export/herald",
        "/v1/users/export?app_id=herald",
    ] {
        let data = exports.data(&call.clone().at(target));
        assert_eq!(each(&data, "customer_id"), ["2937"], "{target}");
    }
}

#[test]
fn credentials_are_workspace_and_key() {
    let exports = ExportServer::start();
    let call = exports.call("herald", &identifiers("customer_id", &["2937"]));
    let key = exports.key("herald");
    let with = |value: &str| exports.send(&call.clone().with("Authorization", value));
    for scheme in ["Basic", "basic", "BASIC"] {
        let value = basic("herald", key).replacen("Basic", scheme, 1);
        assert_eq!(with(&value).status, 200, "{scheme}");
    }
    for value in ["", "Basic", "Basic !!!", "Bearer abc", "Basic aGVyYWxk"] {
        is_error(&with(value), 401, KEY_REQUIRED);
    }
    is_error(&exports.send(&call.clone().without("Authorization")), 401, KEY_REQUIRED);
    for (user, password) in [
        ("herald", "wrong"),
        ("herald", ""),
        ("herald", &*key.to_uppercase()),
        ("herald", exports.key("gazette")),
        ("nobody", key),
        ("HERALD", key),
        ("", key),
        ("her ald", key),
    ] {
        let answer = with(&basic(user, password));
        is_error(&answer, 401, KEY_MISMATCH);
        let challenge = header(&answer, "www-authenticate").unwrap();
        assert!(challenge.starts_with("Basic realm="), "{challenge}");
    }
}

#[test]
fn wrong_key_and_unknown_workspace_look_the_same() {
    let exports = ExportServer::start();
    let call = exports
        .call("herald", &identifiers("customer_id", &["2937"]))
        .with("X-RequestId", "the-same");
    let refused = |user: &str| {
        let call = call.clone().with("Authorization", &basic(user, "wrong"));
        let CaseAnswer {
            status,
            mut headers,
            body,
        } = exports.send(&call);
        headers.retain(|(name, _)| name != "date");
        (status, headers, body)
    };
    let users = ["herald", "nobody", "no workspace's name"];
    let answers = users.map(refused);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    // The log and the events do not differ either.
    let (log, database) = exports.server.stop();
    let lines = log.lines().filter(|line| line.contains("the-same")).map(|line| {
        let mut line: Map<String, Value> = serde_json::from_str(line).unwrap();
        line.retain(|key, _| key != "timestamp" && key != "duration_ms");
        line
    });
    let lines: Vec<_> = lines.collect();
    // Of each call the reason and the access line.
    assert!(
        lines.len() == 2 * users.len() && lines.chunks(2).all(|both| *both == lines[..2]),
        "{lines:?}"
    );
    let events = database.run(
        "SELECT count(*), count(DISTINCT (kind, pool, tenant, source_system, outcome, network, detail::text)), min(kind) FROM events
          WHERE request_id = 'the-same'",
    );
    assert_eq!(events.unwrap().trim(), "3|1|4907");
}

/// Repeats a call until a recent change is visible, which takes seconds.
fn until(exports: &ExportServer, call: &ExportCall, status: u16) -> CaseAnswer {
    let began = Instant::now();
    loop {
        let answer = exports.send(call);
        if answer.status == status {
            return answer;
        }
        assert!(began.elapsed() < FOREVER, "still {}: {}", answer.status, answer.body);
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn keys_are_hashed_and_rotate_without_downtime() {
    let exports = ExportServer::start();
    let call = exports.call("herald", &identifiers("customer_id", &["2937"]));
    assert_eq!(exports.send(&call).status, 200);
    let second = exports.command(&["workspace", "key", "herald"]);
    let by_second = call.clone().with("Authorization", &basic("herald", &second));
    until(&exports, &by_second, 200);
    assert_eq!(exports.send(&call).status, 200, "both open it");
    exports.command(&["workspace", "key", "herald", "--remove", "1"]);
    is_error(&until(&exports, &call, 401), 401, KEY_MISMATCH);
    assert_eq!(exports.send(&by_second).status, 200);

    let listed: Value = serde_json::from_str(&exports.command(&["workspace", "list", "--json"])).unwrap();
    let herald = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["workspace"] == "herald")
        .unwrap();
    assert_eq!(
        (&herald["tenant"], &herald["keys"][0]["number"]),
        (&HERALD.into(), &2.into())
    );
    let kept = exports
        .server
        .database
        .run("SELECT encode(hash, 'escape') || encode(hash, 'hex') FROM workspace_keys")
        .unwrap();
    for key in [&second, exports.key("herald")] {
        assert!(
            !kept.contains(key) && !listed.to_string().contains(key),
            "a key is kept"
        );
        assert!(key.len() >= 40, "a key can be guessed");
    }
    // Counted separately: a hash may contain a line break.
    let count = exports.server.database.run("SELECT count(*) FROM workspace_keys");
    assert_eq!(count.unwrap().trim(), "3");
}

#[test]
fn suspended_workspace_is_403_until_resumed() {
    let exports = ExportServer::start();
    let call = exports.call("herald", &identifiers("customer_id", &["2937"]));
    exports.command(&["workspace", "suspend", "herald"]);
    is_error(&exports.send(&call), 403, SUSPENDED);
    let stranger = call.clone().with("Authorization", &basic("herald", "wrong"));
    is_error(&exports.send(&stranger), 401, KEY_MISMATCH);
    exports.command(&["workspace", "resume", "herald"]);
    until(&exports, &call, 200);
    exports.command(&["workspace", "remove", "herald"]);
    is_error(&until(&exports, &call, 401), 401, KEY_MISMATCH);
}

#[test]
fn workspace_sees_only_its_tenant() {
    let exports = ExportServer::start();
    // Ann of the Herald and Anna of the Times have the same id.
    let data = exports.data(&exports.call("herald", &identifiers("customer_id", &["2937"])));
    assert_eq!(each(&data, "first_name"), ["Ann"]);
    let ann = exports.registration(HERALD, "2937");
    for (kind, identifier) in [("customer_id", "2937"), ("email", "ann@example.com"), ("id", &*ann)] {
        let (foreign, unknown) = (identifiers(kind, &[identifier]), identifiers(kind, &["999999999"]));
        let response_to = |body| {
            let call = exports.call("gazette", body).with("X-RequestId", "the-same");
            exports
                .send(&call)
                .body
                .replace(identifier, "?")
                .replace("999999999", "?")
        };
        assert_eq!(response_to(&foreign), response_to(&unknown), "{kind}");
    }
}

#[test]
fn app_id_must_equal_the_user_name() {
    let exports = ExportServer::start();
    let call = exports.call("herald", &identifiers("customer_id", &["2937"]));
    for target in [
        "/v1/customers/export",
        "/v1/customers/export?app_id=",
        "/v1/users/export",
    ] {
        let required = r#""message":"app_id is required in path/query params.","type":"ParamsRequired""#;
        is_error(&exports.send(&call.clone().at(target)), 400, required);
    }
    for target in [
        "/v1/customers/export?app_id=gazette",
        "/v1/customers/export?app_id=HERALD",
        "/v1/customers/export?app_id=herald&app_id=gazette",
        "/v1/users/export/gazette?app_id=herald",
        "/v1/users/export/herald?app_id=gazette",
    ] {
        let mismatch = r#""message":"App key mismatch in params and authentication""#;
        is_error(&exports.send(&call.clone().at(target)), 409, mismatch);
    }
}

/// RFC 7239 §4: only a configured proxy's own entry of the configured header is the client's address.
#[test]
fn audit_trusts_only_configured_proxies() {
    let (list, forwarded) = (
        "198.51.100.9, 203.0.113.195:5678",
        "for=198.51.100.9, FOR=\"[2001:db8:1:2::3]:443\"",
    );
    for (trusted, header, network) in [
        ("", "X-Forwarded-For", "127.0.0.0/24"),
        ("127.0.0.0/8", "X-Forwarded-For", "203.0.113.0/24"),
        ("127.0.0.0/8", "Forwarded", "2001:db8:1::/48"),
    ] {
        let exports = ExportServer::with(&contract_tenants(), |settings| {
            settings.push(setting("HTTP__TRUSTED_PROXIES", trusted));
            settings.push(setting("HTTP__FORWARDED_HEADER", header));
        });
        let call = exports.call("herald", &identifiers("customer_id", &["2937"]));
        let call = call.with("X-Forwarded-For", list).with("Forwarded", forwarded);
        assert_eq!(exports.send(&call).status, 200);
        let (_, database) = exports.server.stop();
        let kept = database
            .run("SELECT network FROM events WHERE kind = 4902 AND request_id <> 'warm'")
            .unwrap();
        assert_eq!(kept.trim(), network, "{trusted:?} {header}");
    }
}

#[test]
fn each_answered_call_has_an_audit_event() {
    let exports = ExportServer::start();
    let send = |workspace: &str, ids: &[&str], id: &str| {
        let call = exports
            .call(workspace, &identifiers("customer_id", ids))
            .with("X-RequestId", id);
        exports.send(&call)
    };
    assert_eq!(send("herald", &["2937", "nobody", "Search"], "some").status, 200);
    assert_eq!(send("herald", &["nobody"], "none").status, 200);
    assert_eq!(send("herald", &[], "refused").status, 400);
    assert_eq!(send("courier", &["auth0|1", "auth0|missing"], "silent").status, 200);
    assert_eq!(send("courier", &["auth0|missing"], "unknown").status, 200);
    let (log, database) = exports.server.stop();
    let events = database
        .run(
            "SELECT kind, tenant, request_id, source_system, outcome, users, registration_id IS NULL, network \
               FROM events WHERE kind = 4902 AND request_id <> 'warm' ORDER BY id",
        )
        .unwrap();
    let rows: Vec<_> = events.trim().lines().collect();
    assert_eq!(
        rows,
        [
            format!("4902|{HERALD}|some|herald|found|2|t|127.0.0.0/24"),
            format!("4902|{HERALD}|none|herald|absent|0|t|127.0.0.0/24"),
            "4902|south/post/courier|silent|courier|found|1|f|127.0.0.0/24".to_owned(),
            "4902|south/post/courier|unknown|courier|unknown|0|t|127.0.0.0/24".to_owned(),
        ]
    );
    assert!(log.contains(r#""route":"/v1/customers/export""#), "{log}");
    for secret in ["mhk_", "Basic ", "2937\""] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn other_methods_and_paths_are_refused() {
    let exports = ExportServer::start();
    let answer = http_client::get(exports.server.address, "/v1/customers/export?app_id=herald");
    is_error(
        &answer,
        405,
        r#""message":"Method Not Allowed","type":"MethodNotAllowed""#,
    );
    assert_eq!(header(&answer, "allow"), Some("POST"));
    for target in ["/v1/customers/export/a/b", "/v1/users/export/a/b"] {
        let answer = http_client::get(exports.server.address, target);
        is_error(&answer, 404, r#""message":"Not Found","type":"NotFound""#);
    }
}

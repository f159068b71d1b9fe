//! Where the export is found, and who is let in.

use std::{
    thread,
    time::{Duration, Instant},
};

use masthead_testkit::contract_cases::{CaseAnswer, fixture::HERALD};
use serde_json::{Map, Value};

use super::{Call, Exports, basic, each, is_error, of};
use crate::{
    support::wire::FOREVER,
    wire::{self, header},
    world::{of_the_contract, setting},
};

const KEY_REQUIRED: &str = r#""message":"Authentication Header Required","type":"Authentication required""#;
const KEY_MISMATCH: &str = r#""message":"App Secret key mismatch. Please login to the dashboard to verify key","type":"Authentication required""#;
const SUSPENDED: &str = r#""message":"Your account is suspended.","type":"Account Suspended""#;

#[test]
fn the_export_is_at_its_path_and_at_the_older_one() {
    let exports = Exports::start();
    let call = exports.call("herald", &of("customer_id", &["2937"]));
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
fn basic_credentials_are_the_workspace_and_one_of_its_keys() {
    let exports = Exports::start();
    let call = exports.call("herald", &of("customer_id", &["2937"]));
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
fn a_wrong_key_and_an_unknown_workspace_are_refused_in_the_same_words() {
    let exports = Exports::start();
    let call = exports
        .call("herald", &of("customer_id", &["2937"]))
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
    // Nor does the house note anything else of the one than of the other.
    let (log, database) = exports.world.end();
    let lines = log.lines().filter(|line| line.contains("the-same")).map(|line| {
        let mut line: Map<String, Value> = serde_json::from_str(line).unwrap();
        line.retain(|key, _| key != "timestamp" && key != "duration_ms");
        line
    });
    let lines: Vec<_> = lines.collect();
    assert!(
        lines.len() == users.len() && lines.iter().all(|line| *line == lines[0]),
        "{lines:?}"
    );
    let events = database.run("SELECT count(*) FROM events WHERE request_id = 'the-same'");
    assert_eq!(events.unwrap().trim(), "0");
}

/// Asks until the change of a moment ago is seen, which takes some seconds.
fn until(exports: &Exports, call: &Call, status: u16) -> CaseAnswer {
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
fn a_key_is_shown_once_kept_as_a_hash_and_rotated_without_a_pause() {
    let exports = Exports::start();
    let call = exports.call("herald", &of("customer_id", &["2937"]));
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
        .world
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
    // Counted apart: a hash may hold a line's end.
    let count = exports.world.database.run("SELECT count(*) FROM workspace_keys");
    assert_eq!(count.unwrap().trim(), "3");
}

#[test]
fn a_workspace_that_is_suspended_is_403_for_who_has_its_key_until_it_is_resumed() {
    let exports = Exports::start();
    let call = exports.call("herald", &of("customer_id", &["2937"]));
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
fn a_workspace_belongs_to_one_tenant_and_sees_nobody_elses_users() {
    let exports = Exports::start();
    // Ann of the Herald and Anna of the Times have the same id.
    let data = exports.data(&exports.call("herald", &of("customer_id", &["2937"])));
    assert_eq!(each(&data, "first_name"), ["Ann"]);
    let ann = exports.registration(HERALD, "2937");
    for (kind, identifier) in [("customer_id", "2937"), ("email", "ann@example.com"), ("id", &*ann)] {
        let (foreign, nobody) = (of(kind, &[identifier]), of(kind, &["999999999"]));
        let told = |body| {
            let call = exports.call("gazette", body).with("X-RequestId", "the-same");
            exports
                .send(&call)
                .body
                .replace(identifier, "?")
                .replace("999999999", "?")
        };
        assert_eq!(told(&foreign), told(&nobody), "{kind}");
    }
}

#[test]
fn app_id_must_be_given_and_equal_the_user_name() {
    let exports = Exports::start();
    let call = exports.call("herald", &of("customer_id", &["2937"]));
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

#[test]
fn x_forwarded_for_is_believed_from_trusted_proxies_alone_and_kept_as_a_network() {
    for (trusted, network) in [("", "127.0.0.0/24"), ("127.0.0.0/8", "203.0.113.0/24")] {
        let exports = Exports::with(&of_the_contract(), |settings| {
            settings.push(setting("HTTP__TRUSTED_PROXIES", trusted));
        });
        let call = exports.call("herald", &of("customer_id", &["2937"]));
        let call = call.with("X-Forwarded-For", "198.51.100.9, 203.0.113.195");
        assert_eq!(exports.send(&call).status, 200);
        let (_, database) = exports.world.end();
        let kept = database
            .run("SELECT network FROM events WHERE kind = 4902 AND request_id <> 'warm'")
            .unwrap();
        assert_eq!(kept.trim(), network, "{trusted:?}");
    }
}

/// RFC 7239 §4 and §6: port, brackets, zone, quotes and blank elements are not part of the address.
#[test]
fn the_audit_names_the_caller_however_its_proxy_writes_the_address() {
    let forms = [
        ("X-Forwarded-For", "198.51.100.9, 203.0.113.195:5678", "203.0.113.0/24"),
        (
            "X-Forwarded-For",
            "\"203.0.113.195\", 127.0.0.2:80, ,",
            "203.0.113.0/24",
        ),
        ("X-Forwarded-For", "[2001:db8:1:2::3]:443", "2001:db8:1::/48"),
        ("X-Forwarded-For", "2001:db8:1:2::3%eth0", "2001:db8:1::/48"),
        ("X-Forwarded-For", "unknown", "127.0.0.0/24"),
        (
            "Forwarded",
            "for=198.51.100.9, FOR=\"203.0.113.195:5678\";proto=https",
            "203.0.113.0/24",
        ),
        (
            "Forwarded",
            "by=127.0.0.1;for=\"[2001:db8:1:2::3]:443\", for=127.0.0.2",
            "2001:db8:1::/48",
        ),
        ("Forwarded", "for=_hidden", "127.0.0.0/24"),
    ];
    for header in ["X-Forwarded-For", "Forwarded"] {
        let exports = Exports::with(&of_the_contract(), |settings| {
            settings.push(setting("HTTP__TRUSTED_PROXIES", "127.0.0.0/8"));
            settings.push(setting("HTTP__FORWARDED_HEADER", header));
        });
        let written: Vec<_> = forms.iter().filter(|(name, ..)| *name == header).collect();
        for (_, value, _) in &written {
            // The other header is the client's own word.
            let other = if header == "Forwarded" {
                "X-Forwarded-For"
            } else {
                "Forwarded"
            };
            let call = exports.call("herald", &of("customer_id", &["2937"]));
            let call = call.with(other, "for=192.0.2.1").with(header, value);
            assert_eq!(exports.send(&call).status, 200);
        }
        let (_, database) = exports.world.end();
        let kept = database
            .run("SELECT network FROM events WHERE kind = 4902 AND request_id <> 'warm' ORDER BY id")
            .unwrap();
        let expected: Vec<_> = written.iter().map(|(.., network)| *network).collect();
        assert_eq!(kept.trim().lines().collect::<Vec<_>>(), expected, "{header}");
    }
}

#[test]
fn an_audit_event_is_written_for_each_call_and_none_for_a_refusal() {
    let exports = Exports::start();
    let ask = |workspace: &str, ids: &[&str], id: &str| {
        let call = exports.call(workspace, &of("customer_id", ids)).with("X-RequestId", id);
        exports.send(&call)
    };
    assert_eq!(ask("herald", &["2937", "nobody", "Search"], "some").status, 200);
    assert_eq!(ask("herald", &["nobody"], "none").status, 200);
    assert_eq!(ask("herald", &[], "refused").status, 400);
    assert_eq!(ask("courier", &["auth0|1", "auth0|nobody"], "silent").status, 200);
    assert_eq!(ask("courier", &["auth0|nobody"], "unknown").status, 200);
    let (log, database) = exports.world.end();
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
            "4902|south/post/courier|silent|courier|found|1|t|127.0.0.0/24".to_owned(),
            "4902|south/post/courier|unknown|courier|unknown|0|t|127.0.0.0/24".to_owned(),
        ]
    );
    assert!(log.contains(r#""route":"/v1/customers/export""#), "{log}");
    for secret in ["mhk_", "Basic ", "2937\""] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn other_methods_and_what_lies_below_are_refused_in_the_same_shape() {
    let exports = Exports::start();
    let answer = wire::get(exports.world.address, "/v1/customers/export?app_id=herald");
    is_error(
        &answer,
        405,
        r#""message":"Method Not Allowed","type":"MethodNotAllowed""#,
    );
    assert_eq!(header(&answer, "allow"), Some("POST"));
    for target in ["/v1/customers/export/a/b", "/v1/users/export/a/b"] {
        let answer = wire::get(exports.world.address, target);
        is_error(&answer, 404, r#""message":"Not Found","type":"NotFound""#);
    }
}

//! How much a workspace may ask for.

use masthead_testkit::contract_cases::world::GAZETTE;
use serde_json::json;

use super::{Exports, each, is_error, list, of};
use crate::wire::header;

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("g-{n:02}")).collect()
}

fn body(count: usize) -> serde_json::Value {
    let ids = ids(count);
    of("customer_id", &ids.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_payload_may_hold_20_identifiers_or_what_the_workspace_is_set_to() {
    let mut exports = Exports::start();
    exports.add("few", GAZETTE, &["--identifiers-per-payload", "3"]);
    exports.add("many", GAZETTE, &["--identifiers-per-payload", "1000"]);
    for (workspace, most) in [("gazette", 20), ("few", 3), ("many", 1_000)] {
        let data = exports.data(&exports.call(workspace, &body(most)));
        let (users, not_found) = (&data["users"], &data["users_not_found"]);
        let answered = users.as_array().unwrap().len() + not_found.as_array().unwrap().len();
        assert_eq!(answered, most, "{workspace}");
        let answer = exports.send(&exports.call(workspace, &body(most + 1)));
        let error = format!(r#""attribute":"users","message":"max limit allowed is {most}","type":"LimitBreached""#);
        is_error(&answer, 400, &error);
    }
}

#[test]
fn a_body_may_have_128_kilobytes_or_what_the_workspace_is_set_to() {
    let mut exports = Exports::start();
    exports.add("narrow", GAZETTE, &["--body-kilobytes", "1"]);
    exports.add("wide", GAZETTE, &["--body-kilobytes", "300"]);
    let identifiers = list("customer_id", &["g-01"]);
    for (workspace, kilobytes) in [("gazette", 128), ("narrow", 1), ("wide", 300)] {
        let of_size = |bytes: usize| {
            let text = json!({"identifiers": identifiers}).to_string();
            exports
                .call(workspace, &json!({}))
                .saying(&(text.clone() + &" ".repeat(bytes - text.len())))
        };
        let data = exports.data(&of_size(kilobytes * 1_024));
        assert_eq!(each(&data, "customer_id"), ["g-01"], "{workspace}");
        let error = format!(r#""message":"Payload size exceeds {kilobytes} KB","type":"PayloadTooLarge""#);
        is_error(&exports.send(&of_size(kilobytes * 1_024 + 1)), 413, &error);
    }
}

#[test]
fn more_users_in_a_minute_than_allowed_are_429_with_retry_after() {
    let mut exports = Exports::start();
    exports.add("slow", GAZETTE, &["--users-per-minute", "30"]);
    exports.add("other", GAZETTE, &["--users-per-minute", "30"]);
    let call = exports.call("slow", &body(20));
    assert_eq!(exports.send(&call).status, 200);
    let error = r#""message":"Rate limit exceeded","type":"RateLimitError""#;
    let began = std::time::Instant::now();
    let answer = exports.send(&call);
    // Whoever is stopped for a minute between two calls has waited long enough.
    if began.elapsed() < std::time::Duration::from_secs(30) {
        is_error(&answer, 429, error);
        let wait: u32 = header(&answer, "retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    // What was refused was not taken, and what is too much is not made less by asking from elsewhere.
    let fewer = exports.call("slow", &body(10)).with("X-Forwarded-For", "203.0.113.7");
    assert_eq!(exports.send(&fewer).status, 200);
    assert_eq!(
        exports.send(&exports.call("other", &body(20))).status,
        200,
        "each has its own"
    );
}

#[test]
fn limits_that_cannot_be_are_refused_and_nothing_is_made() {
    let exports = Exports::start();
    for settings in [
        ["--identifiers-per-payload", "1001"],
        ["--identifiers-per-payload", "0"],
        ["--users-per-minute", "19"],
        ["--body-kilobytes", "0"],
    ] {
        let arguments = [&["workspace", "add", "odd", "--tenant", GAZETTE][..], &settings].concat();
        let refused = crate::support::served::run(&exports.settings(), &arguments, "");
        assert_eq!(refused.status.code(), Some(1), "{settings:?}");
    }
    for arguments in [
        &["workspace", "add", "gazette", "--tenant", GAZETTE][..],
        &["workspace", "add", "odd", "--tenant", "north/daily/nowhere"],
        &["workspace", "set", "odd", "--strict"],
        &["workspace", "key", "odd"],
        &["workspace", "key", "gazette", "--remove", "7"],
        &["workspace", "suspend", "odd"],
        &["workspace", "remove", "odd"],
    ] {
        let refused = crate::support::served::run(&exports.settings(), arguments, "");
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
    }
    assert_eq!(exports.command(&["workspace", "list"]).lines().count(), 3);
}

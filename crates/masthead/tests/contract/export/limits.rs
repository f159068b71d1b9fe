//! How much a workspace may ask for.

use masthead_testkit::contract_cases::fixture::GAZETTE;
use serde_json::json;

use super::{Call, Exports, each, is_error, list, of};
use crate::{
    wire::header,
    world::{of_the_contract, setting},
};

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

/// Makes calls by their numbers until one is refused for its rate. A machine that is busy for a minute between two of them
/// may let some pass, but not all; and they are fewer than the addresses that are told apart.
fn until_too_many(exports: &Exports, call: impl Fn(u8) -> Call) {
    for number in 1..16 {
        let answer = exports.send(&call(number));
        if answer.status == 200 {
            continue;
        }
        let error = r#""message":"Rate limit exceeded","type":"RateLimitError""#;
        is_error(&answer, 429, error);
        let wait: u32 = header(&answer, "retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        return;
    }
    panic!("nothing is too much");
}

#[test]
fn more_users_in_a_minute_than_allowed_are_429_with_retry_after() {
    let mut exports = Exports::start();
    exports.add("slow", GAZETTE, &["--users-per-minute", "30"]);
    exports.add("other", GAZETTE, &["--users-per-minute", "30"]);
    until_too_many(&exports, |_| exports.call("slow", &body(20)));
    // What was refused was not taken, and each workspace has its own.
    for (workspace, users) in [("slow", 10), ("other", 20)] {
        let answer = exports.send(&exports.call(workspace, &body(users)));
        assert_eq!(answer.status, 200, "{workspace}");
    }
}

/// A server that trusts these proxies, with a workspace that has little room.
fn behind(trusted: &str) -> Exports {
    let mut exports = Exports::with(&of_the_contract(), |settings| {
        settings.push(setting("HTTP__TRUSTED_PROXIES", trusted));
    });
    exports.add("slow", GAZETTE, &["--users-per-minute", "30"]);
    exports
}

fn forwarded(exports: &Exports, addresses: &str) -> Call {
    exports.call("slow", &body(20)).with("X-Forwarded-For", addresses)
}

#[test]
fn x_forwarded_for_is_used_for_the_rate_limit() {
    let exports = behind("127.0.0.0/8");
    until_too_many(&exports, |_| forwarded(&exports, "203.0.113.7"));
    let another = exports.send(&forwarded(&exports, "203.0.113.9"));
    assert_eq!(another.status, 200, "each address has its own");
    // Of IPv6 a network has many addresses for one.
    until_too_many(&exports, |n| forwarded(&exports, &format!("2001:db8:7:7::{n}")));
    assert_eq!(exports.send(&forwarded(&exports, "2001:db8:7:8::1")).status, 200);
}

#[test]
fn x_forwarded_for_is_no_way_around_the_rate_limit() {
    // What stands before the address that the proxy saw is the caller's own invention.
    let exports = behind("127.0.0.0/8");
    until_too_many(&exports, |n| {
        forwarded(&exports, &format!("198.51.100.{n}, 203.0.113.8"))
    });
    // So is everything where no proxy is trusted.
    let exports = behind("");
    until_too_many(&exports, |n| forwarded(&exports, &format!("198.51.100.{n}")));
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

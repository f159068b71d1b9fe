//! What is asked for: identifiers, fields, and where they stand.

use masthead_testkit::contract_cases::fixture::{GAZETTE, HERALD};
use serde_json::json;

use super::{Exports, each, is_error, list, of, one};

#[test]
fn identifiers_and_fields_stand_at_the_root_or_under_data() {
    let exports = Exports::start();
    let (identifiers, fields) = (list("customer_id", &["2937"]), json!(["last_name"]));
    for body in [
        json!({"identifiers": identifiers, "user_fields_to_export": fields}),
        json!({"data": {"identifiers": identifiers, "user_fields_to_export": fields}}),
        json!({"data": {"identifiers": identifiers}, "user_fields_to_export": fields}),
        json!({"data": {"user_fields_to_export": fields}, "identifiers": identifiers}),
    ] {
        let data = exports.data(&exports.call("herald", &body));
        assert_eq!(each(&data, "last_name"), ["Lee"], "{body}");
        assert_eq!(
            data["users"][0]["user_attributes"].as_object().unwrap().len(),
            2,
            "{body}"
        );
    }
}

#[test]
fn an_identifier_is_the_crid_the_registration_or_the_address() {
    let exports = Exports::start();
    let number = exports.registration(HERALD, "2937");
    for (kind, identifier) in [
        ("customer_id", "2937"),
        ("id", &*number),
        ("moengage_id", &*number),
        ("email", "Ann@Example.com"),
        ("email", "ann@EXAMPLE.com"),
    ] {
        let data = exports.data(&exports.call("herald", &of(kind, &[identifier])));
        assert_eq!(each(&data, "customer_id"), ["2937"], "{kind} {identifier}");
        assert_eq!(each(&data, "id"), [&*number], "{kind} {identifier}");
        assert_eq!(data["users_not_found"], json!([]));
        assert!(data.get("users_unresolved").is_none());
    }
    // A part of an address, another number, and an id in other letters name no user.
    for (kind, identifier) in [
        ("email", "example.com"),
        ("id", "9223372036854775807"),
        ("customer_id", "SEARCH"),
    ] {
        let data = exports.data(&exports.call("herald", &of(kind, &[identifier])));
        assert_eq!(data["users_not_found"], json!([one(kind, identifier)]));
        assert_eq!(data["users"], json!([]));
    }
}

#[test]
fn kinds_of_identifier_may_be_mixed_and_the_order_of_the_request_is_kept() {
    let exports = Exports::start();
    let number = exports.registration(GAZETTE, "g-03");
    let identifiers = json!([
        one("customer_id", "g-20"),
        one("email", "reader21@example.org"),
        one("customer_id", "nobody"),
        one("id", &number),
        one("email", "nobody@example.org"),
        one("customer_id", "g-01"),
    ]);
    let data = exports.data(&exports.call("gazette", &json!({"identifiers": identifiers})));
    assert_eq!(each(&data, "customer_id"), ["g-20", "g-05", "g-03", "g-01"]);
    let not_found = json!([one("customer_id", "nobody"), one("email", "nobody@example.org")]);
    assert_eq!(data["users_not_found"], not_found);
}

#[test]
fn the_same_identifier_twice_is_answered_once() {
    let exports = Exports::start();
    let identifiers = list(
        "customer_id",
        &["g-02", "nobody", "g-01", "g-02", "nobody", "g-01", "g-02"],
    );
    let data = exports.data(&exports.call("gazette", &json!({"identifiers": identifiers})));
    assert_eq!(each(&data, "customer_id"), ["g-02", "g-01"]);
    assert_eq!(data["users_not_found"], list("customer_id", &["nobody"]));
}

#[test]
fn two_identifiers_of_one_user_are_two_requests() {
    let exports = Exports::start();
    let identifiers = json!([
        one("customer_id", "2937"),
        one("customer_id", "Search"),
        one("email", "ann@example.com"),
    ]);
    let data = exports.data(&exports.call("herald", &json!({"identifiers": identifiers})));
    assert_eq!(each(&data, "customer_id"), ["2937", "Search", "2937"]);
}

#[test]
fn reserved_identifiers_never_match() {
    // The tenant of this test has users of these very ids.
    let reserved = [
        "unknown", "guest", "null", "0", "1", "true", "false", "na", "n/a", "none",
    ];
    let mut loaded = crate::world::of_the_contract();
    for loaded in loaded.iter_mut().filter(|loaded| loaded.tenant == HERALD) {
        let people = reserved.map(|id| masthead_testkit::accounts::account(id, &format!("{id}@example.net"), "A", "B"));
        loaded.accounts.extend(people);
    }
    let exports = Exports::with(&loaded, |_| {});
    for kind in ["customer_id", "id", "moengage_id", "email"] {
        let data = exports.data(&exports.call("herald", &of(kind, &reserved)));
        assert_eq!(
            (&data["users"], &data["users_not_found"]),
            (&json!([]), &list(kind, &reserved))
        );
        let data = exports.data(&exports.call("herald", &of(kind, &["Unknown", "NULL", "N/A"])));
        assert_eq!(data["users"], json!([]));
    }
}

#[test]
fn an_unknown_type_an_empty_identifier_and_one_that_is_no_text_are_400_with_their_index() {
    let exports = Exports::start();
    let good = one("customer_id", "2937");
    let texts = "must be an object with the texts identifier_type and identifier, each once";
    for (bad, place, what) in [
        (
            one("phone", "1"),
            ".identifier_type",
            "must be one of customer_id, id, moengage_id, email",
        ),
        (
            one("", "1"),
            ".identifier_type",
            "must be one of customer_id, id, moengage_id, email",
        ),
        (one("customer_id", ""), ".identifier", "must not be empty"),
        (json!({"identifier_type": "id", "identifier": 7}), "", texts),
        (json!({"identifier_type": "id", "identifier": null}), "", texts),
        (json!({"identifier_type": "id"}), "", texts),
        (json!({"identifier": "7"}), "", texts),
        (json!("2937"), "", texts),
        (json!(null), "", texts),
        (json!(["id", "7"]), "", texts),
        (json!({}), "", texts),
    ] {
        let answer = exports.send(&exports.call("herald", &json!({"identifiers": [good, good, bad]})));
        let place = format!("identifiers[2]{place}");
        let error = format!(r#""attribute":"{place}","message":"{place} {what}","type":"InvalidAttributeError""#);
        is_error(&answer, 400, &error);
    }
}

#[test]
fn identifiers_that_are_missing_or_none_are_400() {
    let exports = Exports::start();
    let missing = r#""attribute":"identifiers","message":"identifiers is not found in the payload","type":"MissingAttributeError""#;
    for body in [
        json!({"identifiers": []}),
        json!({"data": {"identifiers": []}}),
        json!({"data": {}}),
        json!({"identifiers": null}),
        json!({"user_fields_to_export": ["name"]}),
        json!({"other": 1}),
    ] {
        is_error(&exports.send(&exports.call("herald", &body)), 400, missing);
    }
    let empty = r#""attribute":"data","message":"data is not found in the payload","type":"MissingAttributeError""#;
    for body in ["{}", " { \n } "] {
        is_error(
            &exports.send(&exports.call("herald", &json!({})).saying(body)),
            400,
            empty,
        );
    }
    for (body, place, what) in [
        (json!({"identifiers": "2937"}), "identifiers", "must be a list"),
        (
            json!({"identifiers": {"identifier": "7"}}),
            "identifiers",
            "must be a list",
        ),
        (json!({"data": [1]}), "data", "must be an object without repeated keys"),
        (
            json!({"identifiers": list("id", &["7"]), "user_fields_to_export": "name"}),
            "user_fields_to_export",
            "must be a list of texts",
        ),
        (
            json!({"identifiers": list("id", &["7"]), "user_fields_to_export": ["name", 7]}),
            "user_fields_to_export",
            "must be a list of texts",
        ),
    ] {
        let error = format!(r#""attribute":"{place}","message":"{place} {what}","type":"InvalidAttributeError""#);
        is_error(&exports.send(&exports.call("herald", &body)), 400, &error);
    }
}

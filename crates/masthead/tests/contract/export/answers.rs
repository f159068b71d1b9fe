//! What is answered: attributes, their order, and of whom nobody can tell.

use masthead_testkit::contract_cases::fixture::HERALD;
use serde_json::json;

use super::{Exports, each, list, of};
use crate::wire::header;

#[test]
fn the_owners_sample_response_is_reproduced_key_by_key_in_order() {
    let exports = Exports::start();
    let number = exports.registration(HERALD, "2937");
    let body = json!({
        "identifiers": list("customer_id", &["john_doe", "2937"]),
        "user_fields_to_export": ["last_name", "customer_id", "name", "favouriteSection"],
    });
    let answer = exports.send(&exports.call("herald", &body));
    let expected = format!(
        concat!(
            r#"{{"status":"success","type":"export_users","data":{{"#,
            r#""users_not_found":[{{"identifier_type":"customer_id","identifier":"john_doe"}}],"#,
            r#""users":[{{"user_attributes":{{"last_name":"Lee","customer_id":"2937","name":"Ann Lee","#,
            r#""favouriteSection":"sport \"late\"","id":"{}"}}}}]}}}}"#
        ),
        number
    );
    assert_eq!((answer.status, &*answer.body), (200, &*expected));
    assert_eq!(header(&answer, "content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(header(&answer, "cache-control"), Some("no-store"));
}

#[test]
fn no_field_named_is_every_standard_attribute_that_is_set_and_all_metadata() {
    let exports = Exports::start();
    let number = exports.registration(HERALD, "2937");
    let answer = exports.send(&exports.call("herald", &of("customer_id", &["2937"])));
    let expected = format!(
        concat!(
            r#"{{"customer_id":"2937","id":"{}","name":"Ann Lee","first_name":"Ann","last_name":"Lee","#,
            r#""email":"Ann@Example.com","first_seen":"2020-01-02T03:04:05.000Z","#,
            r#""title":"Dr","city":"Århus","badge":"Gold","favouriteSection":"sport \"late\""}}"#
        ),
        number
    );
    assert!(answer.body.contains(&expected), "{}", answer.body);
    // An empty list of fields names none.
    let mut body = of("customer_id", &["2937"]);
    body["user_fields_to_export"] = json!([]);
    let answer = exports.send(&exports.call("herald", &body));
    assert!(answer.body.contains(&expected), "{}", answer.body);
}

#[test]
fn fields_named_are_those_and_id_by_their_long_or_short_names() {
    let mut loaded = crate::world::of_the_contract();
    let whole = masthead_testkit::accounts::with_metadata(
        masthead_testkit::accounts::account("whole", "whole@example.net", "Wil", "Hole"),
        &[
            ("cellPhone", "555-0123"),
            ("gender", "F"),
            ("dob", "1980-02-29"),
            ("city", "Oslo"),
        ],
    );
    loaded[0].accounts.push(whole);
    let exports = Exports::with(&loaded, |_| {});
    exports
        .world
        .database
        .run("UPDATE registrations SET last_logout_at = '2024-05-06T07:08:09Z' WHERE crid = 'whole'")
        .unwrap();
    let number = exports.registration(HERALD, "whole");
    for (names, value) in [
        (["customer_id", "uid"], "whole"),
        (["id", "id"], &*number),
        (["name", "u_n"], "Wil Hole"),
        (["first_name", "u_fn"], "Wil"),
        (["last_name", "u_ln"], "Hole"),
        (["email", "u_em"], "whole@example.net"),
        (["mobile", "u_mb"], "555-0123"),
        (["gender", "u_gd"], "F"),
        (["birthday", "u_bd"], "1980-02-29"),
        (["first_seen", "cr_t"], "2020-01-02T03:04:05.000Z"),
        (["last_seen", "u_l_a"], "2024-05-06T07:08:09.000Z"),
        (["city", "city"], "Oslo"),
    ] {
        for name in names {
            let mut body = of("customer_id", &["whole"]);
            body["user_fields_to_export"] = json!([name]);
            let data = exports.data(&exports.call("herald", &body));
            let mut expected = json!({"id": number});
            expected[name] = json!(value);
            assert_eq!(data["users"], json!([{"user_attributes": expected}]), "{name}");
        }
    }
    let mut body = of("customer_id", &["whole"]);
    body["user_fields_to_export"] = json!(["badge", "name", "badge", "Email"]);
    let answer = exports.send(&exports.call("herald", &body));
    let expected = format!(r#"{{"badge":null,"name":"Wil Hole","Email":null,"id":"{number}"}}"#);
    assert!(answer.body.contains(&expected), "{}", answer.body);
}

#[test]
fn each_identifier_is_exactly_once_in_users_not_found_or_unresolved() {
    let exports = Exports::start();
    // Nobody answers in the place of this tenant's provider: those whom the store has are told, of the others nobody can tell.
    let number = exports.registration("south/post/courier", "auth0|2");
    let identifiers = json!([
        super::one("customer_id", "auth0|nobody"),
        super::one("customer_id", "auth0|1"),
        super::one("email", "nobody@example.com"),
        super::one("customer_id", "guest"),
        super::one("id", &number),
        super::one("id", "999999999"),
    ]);
    let answer = exports.send(&exports.call("courier", &json!({"identifiers": identifiers})));
    assert!(
        answer.body.starts_with(r#"{"status":"success","type":"export_users","data":{"users_not_found":["#)
            && answer.body.ends_with(
                r#""users_unresolved":[{"identifier_type":"customer_id","identifier":"auth0|nobody"},{"identifier_type":"email","identifier":"nobody@example.com"}]}}"#
            ),
        "{}",
        answer.body
    );
    let data = &serde_json::from_str::<serde_json::Value>(&answer.body).unwrap()["data"];
    assert_eq!(each(data, "customer_id"), ["auth0|1", "auth0|2"]);
    let not_found = json!([super::one("customer_id", "guest"), super::one("id", "999999999")]);
    assert_eq!(data["users_not_found"], not_found);
}

#[test]
fn a_strict_workspace_or_request_is_503_where_somebody_cannot_be_told_of() {
    let mut exports = Exports::start();
    exports.add("strict", "south/post/courier", &["--strict"]);
    let unresolved = of("customer_id", &["auth0|1", "auth0|nobody"]);
    let lenient = exports.call("courier", &unresolved);
    let error = r#""message":"A source that should know did not answer","type":"ServiceUnavailable""#;
    for call in [
        exports.call("strict", &unresolved),
        exports
            .call("strict", &unresolved)
            .at("/v1/customers/export?app_id=strict&strict=false"),
        lenient.clone().at("/v1/customers/export?app_id=courier&strict=true"),
    ] {
        let answer = exports.send(&call);
        super::is_error(&answer, 503, error);
        let wait = header(&answer, "retry-after").unwrap();
        assert!((1..=60).contains(&wait.parse::<u32>().unwrap()), "{wait}");
    }
    for call in [
        lenient.clone(),
        lenient.clone().at("/v1/customers/export?app_id=courier&strict=false"),
        exports.call("strict", &of("customer_id", &["auth0|1", "guest"])),
    ] {
        assert_eq!(exports.send(&call).status, 200);
    }
    let odd = lenient.at("/v1/customers/export?app_id=courier&strict=perhaps");
    super::is_error(
        &exports.send(&odd),
        400,
        r#""message":"strict cannot be understood","type":"InvalidParams""#,
    );
}

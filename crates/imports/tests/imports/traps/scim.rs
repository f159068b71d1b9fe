//! SCIM.

use serde_json::{Value, json};

use crate::support::one;

#[test]
fn external_id_comes_before_the_id() {
    let user = |external: Value| json!({"schemas": [], "id": "s-1", "externalId": external, "userName": "ann"});
    assert_eq!(
        one("scim", &json!({"Resources": [user(json!("2937"))]}))["id"],
        json!("2937")
    );
    assert_eq!(
        one("scim", &json!({"Resources": [user(json!(null))]}))["id"],
        json!("s-1")
    );
}

#[test]
fn primary_address_comes_first() {
    let emails = json!([{"value": "work@example.com", "type": "work"}, {"value": "ann@example.com", "primary": true}]);
    assert_eq!(
        one("scim", &json!({"id": "1", "userName": "ann", "emails": emails}))["email"],
        json!("ann@example.com")
    );
    let none = json!([{"value": "work@example.com"}]);
    assert_eq!(
        one("scim", &json!({"id": "1", "userName": "ann", "emails": none}))["email"],
        json!("work@example.com")
    );
}

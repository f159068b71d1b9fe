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

/// What `masthead export --format scim` adds.
#[test]
fn extension_of_masthead_is_read() {
    let own =
        json!({"verified": true, "lastLogoutDate": "2021-02-03T04:05:06Z", "metadata": {"city": "Oslo", "a.b": "c"}});
    let user = json!({"id": "1", "userName": "ann@example.com", "schemas": [], "urn:masthead:scim:schemas:User": own});
    let expected = json!({
        "id": "1", "email": "ann@example.com", "verified": true, "lastLogout": "2021-02-03T04:05:06Z",
        "metadata": {"city": "Oslo", "a.b": "c"},
    });
    assert_eq!(one("scim", &user), expected);
}

//! FusionAuth.

use serde_json::json;

use super::auto;
use crate::support::one;

#[test]
fn required_change_drops_the_hash() {
    let user = |more: bool| {
        json!({"email": "ann@example.com", "id": "1", "verified": true, "passwordChangeRequired": more, "encryptionScheme": "bcrypt",
            "factor": 10, "salt": "3az9sEbCjOfqXF/eMuu64.", "password": "iV79oAFhH7CZLFwMrHPN63LI8H5l0P."})
    };
    assert_eq!(
        one("fusionauth", &user(true))["unusable"],
        json!("passwordChangeRequired")
    );
    assert_eq!(one("fusionauth", &user(false))["scheme"], json!("bcrypt-10"));
}

#[test]
fn users_of_the_search_have_no_hash() {
    let user = json!({"id": "1", "email": "ann@example.com", "verified": true, "active": true, "insertInstant": 1_600_000_000_456_u64, "registrations": []});
    let expected =
        json!({"id": "1", "email": "ann@example.com", "verified": true, "registered": "2020-09-13T12:26:40.456Z"});
    assert_eq!(
        auto("fusionauth", json!({"users": [user], "total": 1}).to_string()),
        [expected]
    );
}

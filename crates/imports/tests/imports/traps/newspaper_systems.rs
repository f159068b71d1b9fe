//! Zephr, Piano and SuperTokens.

use serde_json::json;

use super::{BCRYPT, auto};

#[test]
fn zephr_attributes_may_be_in_two_places() {
    for inside in [true, false] {
        let attributes = json!({"first-name": "Ann", "city": "Oslo"});
        let mut entry = json!({"user": {"user_id": "z-1", "identifiers": {"email_address": "ann@example.com"}, "email_verified": true,
            "registered": "2020-09-13T12:26:40Z", "tracking_id": "t", "registration_tenant": "north|herald"}, "seq-no": 1});
        let place = if inside { "/user" } else { "" };
        entry.pointer_mut(place).unwrap()["attributes"] = attributes;
        let expected = json!({
            "id": "z-1", "email": "ann@example.com", "verified": true, "firstName": "Ann", "metadata": {"city": "Oslo"},
            "registered": "2020-09-13T12:26:40Z",
        });
        assert_eq!(auto("zephr", json!([entry]).to_string()), [expected]);
    }
}

#[test]
fn piano_custom_fields_become_metadata() {
    let user = json!({"uid": "PNI1", "email": "ann@example.com", "personal_name": "Ann Berg", "create_date": 1_600_000_000,
        "custom_fields": [{"field_name": "city", "value": "Oslo"}, {"field_name": "topics", "value": ["a", "b"]}]});
    let rows = auto("piano", json!({"users": [user]}).to_string());
    assert_eq!(
        rows[0]["metadata"],
        json!({"city": "Oslo", "topics": "[\"a\",\"b\"]", "displayName": "Ann Berg"})
    );
}

/// Times in milliseconds.
#[test]
fn supertokens_bulk_file_is_read() {
    let user = json!({"externalUserId": "e-1", "userMetadata": {"first_name": "Ann", "city": "Oslo"}, "userRoles": [], "loginMethods": [
        {"recipeId": "thirdparty", "email": "ann@other.example"},
        {"recipeId": "emailpassword", "email": "ann@example.com", "isVerified": true, "isPrimary": true, "passwordHash": BCRYPT,
            "hashingAlgorithm": "bcrypt", "timeJoinedInMSSinceEpoch": 1_600_000_000_456_u64},
    ]});
    let expected = json!({
        "id": "e-1", "email": "ann@example.com", "verified": true, "firstName": "Ann", "hash": BCRYPT, "scheme": "bcrypt-10",
        "metadata": {"city": "Oslo"}, "registered": "2020-09-13T12:26:40.456Z",
    });
    assert_eq!(auto("supertokens", json!({"users": [user]}).to_string()), [expected]);
}

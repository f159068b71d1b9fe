//! Gigya.

use serde_json::{Value, json};

use super::auto;
use crate::support::one;

fn account(more: Value) -> Value {
    let mut account = json!({"UID": "_guid_1=", "isVerified": true, "isRegistered": true});
    account
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    one("gigya", &account)
}

#[test]
fn address_of_the_profile_need_not_be_a_login() {
    let shown =
        account(json!({"loginIDs": {"emails": ["login@example.com"]}, "profile": {"email": "other@example.com"}}));
    assert_eq!(shown["email"], json!("login@example.com"));
    assert_eq!(
        account(json!({"profile": {"email": "other@example.com"}}))["email"],
        json!("other@example.com")
    );
}

#[test]
fn verified_needs_the_address_among_the_verified() {
    let verified = |emails: Value| {
        let shown = account(json!({"loginIDs": {"emails": ["ann@example.com"]}, "emails": {"verified": emails}}));
        shown["verified"] == json!(true)
    };
    assert!(verified(json!(["Ann@Example.com"])));
    assert!(!verified(json!(["other@example.com"])));
    assert!(!verified(json!([])));
}

#[test]
fn unregistered_account_has_no_hash() {
    let password = json!({"hash": "uLSXpVUZn4P35vmJ5GKWEg==", "hashSettings": {"algorithm": "pbkdf2", "rounds": 3000, "salt": "AAECAwQFBgcICQoLDA0ODw=="}});
    assert!(account(json!({"password": password})).get("hash").is_some());
    let lite = account(json!({"password": password, "isRegistered": false}));
    assert_eq!((lite.get("hash"), &lite["unusable"]), (None, &json!("not registered")));
}

#[test]
fn created_takes_the_place_of_registered() {
    let created = account(json!({"created": "2020-09-13T12:26:40Z", "createdTimestamp": 1_600_000_000_000_u64}));
    assert_eq!(created["registered"], json!("2020-09-13T12:26:40Z"));
}

#[test]
fn day_of_birth_is_put_together() {
    let metadata = |profile: Value| account(json!({"profile": profile}))["metadata"].clone();
    let all = metadata(json!({"birthDay": 6, "birthMonth": 5, "birthYear": 1980}));
    assert_eq!(all, json!({"dob": "1980-05-06", "dobYYYY": "1980"}));
    assert_eq!(metadata(json!({"birthYear": 1980})), json!({"dobYYYY": "1980"}));
}

#[test]
fn mobile_phone_is_picked_by_its_type() {
    let phones = json!([{"number": "1", "type": "home"}, {"number": "2", "type": "mobile"}]);
    assert_eq!(
        account(json!({"profile": {"phones": phones}}))["metadata"],
        json!({"cellPhone": "2", "phoneNumber": "1"})
    );
}

/// Data flows: fields are not quoted, and `\` makes a comma part of the value.
#[test]
fn escaped_comma_belongs_to_the_value() {
    let text = "UID,loginIds.emails,profile.lastName,isVerified,profile.education.0.degree\n\
        _guid_1=,ann@example.com\\,bo@example.com,\"Berg\\, Ann\\\\,TRUE,MA\n";
    let expected = json!({
        "id": "_guid_1=", "email": "ann@example.com", "lastName": "\"Berg, Ann\\", "verified": true,
        "metadata": {"education.0.degree": "MA"},
    });
    assert_eq!(auto("gigya-dataflow", text), [expected]);
}

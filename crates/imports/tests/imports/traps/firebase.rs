//! Firebase.

use serde_json::json;

use super::auto;
use crate::support::one;

/// A row with this photo; four providers have no values.
fn row(photo: &str, end: &str) -> String {
    format!(
        "a1,ann@example.com,true,,,Ann,{photo},{}1600000000456,,,{end}\n",
        ",".repeat(16)
    )
}

#[test]
fn comma_in_a_url_rejects_the_row() {
    let text = row("https://img.example/a,b.png", "false,,") + &row("https://img.example/a.png", "false,,");
    let rows = auto("firebase", text);
    assert_eq!((&rows[0]["code"], &rows[0]["line"]), (&json!("malformed"), &json!(1)));
    assert_eq!(rows[1]["metadata"]["photo"], json!("https://img.example/a.png"));
}

#[test]
fn older_files_with_fewer_columns_are_read() {
    for end in ["false", "false,\"{\"\"tier\"\":3}\"", "false,\"{\"\"tier\"\":3}\","] {
        let rows = auto("firebase", row("", end));
        assert_eq!(
            (&rows[0]["id"], &rows[0]["registered"]),
            (&json!("a1"), &json!("2020-09-13T12:26:40.456Z"))
        );
    }
}

#[test]
fn base64_of_the_rest_api_is_accepted() {
    let standard = json!({"localId": "a1", "emailVerified": true, "email": "ann@example.com", "salt": "AAEC+/8=",
        "passwordHash": "F6T28SGts3WFvYefpToFWt6WZxQ0nMEgSWvpRW77yiYFkmDc4SsAGnzC0mFyKMS5UeO3tiB3hi+xKKEZvVrWWg=="});
    let url_safe = standard.to_string().replace('+', "-").replace('/', "_");
    let (standard, url_safe) = (
        one("firebase", &standard),
        one("firebase", &serde_json::from_str(&url_safe).unwrap()),
    );
    assert!(standard.get("hash").is_some());
    assert_eq!(standard, url_safe);
}

#[test]
fn user_without_hash_is_kept() {
    let user = json!({"localId": "a1", "email": "ann@example.com", "emailVerified": true, "salt": ""});
    assert_eq!(
        one("firebase", &user),
        json!({"id": "a1", "email": "ann@example.com", "verified": true})
    );
}

#[test]
fn phone_user_is_kept_and_anonymous_is_not() {
    let phone = one("firebase", &json!({"localId": "a1", "phoneNumber": "+4700000001"}));
    assert_eq!(
        phone,
        json!({"id": "a1", "metadata": {"cellPhone": "+4700000001"}, "verifiedMissing": true})
    );
    let anonymous = one(
        "firebase",
        &json!({"localId": "a2", "createdAt": "1600000000456", "providerUserInfo": []}),
    );
    assert_eq!(anonymous["code"], json!("not_a_person"));
}

#[test]
fn disabled_user_is_blocked() {
    let user = json!({"localId": "a1", "email": "ann@example.com", "disabled": true});
    assert_eq!(one("firebase", &user)["code"], json!("blocked"));
}

#[test]
fn claims_in_a_text_become_metadata() {
    let claims = |text: &str| {
        let user = json!({"localId": "a1", "email": "a@example.com", "emailVerified": true, "customAttributes": text});
        one("firebase", &user)["metadata"].clone()
    };
    assert_eq!(
        claims("{\"tier\":3,\"a\":{\"b\":true}}"),
        json!({"tier": "3", "a.b": "true"})
    );
    assert_eq!(claims("no json"), json!({"customAttributes": "no json"}));
}

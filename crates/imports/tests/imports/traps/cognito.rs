//! Amazon Cognito.

use serde_json::{Value, json};

use super::{BCRYPT, auto};
use crate::support::one;

fn user(status: &str, enabled: bool) -> Value {
    let user = json!({"Username": "google_123", "Enabled": enabled, "UserStatus": status, "UserCreateDate": 1_600_000_000.456, "Attributes": [
        {"Name": "sub", "Value": "1111"}, {"Name": "email", "Value": "Ann@example.com"}, {"Name": "email_verified", "Value": "true"},
        {"Name": "custom:tier", "Value": "3"}, {"Name": "identities", "Value": "[]"},
    ]});
    one("cognito", &json!({"Users": [user]}))
}

#[test]
fn sub_is_the_id() {
    let shown = user("EXTERNAL_PROVIDER", true);
    assert_eq!(
        (&shown["id"], &shown["email"]),
        (&json!("1111"), &json!("Ann@example.com"))
    );
    assert_eq!(shown["metadata"]["custom:tier"], json!("3"));
}

#[test]
fn status_decides_about_the_hash() {
    for status in ["RESET_REQUIRED", "FORCE_CHANGE_PASSWORD", "COMPROMISED"] {
        assert_eq!(user(status, true)["unusable"], json!(status));
    }
    assert!(user("CONFIRMED", true).get("unusable").is_none());
    assert_eq!(user("ARCHIVED", true)["code"], json!("blocked"));
    assert_eq!(user("CONFIRMED", false)["code"], json!("blocked"));
}

#[test]
fn hash_of_the_import_file_is_read() {
    let text = format!(
        "email,email_verified,cognito:mfa_enabled,cognito:username,cognito:password_hash\nann@example.com,TRUE,FALSE,ann,{BCRYPT}\n"
    );
    let rows = auto("cognito", text);
    assert_eq!((&rows[0]["id"], &rows[0]["hash"]), (&json!("ann"), &json!(BCRYPT)));
}

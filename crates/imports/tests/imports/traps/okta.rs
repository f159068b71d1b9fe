//! Okta.

use serde_json::{Value, json};

use crate::support::one;

fn user(status: &str, hash: Value) -> Value {
    let profile = json!({"login": "ann@example.com", "mobilePhone": "1", "zipCode": "0150", "countryCode": "NO", "custom": ["a", "b"]});
    one(
        "okta",
        &json!({"id": "00u1", "status": status, "profile": profile, "credentials": {"password": {"hash": hash}}}),
    )
}

#[test]
fn login_takes_the_place_of_the_address() {
    let shown = user("ACTIVE", json!(null));
    assert_eq!(shown["email"], json!("ann@example.com"));
    let metadata = json!({"cellPhone": "1", "postalCode": "0150", "country": "NO", "custom": "[\"a\",\"b\"]"});
    assert_eq!(shown["metadata"], metadata);
}

#[test]
fn status_decides() {
    for status in ["SUSPENDED", "DEPROVISIONED"] {
        assert_eq!(user(status, json!(null))["code"], json!("blocked"));
    }
    for status in ["ACTIVE", "STAGED", "PROVISIONED", "LOCKED_OUT"] {
        assert!(user(status, json!(null)).get("code").is_none());
    }
    assert!(user("PASSWORD_EXPIRED", json!(null)).get("unusable").is_some());
}

#[test]
fn hash_of_an_import_is_read() {
    let hash = json!({"algorithm": "BCRYPT", "workFactor": 10, "salt": "3az9sEbCjOfqXF/eMuu64.", "value": "iV79oAFhH7CZLFwMrHPN63LI8H5l0P."});
    assert_eq!(user("ACTIVE", hash)["scheme"], json!("bcrypt-10"));
}

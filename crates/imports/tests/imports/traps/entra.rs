//! Microsoft Entra.

use serde_json::{Value, json};

use super::auto;
use crate::support::one;

#[test]
fn template_line_mark_and_crlf_are_passed_over() {
    let text = "\u{feff}version:v1.0\r\nuserPrincipalName,displayName,surname,mail,givenName,objectId,userType,accountEnabled,createdDateTime\r\n\
        ann@north.example,Ann Berg,Berg,ann@example.com,Ann,o-1,Member,True,2020-09-13T12:26:40Z\r\n";
    let expected = json!({
        "id": "o-1", "email": "ann@example.com", "firstName": "Ann", "lastName": "Berg", "registered": "2020-09-13T12:26:40Z",
        "metadata": {"displayName": "Ann Berg", "username": "ann@north.example", "userType": "Member"}, "verifiedMissing": true,
    });
    assert_eq!(auto("entra", text), [expected]);
    let without_line = text.replace("version:v1.0\r\n", "");
    assert_eq!(auto("entra", without_line)[0]["id"], json!("o-1"));
}

#[test]
fn address_of_b2c_is_among_the_identities() {
    let user = |identities: Value, principal: &str| {
        let user = json!({"id": "o-1", "userPrincipalName": principal, "identities": identities});
        one("entra", &json!({"value": [user]})).get("email").cloned()
    };
    let local = json!([
        {"signInType": "userPrincipalName", "issuerAssignedId": "x@north.onmicrosoft.com"},
        {"signInType": "emailAddress", "issuerAssignedId": "ann@example.com"},
    ]);
    assert_eq!(user(local, "x@north.onmicrosoft.com"), Some(json!("ann@example.com")));
    assert_eq!(user(json!([]), "ann_example.com#EXT#@north.onmicrosoft.com"), None);
    assert_eq!(user(json!([]), "ann@example.com"), Some(json!("ann@example.com")));
}

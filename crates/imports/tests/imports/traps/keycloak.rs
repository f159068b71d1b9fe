//! Keycloak.

use masthead_imports::ReadOptions;
use serde_json::{Value, json};

use super::auto;
use crate::support::{Zipped, one, refusal, zip};

const ID: &str = "5d1c3c3e-0000-4000-8000-000000000001";

/// A user of an export with more members.
fn user(more: Value) -> Value {
    let mut user = json!({"id": ID, "username": "ann", "createdTimestamp": 0, "emailVerified": true});
    user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    one("keycloak", &user)
}

#[test]
fn service_accounts_are_not_people() {
    assert_eq!(
        user(json!({"serviceAccountClientId": "api"}))["code"],
        json!("not_a_person")
    );
    assert_eq!(
        user(json!({"username": "service-account-api"}))["code"],
        json!("not_a_person")
    );
}

#[test]
fn federated_user_has_no_hash() {
    let hash = json!([{"type": "password", "secretData": "{}", "credentialData": "{}"}]);
    let shown = user(json!({"federationLink": "ldap", "credentials": hash}));
    assert_eq!(shown["unusable"], json!("the password is in another directory"));
}

#[test]
fn required_reset_drops_the_hash() {
    assert_eq!(
        user(json!({"requiredActions": ["VERIFY_EMAIL", "UPDATE_PASSWORD"]}))["unusable"],
        json!("UPDATE_PASSWORD")
    );
}

#[test]
fn username_may_be_the_address() {
    assert_eq!(
        user(json!({"username": "ann@example.com"}))["email"],
        json!("ann@example.com")
    );
    assert!(user(json!({})).get("email").is_none());
    let both = user(json!({"username": "ann@example.com", "email": "other@example.com"}));
    assert_eq!(both["email"], json!("other@example.com"));
}

#[test]
fn attributes_have_several_values() {
    let shown = user(json!({"attributes": {"city": ["Oslo"], "topics": ["a", "b"], "none": []}}));
    assert_eq!(
        shown["metadata"],
        json!({"city": "Oslo", "topics": "[\"a\",\"b\"]", "username": "ann"})
    );
}

/// Keycloak replaces such texts when it imports a file.
#[test]
fn placeholder_in_a_name_is_kept() {
    assert_eq!(user(json!({"firstName": "${HOME}"}))["firstName"], json!("${HOME}"));
}

#[test]
fn other_credentials_are_passed_over() {
    let secret = json!({"value": "Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ=", "salt": "AAECAwQFBgcICQoLDA0ODw=="});
    let data = json!({"hashIterations": 27500, "algorithm": "pbkdf2-sha256"});
    let shown = user(json!({"credentials": [
        {"type": "otp", "secretData": "{}"}, {"type": "webauthn"},
        {"type": "password", "secretData": secret.to_string(), "credentialData": data.to_string()},
    ]}));
    let hash = "$pbkdf2-sha256$i=27500,l=32$AAECAwQFBgcICQoLDA0ODw$Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ";
    assert_eq!(shown["hash"], json!(hash));
}

#[test]
fn credential_of_an_old_realm_is_read() {
    let shown = user(json!({"credentials": [{
        "type": "password", "hashedSaltedValue": "Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ=",
        "salt": "AAECAwQFBgcICQoLDA0ODw==", "hashIterations": 27500, "algorithm": "pbkdf2-sha256",
    }]}));
    assert_eq!(shown["scheme"], json!("pbkdf2"));
}

/// `kc.sh export --dir` writes a file of the realm beside those of its users.
#[test]
fn zipped_folder_of_an_export_is_read() {
    let user = |id: &str| json!({"id": id, "username": id, "createdTimestamp": 1, "emailVerified": false});
    let page = |id: &str| json!({"realm": "north", "users": [user(id)]}).to_string().into_bytes();
    let realm = json!({"realm": "north", "clients": []}).to_string().into_bytes();
    let federated = json!({"realm": "north", "federatedUsers": []}).to_string().into_bytes();
    let members: [(&str, &[u8]); 5] = [
        ("north-realm.json", &realm),
        ("north-users-0.json", &page("1")),
        ("empty.json", b""),
        ("north-federated-users-0.json", &federated),
        ("north-users-1.json", &page("2")),
    ];
    let rows = auto("keycloak", zip(&members, Zipped::Deflated));
    assert_eq!(
        rows.iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["1", "2"]
    );
    let refused = refusal(zip(&members[..1], Zipped::Deflated), &ReadOptions::default());
    assert!(refused.starts_with("no list of users"), "{refused}");
}

#[test]
fn file_of_several_realms_is_one_list() {
    let user = |id: &str| json!({"id": id, "username": id, "createdTimestamp": 1, "emailVerified": false});
    let realms = json!([
        {"realm": "master", "users": [user("1")], "clients": [{"users": [user("x")]}]},
        {"realm": "empty"},
        {"realm": "north", "users": [user("2"), user("3")]},
    ]);
    let pretty = serde_json::to_string_pretty(&realms).unwrap();
    let rows = auto("keycloak", pretty);
    assert_eq!(
        rows.iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["1", "2", "3"]
    );
}

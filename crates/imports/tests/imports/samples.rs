//! Each vendor's sample with the format recognised, field by field (the values are those of the samples).

use serde_json::{Value, json};

use crate::support::{is_password, mapped, open, sample};
use masthead_imports::ReadOptions;

const BCRYPT: &str = "$2b$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.";

/// Reads a sample as the format that is recognised.
#[track_caller]
fn expect(name: &str, format: &str, expected: &Value) {
    let bytes = sample(name);
    let recognised = open(&bytes, &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(recognised.mapping().name(), format, "{name}");
    let options = ReadOptions {
        name: Some(name.into()),
        ..ReadOptions::default()
    };
    let rows = mapped(&bytes, &options);
    assert_eq!(
        &json!(rows),
        expected,
        "{name}:\n{}",
        serde_json::to_string_pretty(&rows).unwrap()
    );
}

#[test]
fn auth0_export_is_read() {
    let ann = json!({
        "id": "auth0|66aa00000000000000000001", "email": "ann.berg@example.com", "verified": true,
        "firstName": "Ann", "lastName": "Berg",
        "metadata": {
            "photo": "https://img.example/a.png", "displayName": "ann", "city": "Oslo", "newsletter": "true",
            "lastLogin": "2026-02-03T04:05:06.699Z",
        },
        "registered": "2021-03-04T05:06:07.89Z", "changed": "2026-02-03T04:05:06.7Z",
    });
    let google = json!({
        "id": "google-oauth2|100000000000000000001", "email": "Ann.Berg@example.com", "verified": true,
        "metadata": {"displayName": "Ann Berg"},
        "registered": "2022-03-04T05:06:07.89Z", "changed": "2022-03-04T05:06:07.89Z",
    });
    let blocked = json!({"line": 3, "code": "blocked", "field": null, "reason": "blocked at its source"});
    expect("auth0-export.ndjson", "auth0", &json!([ann, google, blocked]));
}

#[test]
fn auth0_csv_is_read_without_apostrophes() {
    let ann = json!({
        "id": "auth0|66aa00000000000000000001", "email": "ann.berg@example.com", "verified": true,
        "firstName": "Ann \"Annie\"", "lastName": "Berg", "metadata": {"city": "Oslo"},
        "registered": "2021-03-04T05:06:07.89Z",
    });
    expect("auth0-export.csv", "auth0", &json!([ann]));
}

#[tokio::test]
async fn auth0_hashes_of_support_are_read() {
    let row = json!({
        "id": "auth0|66aa00000000000000000001", "email": "ann.berg@example.com", "verified": true,
        "hash": BCRYPT, "scheme": "bcrypt-10",
    });
    expect("auth0-password-export.ndjson", "auth0-passwords", &json!([row]));
    check(BCRYPT).await;
}

#[tokio::test]
async fn auth0_bulk_import_is_read() {
    let hash = "$pbkdf2-sha512$i=100000,l=64$AAECAwQFBgcICQoLDA0ODw$R0hfJJZdw9677tlMt6ipgqT1Gg1+66IMzWwLqHyRx8yrz/ieNKyTIQDNq3QoKFLXCu6/71jgyPFC+1B77h1Y3A";
    let ann = json!({
        "id": "auth0|66aa00000000000000000001", "email": "ann.berg@example.com", "verified": true,
        "firstName": "Ann", "lastName": "Berg", "metadata": {"city": "Oslo"}, "hash": hash, "scheme": "pbkdf2",
    });
    expect("auth0-bulk-import.json", "auth0-import", &json!([ann]));
    check(hash).await;
}

#[tokio::test]
async fn keycloak_export_is_read() {
    let hash = "$argon2id$v=19$m=7168,t=5,p=1$AAECAwQFBgcICQoLDA0ODw$Gnvw6xiJZdXx+tb1FSSSCz3BdV7joPcIhdQcfMcA1SQ";
    let ann = json!({
        "id": "5d1c3c3e-0000-4000-8000-000000000001", "email": "ann.berg@example.com", "verified": true,
        "firstName": "Ann", "lastName": "Berg", "hash": hash, "scheme": "argon2",
        "metadata": {"city": "Oslo", "topics": "[\"sport\",\"politics\"]", "username": "ann.berg@example.com"},
        "registered": "2023-11-14T22:13:20.123Z",
    });
    let bo = json!({"line": 2, "code": "blocked", "field": null, "reason": "blocked at its source"});
    let api = json!({"line": 3, "code": "not_a_person", "field": null, "reason": "is of no person: a service account, or the anonymous user"});
    expect("keycloak-north-users-0.json", "keycloak", &json!([ann, bo, api]));
    check(hash).await;
}

#[tokio::test]
async fn gigya_accounts_are_read() {
    let hash = "$pbkdf2$i=3000,l=16$AAECAwQFBgcICQoLDA0ODw$uLSXpVUZn4P35vmJ5GKWEg";
    let ann = json!({
        "id": "_guid_invented0001=", "email": "ann.berg@example.com", "verified": true,
        "firstName": "Ann", "lastName": "Berg", "hash": hash, "scheme": "pbkdf2",
        "metadata": {
            "gender": "f", "dobYYYY": "1980", "city": "Oslo", "postalCode": "0150", "cellPhone": "+4700000001",
            "lastLogin": "2023-11-14T22:13:20Z", "tier": "3",
        },
        "registered": "2020-09-13T12:26:40Z", "changed": "2023-11-14T22:13:20Z",
    });
    expect("gigya-accounts.json", "gigya", &json!([ann]));
    check(hash).await;
}

#[test]
fn gigya_data_flow_is_read() {
    let ann = json!({
        "id": "_guid_invented0001=", "email": "ann.berg@example.com", "verified": true,
        "firstName": "Ann", "lastName": "Berg", "metadata": {"note": "Oslo, north"},
        "registered": "2020-09-13T12:26:40Z",
    });
    expect("gigya-dataflow.csv", "gigya-dataflow", &json!([ann]));
}

const FIREBASE: &str = "$firescrypt$ln=14,r=8,p=1$AAECAwQFBgcICQoLDA0ODw==$F6T28SGts3WFvYefpToFWt6WZxQ0nMEgSWvpRW77yiYFkmDc4SsAGnzC0mFyKMS5UeO3tiB3hi+xKKEZvVrWWg==";

fn firebase(display_name: &str) -> Value {
    json!([{
        "id": "aB3invented0001", "email": "ann.berg@example.com", "verified": true, "hash": FIREBASE, "scheme": "firebase",
        "metadata": {
            "displayName": display_name, "cellPhone": "+4700000001", "lastLogin": "2023-11-14T22:13:20.123Z", "tier": "3",
        },
        "registered": "2020-09-13T12:26:40.456Z",
    }])
}

#[tokio::test]
async fn firebase_json_is_read() {
    expect("firebase.json", "firebase", &firebase("Ann Berg"));
    check(FIREBASE).await;
}

#[test]
fn firebase_csv_is_read() {
    expect("firebase.csv", "firebase", &firebase("Ann Berg, Oslo"));
}

#[test]
fn cognito_list_is_read() {
    let ann = json!({
        "id": "11111111-2222-4333-8444-555555555555", "email": "ann.berg@example.com", "verified": true, "firstName": "Ann",
        "registered": "2020-09-13T12:26:40.456Z", "changed": "2023-11-14T22:13:20.123Z",
    });
    expect("cognito-list-users.json", "cognito", &json!([ann]));
}

#[test]
fn cognito_csv_is_read() {
    let ann = json!({
        "id": "ann.berg@example.com", "email": "ann.berg@example.com", "verified": true, "firstName": "Ann", "lastName": "Berg",
        "metadata": {"displayName": "Ann Berg"}, "changed": "2023-11-14T22:13:20Z",
    });
    expect("cognito-import.csv", "cognito", &json!([ann]));
}

#[test]
fn okta_users_are_read() {
    let ann = json!({
        "id": "00uinvented00001", "email": "ann.berg@example.com", "firstName": "Ann", "lastName": "Berg",
        "registered": "2020-09-13T12:26:40Z", "changed": "2023-11-14T22:13:20Z", "verifiedMissing": true,
    });
    expect("okta-user.json", "okta", &json!([ann]));
}

#[tokio::test]
async fn fusionauth_import_is_read() {
    let hash = "$2a$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.";
    let ann = json!({
        "id": "22222222-2222-4333-8444-555555555555", "email": "ann.berg@example.com", "verified": true,
        "firstName": "Ann", "lastName": "Berg", "hash": hash, "scheme": "bcrypt-10",
        "metadata": {"dob": "1980-05-06", "city": "Oslo", "lastLogin": "2023-11-14T22:13:20.123Z"},
        "registered": "2020-09-13T12:26:40.456Z",
    });
    expect("fusionauth-import.json", "fusionauth", &json!([ann]));
    check(hash).await;
}

#[tokio::test]
async fn drupal_users_are_read() {
    let hash = "$S$DzyxwVUTSP.XTQvau6QZPjoLxCC0KB2FcROqnK/6lbdY8IoIZfpG";
    let ann = json!({
        "id": "2", "email": "ann.berg@example.com", "hash": hash, "scheme": "drupal",
        "metadata": {"username": "ann", "lastLogin": "2023-11-14T22:13:20Z"},
        "registered": "2020-09-13T12:26:40Z", "verifiedMissing": true,
    });
    expect("drupal.csv", "drupal", &json!([ann]));
    check(hash).await;
}

#[tokio::test]
async fn ldif_people_are_read() {
    let hash = "{SSHA}iqnSQl+NDqW5Q/aAx6t6n16Dq11OYUNsLThieQ==";
    let ann = json!({
        "id": "ann", "email": "ann.berg@example.com", "firstName": "\u{c5}se", "lastName": "Berg", "hash": hash, "scheme": "{SSHA}",
        "metadata": {
            "displayName": "Ann Berg", "secondEmail": "ann@example.org", "description": "a line that is folded over two lines",
        },
        "registered": "2020-09-13T12:26:40Z", "changed": "2023-11-14T22:13:20Z", "verifiedMissing": true,
    });
    expect("people.ldif", "ldif", &json!([ann]));
    check(hash).await;
}

#[test]
fn scim_list_is_read() {
    let ann = json!({
        "id": "2937", "email": "ann.berg@example.com", "firstName": "Ann", "lastName": "Berg",
        "registered": "2020-09-13T12:26:40Z", "changed": "2023-11-14T22:13:20Z", "verifiedMissing": true,
    });
    expect("scim-list.json", "scim", &json!([ann]));
}

#[test]
fn piano_search_is_read() {
    let ann = json!({
        "id": "PNIinvented00001", "email": "ann.berg@example.com", "firstName": "Ann", "lastName": "Berg",
        "metadata": {"displayName": "Ann Berg"}, "registered": "2020-09-13T12:26:40Z", "verifiedMissing": true,
    });
    expect("piano-user-search.json", "piano", &json!([ann]));
}

#[test]
fn mailchimp_contacts_are_read() {
    let ann = json!({
        "id": "abcdef0123", "email": "ann.berg@example.com", "firstName": "Ann", "lastName": "Berg",
        "metadata": {"tags": "\"sport\""},
        "registered": "2020-09-13T12:26:40Z", "changed": "2023-11-14T22:13:20Z", "verifiedMissing": true,
    });
    expect("mailchimp-subscribed.csv", "mailchimp", &json!([ann]));
}

#[test]
fn braze_segment_is_read() {
    let ann = json!({
        "id": "2937", "email": "ann.berg@example.com", "firstName": "Ann", "lastName": "Berg",
        "metadata": {"gender": "F", "dob": "1980-05-06", "country": "NO", "tier": "3", "topics": "sport"},
        "registered": "2020-09-13T12:26:40.456Z", "verifiedMissing": true,
    });
    expect("braze-segment.ndjson", "braze", &json!([ann]));
}

/// Every sample's hash is one of this password (`known-answers.json` of the contract).
async fn check(hash: &str) {
    assert!(is_password(hash, "Heron-Lake-42").await, "{hash}");
    assert!(!is_password(hash, "heron-lake-42").await, "{hash}");
}

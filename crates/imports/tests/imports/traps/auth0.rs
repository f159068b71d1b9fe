//! Auth0.

use serde_json::{Value, json};

use super::{BCRYPT, auto};
use crate::support::one;

/// Only if every text cell of the file begins with an apostrophe, one is dropped from each.
#[test]
fn apostrophes_go_only_if_every_text_cell_has_one() {
    let escaped = "user_id,email_verified,family_name\n\"'auth0|1\",true,\"''t Hart\"\n\"'auth0|2\",false,\n";
    let rows = auto("auth0", escaped);
    assert_eq!(rows[0]["lastName"], json!("'t Hart"));
    assert_eq!(rows[1], json!({"id": "auth0|2"}));
    let plain = "user_id,email_verified,family_name\nauth0|1,true,'t Hart\n";
    assert_eq!(auto("auth0", plain)[0]["lastName"], json!("'t Hart"));
}

#[test]
fn one_person_of_two_connections_is_two_rows() {
    let text = "{\"user_id\":\"auth0|1\",\"email\":\"ann@example.com\",\"email_verified\":true}\n\
        {\"user_id\":\"google-oauth2|2\",\"email\":\"Ann@Example.com\",\"email_verified\":true}\n";
    let rows = auto("auth0", text);
    assert_eq!(
        (&rows[0]["id"], &rows[0]["email"]),
        (&json!("auth0|1"), &json!("ann@example.com"))
    );
    assert_eq!(
        (&rows[1]["id"], &rows[1]["email"]),
        (&json!("google-oauth2|2"), &json!("Ann@Example.com"))
    );
}

#[test]
fn social_account_without_address_is_kept() {
    let row = json!({"user_id": "twitter|2000001", "name": "bo_k", "identities": [{"provider": "twitter"}]});
    let expected = json!({"id": "twitter|2000001", "metadata": {"displayName": "bo_k"}, "verifiedMissing": true});
    assert_eq!(auto("auth0", row.to_string()), [expected]);
}

#[test]
fn linked_account_is_one_row() {
    let row = json!({"user_id": "auth0|1", "email_verified": true, "identities": [
        {"provider": "auth0", "user_id": "1"}, {"provider": "google-oauth2", "user_id": "2", "profileData": {"email": "x@example.com"}},
    ]});
    assert_eq!(
        auto("auth0", row.to_string()),
        [json!({"id": "auth0|1", "verified": true})]
    );
}

/// Accounts of passwordless SMS.
#[test]
fn missing_email_verified_is_counted() {
    let row = json!({"user_id": "sms|1", "phone_number": "+4700000001", "phone_verified": true, "identities": []});
    let expected = json!({"id": "sms|1", "metadata": {"cellPhone": "+4700000001"}, "verifiedMissing": true});
    assert_eq!(one("auth0", &row), expected);
}

#[test]
fn app_metadata_stays_behind() {
    let row = json!({"user_id": "auth0|1", "email_verified": false, "app_metadata": {"tier": 3}, "user_metadata": {"city": "Oslo"}});
    assert_eq!(
        one("auth0", &row),
        json!({"id": "auth0|1", "metadata": {"city": "Oslo"}})
    );
}

#[test]
fn display_name_is_nickname_else_name() {
    let name = |row: Value| one("auth0", &row)["metadata"]["displayName"].clone();
    assert_eq!(
        name(json!({"user_id": "1", "nickname": "ann", "name": "Ann Berg"})),
        json!("ann")
    );
    assert_eq!(
        name(json!({"user_id": "1", "nickname": "", "name": "Ann Berg"})),
        json!("Ann Berg")
    );
}

#[test]
fn files_of_the_old_extension_are_read() {
    let text = "Id,Given Name,Family Name,Nickname,Name,Email,Email Verified,Connection,Created At,Updated At\n\
        auth0|1,Ann,Berg,ann,Ann Berg,ann@example.com,true,Readers,2020-09-13T12:26:40.456Z,2021-01-01T00:00:00.000Z\n";
    let expected = json!({
        "id": "auth0|1", "firstName": "Ann", "lastName": "Berg", "email": "ann@example.com", "verified": true,
        "metadata": {"displayName": "ann"}, "registered": "2020-09-13T12:26:40.456Z", "changed": "2021-01-01T00:00:00Z",
    });
    assert_eq!(auto("auth0", text), [expected]);
}

/// The file of hashes has variants of its names.
#[test]
fn other_names_in_the_file_of_hashes_are_known() {
    let row =
        json!({"_ID": {"$oid": "66aa"}, "emailVerified": true, "email": "ann@example.com", "passwordHash": BCRYPT});
    let expected = json!({
        "id": "auth0|66aa", "email": "ann@example.com", "verified": true, "hash": BCRYPT, "scheme": "bcrypt-10",
    });
    assert_eq!(auto("auth0-passwords", row.to_string()), [expected]);
}

/// Ids of the bulk import have no `auth0|` yet, and are not prefixed twice.
#[test]
fn prefix_of_bulk_import_ids_is_added_once() {
    for id in ["66aa", "auth0|66aa"] {
        let rows = json!([{"user_id": id, "email": "ann@example.com", "password_hash": BCRYPT}]);
        let users = auto("auth0-import", rows.to_string());
        assert_eq!(
            (&users[0]["id"], &users[0]["hash"]),
            (&json!("auth0|66aa"), &json!(BCRYPT))
        );
    }
}

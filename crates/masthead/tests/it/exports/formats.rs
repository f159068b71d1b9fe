//! Each format, read by another reader.

use std::collections::HashMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    exports::{BCRYPT, Exported, HERALD, PHPASS, odd_users},
    support::process,
};

/// The odd users in the order of an export.
fn expected() -> Vec<Value> {
    let mut users = odd_users();
    users.sort_by_key(|user| id(user).to_owned());
    users
}

fn id(user: &Value) -> &str {
    user["customerRegistrationId"].as_str().unwrap()
}

fn text<'a>(user: &'a Value, key: &str) -> &'a str {
    user[key].as_str().unwrap_or_default()
}

/// Whether a spreadsheet would take the cell for a formula.
fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[test]
fn csv_is_read_by_the_csv_crate() {
    let exported = Exported::with(&odd_users());
    let written = exported.export(HERALD, &["--format", "csv", "--with-hashes"]);
    let mut reader = csv::Reader::from_reader(written.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header.len(), 9 + 41 + 1);
    let rows: Vec<HashMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 6);
    let unguarded = |cell: &str| match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest.trim_start_matches('\'')) => rest.to_owned(),
        _ => cell.to_owned(),
    };
    for (row, user) in rows.iter().zip(&expected()) {
        let cell = |name: &str| unguarded(&row[name]);
        for key in [
            "customerRegistrationId",
            "email",
            "firstName",
            "lastName",
            "passwordHash",
            "dateRegistered",
            "changeDate",
            "lastLogoutDate",
        ] {
            assert_eq!(cell(key), text(user, key), "{key}");
        }
        assert_eq!(cell("verified"), user["verified"].to_string());
        let mut metadata = user["metadata"].as_object().cloned().unwrap_or_default();
        for key in ["city", "title", "cellPhone", "displayName"] {
            let value = metadata.remove(key).unwrap_or_default();
            assert_eq!(
                cell(&format!("metadata.{key}")),
                value.as_str().unwrap_or_default(),
                "{key}"
            );
        }
        let others = cell("metadata");
        let others = if others.is_empty() {
            json!({})
        } else {
            serde_json::from_str(&others).unwrap()
        };
        assert_eq!(others, Value::Object(metadata));
        assert!(!row.values().any(|cell| is_formula(cell)), "{row:?}");
    }
    let guarded = rows
        .iter()
        .flat_map(HashMap::values)
        .filter(|cell| **cell != unguarded(cell));
    assert_eq!(guarded.count(), 4, "an id, two names, a telephone number");
}

/// Auth0, "Bulk User Import Database Schema and Examples".
#[test]
fn auth0_is_a_list_of_its_schema() {
    let exported = Exported::with(&odd_users());
    let written: Value =
        serde_json::from_str(&exported.export(HERALD, &["--format", "auth0", "--with-hashes"])).unwrap();
    let entries = written.as_array().unwrap();
    // Auth0 needs an address.
    let users: Vec<_> = expected()
        .into_iter()
        .filter(|user| user["email"].is_string())
        .collect();
    assert_eq!(entries.len(), users.len());
    for (entry, user) in entries.iter().zip(&users) {
        assert_eq!(entry["user_id"], id(user).trim_start_matches("auth0|"));
        assert_eq!(
            (&entry["email"], &entry["email_verified"]),
            (&user["email"], &user["verified"])
        );
        assert_eq!(
            (text(entry, "given_name"), text(entry, "family_name")),
            (text(user, "firstName"), text(user, "lastName"))
        );
        assert_eq!(entry["user_metadata"], user["metadata"]);
        assert_eq!(entry["app_metadata"]["dateRegistered"], user["dateRegistered"]);
        match text(user, "passwordHash") {
            BCRYPT => assert_eq!(entry["password_hash"], BCRYPT),
            // It has no place for phpass.
            other => {
                assert!(["", PHPASS].contains(&other));
                assert!(entry["password_hash"].is_null() && entry["custom_password_hash"].is_null());
            }
        }
    }
}

/// RFC 7644 §3.4.2, RFC 7643 §4.1.
#[test]
fn scim_is_a_list_response() {
    let exported = Exported::with(&odd_users());
    let written: Value = serde_json::from_str(&exported.export(HERALD, &["--format", "scim"])).unwrap();
    assert_eq!(
        written["schemas"],
        json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"])
    );
    let resources = written["Resources"].as_array().unwrap();
    assert_eq!(written["totalResults"], resources.len());
    assert_eq!(
        (&written["startIndex"], &written["itemsPerPage"]),
        (&json!(1), &json!(resources.len()))
    );
    for (resource, user) in resources.iter().zip(&expected()) {
        assert_eq!(
            (text(resource, "id"), text(resource, "externalId")),
            (id(user), id(user))
        );
        let email = user["email"].as_str();
        assert_eq!(resource["userName"], email.unwrap_or(id(user)));
        assert_eq!(resource["emails"][0]["value"].as_str(), email);
        assert_eq!(text(&resource["name"], "familyName"), text(user, "lastName"));
        assert_eq!(resource["meta"]["created"], user["dateRegistered"]);
        let own = &resource["urn:masthead:scim:schemas:User"];
        assert_eq!(
            (&own["verified"], &own["metadata"]),
            (&user["verified"], &user["metadata"])
        );
    }
    let empty: Value = serde_json::from_str(&exported.export(super::TIMES, &["--format", "scim"])).unwrap();
    assert_eq!((&empty["totalResults"], &empty["Resources"]), (&json!(0), &json!([])));
}

/// A reader of LDIF content (RFC 2849): the attributes of each entry, in their order.
fn read_ldif(text: &str) -> Vec<Vec<(String, String)>> {
    let unfolded = text.replace("\n ", "");
    let mut entries = vec![Vec::new()];
    for line in unfolded.lines().skip_while(|line| line.starts_with("version:")) {
        if line.is_empty() {
            entries.push(Vec::new());
            continue;
        }
        assert!(line.is_ascii());
        let (name, value) = line.split_once(':').unwrap();
        let value = match value.strip_prefix(':') {
            Some(encoded) => String::from_utf8(BASE64_STANDARD.decode(encoded.trim_start()).unwrap()).unwrap(),
            None => value.trim_start().to_owned(),
        };
        entries.last_mut().unwrap().push((name.to_owned(), value));
    }
    entries.retain(|entry| !entry.is_empty());
    entries
}

#[test]
fn ldif_is_read_by_another_reader() {
    let exported = Exported::with(&odd_users());
    let written = exported.export(HERALD, &["--format", "ldif", "--with-hashes"]);
    assert!(written.starts_with("version: 1\n") && written.lines().all(|line| line.len() <= 76));
    let entries = read_ldif(&written);
    assert_eq!(entries.len(), 6);
    for (entry, user) in entries.iter().zip(&expected()) {
        let value = |name: &str| entry.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
        assert_eq!(entry[0].0, "dn");
        assert!(entry[0].1.starts_with("uid=") && entry[0].1.ends_with(",ou=people"));
        assert_eq!(
            (value("objectClass"), value("uid")),
            (Some("inetOrgPerson"), Some(id(user)))
        );
        assert_eq!(value("mail"), user["email"].as_str());
        assert_eq!(value("givenName"), user["firstName"].as_str());
        assert_eq!(value("sn"), Some(user["lastName"].as_str().unwrap_or("-")));
        assert!(value("cn").is_some_and(|cn| !cn.is_empty()));
        assert_eq!(value("l"), user["metadata"]["city"].as_str());
        let hash = (text(user, "passwordHash") == BCRYPT).then(|| format!("{{CRYPT}}{BCRYPT}"));
        assert_eq!(value("userPassword"), hash.as_deref());
    }
}

#[test]
fn what_a_format_lacks_is_counted() {
    let exported = Exported::with(&odd_users());
    for (format, left_out) in [
        ("masthead", json!({})),
        ("csv", json!({})),
        ("auth0", json!({"hashes": 1, "users without an address": 2})),
        // Of the metadata it has the city, the mobile telephone and the displayed name; empty values are none.
        ("ldif", json!({"hashes": 1, "metadata values": 7})),
    ] {
        let arguments = ["export", "--tenant", HERALD, "--with-hashes", "--format", format];
        let output = process::run(&exported.settings, &arguments, "");
        let report: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(report["leftOut"], left_out, "{format}");
        let hashes = if left_out["hashes"].is_null() { 2 } else { 1 };
        assert_eq!(report["hashes"], hashes, "{format}");
    }
}

//! Request bodies of writes, and the meaning of rejected writes.

use masthead_domain::{customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata};
use masthead_ports::{
    accounts::{AccountChange, NewAccount, UserFacingMessage, WriteError},
    passwords::PlainPassword,
};
use serde_json::{Map, Value, json};

use crate::{
    metadata_map::{Auth0MetadataMap, Auth0MetadataPlace},
    settings::Auth0Settings,
    wire::Auth0ErrorBody,
};

/// The body that makes an account. Auth0 sends no mail: Masthead verifies addresses itself.
pub(crate) fn creation(
    new: &NewAccount,
    password: Option<&PlainPassword>,
    connection: &str,
    map: &Auth0MetadataMap,
) -> Value {
    let mut body = json!({
        "connection": connection,
        "email": new.email.as_str(),
        "email_verified": new.verified,
        "verify_email": false,
    });
    let full_name = [&*new.first_name, &*new.last_name].join(" ");
    let own_id = new.id.as_ref().and_then(own_part).unwrap_or_default();
    for (field, text) in [
        ("user_id", own_id),
        ("password", password.map_or("", PlainPassword::expose)),
        ("given_name", &*new.first_name),
        ("family_name", &*new.last_name),
        // Without it, Auth0 takes the address for the name.
        ("name", full_name.trim()),
    ] {
        if !text.is_empty() {
            body[field] = text.into();
        }
    }
    for (key, value) in pairs(&new.metadata) {
        if let Some(place) = map.place(key) {
            put(&mut body, &place, value.into());
        }
    }
    body
}

/// Whether users of this connection have no password: Auth0 names its passwordless connections itself.
pub(crate) fn is_passwordless(connection: &str) -> bool {
    ["email", "sms"].contains(&connection)
}

/// The part of an id of Auth0's own database that a creation gives; Auth0 puts the provider before it.
pub(crate) fn own_part(id: &CustomerRegistrationId) -> Option<&str> {
    id.as_str().strip_prefix("auth0|").filter(|own| !own.is_empty())
}

fn pairs(metadata: &Metadata) -> impl Iterator<Item = (&str, &str)> {
    metadata.iter().filter(|(_, value)| !value.is_empty())
}

/// The body that changes the account with this id; an empty object changes nothing. `null` removes a member. Auth0
/// merges metadata at the first level, and Masthead's metadata have no deeper one.
pub(crate) fn update(change: &AccountChange, id: &str, map: &Auth0MetadataMap) -> Value {
    let mut body = Value::Object(Map::new());
    for (field, name) in [("given_name", &change.first_name), ("family_name", &change.last_name)] {
        if let Some(name) = name {
            body[field] = text_or_null(name);
        }
    }
    if let Some(verified) = change.verified {
        body["email_verified"] = verified.into();
    }
    for (key, value) in &change.metadata {
        let Some(place) = map.place(key) else { continue };
        let value = value.as_deref().unwrap_or_default();
        put(&mut body, &place, text_or_null(value));
        // Where Auth0 is the profile's master, the attribute that would show through is removed as well.
        if value.is_empty()
            && is_auth0s_own(id)
            && let Some(root) = root_attribute(key)
        {
            body[root] = Value::Null;
        }
    }
    body
}

/// The root attribute that replaces this metadata key.
fn root_attribute(key: &str) -> Option<&'static str> {
    match key {
        "displayName" => Some("nickname"),
        "photo" => Some("picture"),
        _ => None,
    }
}

/// Social and enterprise profiles are written by their providers at each login; Auth0 refuses to change them.
fn is_auth0s_own(id: &str) -> bool {
    ["auth0|", "email|", "sms|"].iter().any(|own| id.starts_with(own))
}

/// The body that sets a password. It never goes with an address: Auth0 refuses the two together.
pub(crate) fn password(password: &PlainPassword, settings: &Auth0Settings) -> Value {
    in_connection(json!({"password": password.expose()}), settings)
}

/// The body that sets an address.
pub(crate) fn email(email: &Email, verified: bool, settings: &Auth0Settings) -> Value {
    in_connection(json!({"email": email.as_str(), "email_verified": verified}), settings)
}

/// Names the connection where all of the tenant's users are in one; otherwise Auth0 takes that of the first identity.
fn in_connection(mut body: Value, settings: &Auth0Settings) -> Value {
    if let ([only], Some(connection)) = (&*settings.connections, &settings.connection)
        && only == connection
    {
        body["connection"] = (&**connection).into();
    }
    body
}

fn put(body: &mut Value, place: &Auth0MetadataPlace, value: Value) {
    let (tree, key) = match place {
        Auth0MetadataPlace::User(key) => ("user_metadata", key),
        Auth0MetadataPlace::App(key) => ("app_metadata", key),
    };
    body[tree][&**key] = value;
}

fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// The names of Auth0's password rules, with which its messages begin.
const PASSWORD_RULES: [&str; 4] = [
    "PasswordStrengthError",
    "PasswordHistoryError",
    "PasswordDictionaryError",
    "PasswordNoUserInfoError",
];

/// The error that a 400 to a write means; `None` when the request itself is refused.
pub(crate) fn write_error(body: &Auth0ErrorBody) -> Option<WriteError> {
    let message = body.message.as_deref().unwrap_or_default();
    let code = body.error_code.as_deref().unwrap_or_default();
    let rule = PASSWORD_RULES.iter().find_map(|rule| message.strip_prefix(rule));
    if rule.is_some() || code == "invalid_password" {
        let text = rule.unwrap_or(message).trim_start_matches([':', ' ']);
        return Some(WriteError::Refused {
            message: UserFacingMessage::new(text),
        });
    }
    let is_taken = code == "auth0_idp_error" && message.to_ascii_lowercase().contains("already exists");
    is_taken.then_some(WriteError::AlreadyExists)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: Option<&str>, message: &str) -> Auth0ErrorBody {
        serde_json::from_value(
            json!({"statusCode": 400, "error": "Bad Request", "message": message, "errorCode": code}),
        )
        .unwrap()
    }

    #[test]
    fn only_password_rules_reach_the_user() {
        let error = |code: Option<&str>, message: &str| write_error(&refused(code, message));
        for (code, message, text) in [
            (
                Some("invalid_password"),
                "PasswordStrengthError: Password is too weak",
                "Password is too weak",
            ),
            (
                None,
                "PasswordHistoryError: Password has been used",
                "Password has been used",
            ),
        ] {
            let Some(WriteError::Refused { message: reported }) = error(code, message) else {
                panic!("{message}")
            };
            assert_eq!(reported, UserFacingMessage::new(text));
        }
        let taken = error(Some("auth0_idp_error"), "The specified new email already exists");
        assert!(matches!(taken, Some(WriteError::AlreadyExists)));
        assert!(error(Some("invalid_body"), "Payload validation error: 'x'").is_none());
    }

    #[test]
    fn removal_clears_root_attributes_of_auth0_users() {
        let change = AccountChange {
            first_name: Some("".into()),
            metadata: vec![
                ("displayName".into(), None),
                ("city".into(), Some("Oslo".into())),
                ("zodiac".into(), None),
            ],
            ..AccountChange::default()
        };
        let map = Auth0MetadataMap::default();
        assert_eq!(
            update(&change, "auth0|1", &map),
            json!({"given_name": null, "nickname": null, "user_metadata": {"displayName": null, "city": "Oslo"}})
        );
        assert_eq!(
            update(&change, "google-oauth2|1", &map),
            json!({"given_name": null, "user_metadata": {"displayName": null, "city": "Oslo"}})
        );
        assert_eq!(update(&AccountChange::default(), "auth0|1", &map), json!({}));
    }

    #[test]
    fn creation_omits_empty_fields_and_mail() {
        let new = NewAccount {
            id: Some(CustomerRegistrationId::parse("auth0|own").unwrap()),
            email: Email::parse("Ann@Example.com").unwrap(),
            password: None,
            first_name: "Ann".into(),
            last_name: "".into(),
            verified: true,
            metadata: Metadata::from_valid([
                ("city".to_owned(), "Oslo".to_owned()),
                ("title".to_owned(), String::new()),
            ]),
        };
        assert_eq!(
            creation(&new, None, "readers", &Auth0MetadataMap::default()),
            json!({
                "connection": "readers", "email": "Ann@Example.com", "email_verified": true, "verify_email": false,
                "user_id": "own", "given_name": "Ann", "name": "Ann", "user_metadata": {"city": "Oslo"},
            })
        );
    }
}

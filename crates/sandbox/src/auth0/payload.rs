//! Bodies of `POST /users` and `PATCH /users/{id}`, checked as the Management API checks them.

use serde_json::{Map, Value};

use super::errors;
use crate::server::reply::Reply;
use crate::server::request::Request;

const TEXTS: [&str; 13] = [
    "email",
    "phone_number",
    "username",
    "password",
    "given_name",
    "family_name",
    "name",
    "nickname",
    "picture",
    "connection",
    "client_id",
    "user_id",
    "last_ip",
];
const FLAGS: [&str; 7] = [
    "email_verified",
    "phone_verified",
    "blocked",
    "verify_email",
    "verify_phone_number",
    "verify_password",
    "verified",
];

const CREATE: [&str; 17] = [
    "connection",
    "email",
    "phone_number",
    "phone_verified",
    "username",
    "password",
    "given_name",
    "family_name",
    "name",
    "nickname",
    "picture",
    "email_verified",
    "verify_email",
    "blocked",
    "user_id",
    "user_metadata",
    "app_metadata",
];
const UPDATE: [&str; 19] = [
    "connection",
    "email",
    "phone_number",
    "phone_verified",
    "username",
    "password",
    "given_name",
    "family_name",
    "name",
    "nickname",
    "picture",
    "email_verified",
    "verify_email",
    "blocked",
    "client_id",
    "user_metadata",
    "app_metadata",
    "verify_phone_number",
    "verify_password",
];

/// Pairs that cannot be changed in one call.
const APART: [[&str; 2]; 5] = [
    ["password", "email"],
    ["password", "email_verified"],
    ["username", "password"],
    ["username", "email"],
    ["username", "email_verified"],
];

pub(super) type Members = Map<String, Value>;

pub(super) fn to_create(request: &Request) -> Result<Members, Reply> {
    let members = parsed(request, &CREATE)?;
    if members.values().any(Value::is_null) {
        return Err(errors::invalid_body("'Expected type string but found type null'."));
    }
    if !members.contains_key("connection") {
        return Err(errors::invalid_body("'Missing required property: connection'."));
    }
    Ok(members)
}

pub(super) fn to_update(request: &Request) -> Result<Members, Reply> {
    let members = parsed(request, &UPDATE)?;
    for [left, right] in APART {
        if members.contains_key(left) && members.contains_key(right) {
            return Err(errors::api(
                400,
                &format!("Cannot update {left} and {right} simultaneously"),
                None,
            ));
        }
    }
    Ok(members)
}

fn parsed(request: &Request, known: &[&str]) -> Result<Members, Reply> {
    let kind = request.header("content-type").unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(errors::api(
            400,
            "Unsupported content type, expected application/json",
            None,
        ));
    }
    let Ok(Value::Object(members)) = serde_json::from_slice(&request.body) else {
        return Err(errors::api(400, "Invalid request payload JSON format", None));
    };
    let unknown: Vec<&str> = members
        .keys()
        .map(String::as_str)
        .filter(|name| !known.contains(name))
        .collect();
    if !unknown.is_empty() {
        let hint = "(consider storing them in app_metadata or user_metadata. See \"Users Metadata\" in https://auth0.com/docs/api/v2/changes for more details)";
        return Err(errors::invalid_body(&format!(
            "'Additional properties not allowed: {} {hint}'.",
            unknown.join(",")
        )));
    }
    for (name, value) in &members {
        let wanted = match name.as_str() {
            text if TEXTS.contains(&text) && !value.is_string() => "string",
            flag if FLAGS.contains(&flag) && !value.is_boolean() => "boolean",
            "user_metadata" | "app_metadata" if !value.is_object() => "object",
            _ => continue,
        };
        if !value.is_null() {
            let text = format!(
                "'Expected type {wanted} but found type {}' on property {name}.",
                kind_of(value)
            );
            return Err(errors::invalid_body(&text));
        }
    }
    if let Some(email) = members.get("email").and_then(Value::as_str)
        && !is_address(email)
    {
        let text = format!("'Object didn't pass validation for format email: {email}' on property email.");
        return Err(errors::invalid_body(&text));
    }
    Ok(members)
}

const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    parts
        .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace))
}

/// Joins metadata as the API does: on the first level only, `null` removes, and an empty object removes all.
pub(super) fn merged(old: Option<&Value>, change: &Value) -> Value {
    let Some(change) = change.as_object().filter(|change| !change.is_empty()) else {
        return Value::Object(Map::new());
    };
    let mut all = old.and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, value) in change {
        if value.is_null() {
            all.remove(name);
        } else {
            all.insert(name.clone(), value.clone());
        }
    }
    Value::Object(all)
}

/// Whether a password passes the tenant's rule; the refusal's text is meant for the reader.
pub(super) fn strong(members: &Members) -> Result<(), Reply> {
    let weak = |password: &str| password.chars().count() < 8;
    if members.get("password").and_then(Value::as_str).is_some_and(weak) {
        return Err(errors::api(
            400,
            "PasswordStrengthError: Password is too weak",
            Some("invalid_password"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(body: &str) -> Request {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Request {
            headers,
            body: body.as_bytes().to_vec(),
            ..Request::default()
        }
    }

    #[test]
    fn metadata_merges_on_the_first_level_only() {
        let old = json!({"a": 1, "nested": {"x": 1, "y": 2}, "gone": true});
        let change = json!({"b": 2, "nested": {"x": 9}, "gone": null});
        assert_eq!(merged(Some(&old), &change), json!({"a": 1, "b": 2, "nested": {"x": 9}}));
        assert_eq!(merged(Some(&old), &json!({})), json!({}));
    }

    #[test]
    fn what_may_not_change_together_is_refused_by_name() {
        let refusal = to_update(&request(r#"{"password":"longenough","email":"a@example.com"}"#)).unwrap_err();
        assert!(String::from_utf8_lossy(&refusal.body).contains("Cannot update password and email simultaneously"));
        assert!(to_update(&request(r#"{"name":"A","given_name":null}"#)).is_ok());
    }

    #[test]
    fn unknown_properties_and_wrong_types_are_refused() {
        for body in [
            "[]",
            "{",
            r#"{"connection":"c","x":1}"#,
            r#"{"connection":1}"#,
            r#"{"email":"a@example.com"}"#,
            r#"{"connection":"c","email":"no address"}"#,
            r#"{"connection":"c","name":null}"#,
        ] {
            assert_eq!(to_create(&request(body)).unwrap_err().status, 400, "{body}");
        }
    }
}

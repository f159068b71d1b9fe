//! Bodies of `POST /users` and `PATCH /users/{id}`, checked as the Management API checks them.

use serde_json::{Map, Value};

use super::errors;
use crate::http::request::WireRequest;
use crate::http::response::StubResponse;
use crate::name_list::contains_name;
use crate::passwords::is_weak;
use crate::stub::log_unsupported;

const TEXTS: &str = "email password given_name family_name name nickname picture connection user_id";
const FLAGS: &str = "email_verified verify_email blocked";
const OBJECTS: &str = "user_metadata app_metadata";

/// Pairs that cannot be changed in one call.
const EXCLUSIVE: [[&str; 2]; 2] = [["password", "email"], ["password", "email_verified"]];

pub(super) type UserMembers = Map<String, Value>;

pub(super) fn parse_create(request: &WireRequest) -> Result<UserMembers, StubResponse> {
    let members = parse(request)?;
    if members.values().any(Value::is_null) {
        return Err(errors::invalid_body("'Expected type string but found type null'."));
    }
    if !members.contains_key("connection") {
        return Err(errors::invalid_body("'Missing required property: connection'."));
    }
    Ok(members)
}

pub(super) fn parse_update(request: &WireRequest) -> Result<UserMembers, StubResponse> {
    let members = parse(request)?;
    if members.contains_key("user_id") {
        return Err(errors::invalid_body("'Additional properties not allowed: user_id'."));
    }
    for [left, right] in EXCLUSIVE {
        if members.contains_key(left) && members.contains_key(right) {
            let message = format!("Cannot update {left} and {right} simultaneously");
            return Err(errors::api_error(400, &message, None));
        }
    }
    Ok(members)
}

fn parse(request: &WireRequest) -> Result<UserMembers, StubResponse> {
    if !request.has_content_type("application/json") {
        let message = "Unsupported content type, expected application/json";
        return Err(errors::api_error(400, message, None));
    }
    let invalid_json = || errors::api_error(400, "Invalid request payload JSON format", None);
    let members = request.json_object().ok_or_else(invalid_json)?;
    for (name, value) in &members {
        let (wanted, fits) = match name.as_str() {
            text if contains_name(TEXTS, text) => ("string", value.is_string()),
            flag if contains_name(FLAGS, flag) => ("boolean", value.is_boolean()),
            object if contains_name(OBJECTS, object) => ("object", value.is_object()),
            _ => {
                log_unsupported("auth0", &format!("the member {name}"));
                let hint = "(consider storing them in app_metadata or user_metadata. See \"Users Metadata\" in https://auth0.com/docs/api/v2/changes for more details)";
                let text = format!("'Additional properties not allowed: {name} {hint}'.");
                return Err(errors::invalid_body(&text));
            }
        };
        if !fits && !value.is_null() {
            return Err(errors::invalid_body(&format!(
                "'Expected type {wanted}' on property {name}."
            )));
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

fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    parts
        .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace))
}

/// Merges metadata as the API does: on the first level only; `null` removes, and an empty object removes all.
pub(super) fn merge_metadata(old: Option<&Value>, change: &Value) -> Value {
    let Some(change) = change.as_object().filter(|change| !change.is_empty()) else {
        return Value::Object(Map::new());
    };
    let mut all = old.and_then(Value::as_object).cloned().unwrap_or_default();
    all.extend(change.clone());
    all.retain(|_, value| !value.is_null());
    Value::Object(all)
}

/// Checks the tenant's password rule; the text of the refusal is shown to the user.
pub(super) fn check_password(members: &UserMembers) -> Result<(), StubResponse> {
    if members.get("password").and_then(Value::as_str).is_some_and(is_weak) {
        let message = "PasswordStrengthError: Password is too weak";
        return Err(errors::api_error(400, message, Some("invalid_password")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(body: &str) -> WireRequest {
        WireRequest {
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.as_bytes().to_vec(),
            ..WireRequest::default()
        }
    }

    #[test]
    fn metadata_merges_on_the_first_level_only() {
        let old = json!({"a": 1, "nested": {"x": 1, "y": 2}, "gone": true});
        let change = json!({"b": 2, "nested": {"x": 9}, "gone": null});
        let merged = json!({"a": 1, "b": 2, "nested": {"x": 9}});
        assert_eq!(merge_metadata(Some(&old), &change), merged);
        assert_eq!(merge_metadata(Some(&old), &json!({})), json!({}));
    }

    #[test]
    fn password_and_email_change_separately() {
        let refusal = parse_update(&request(r#"{"password":"longenough","email":"a@example.com"}"#)).unwrap_err();
        assert!(String::from_utf8_lossy(&refusal.body).contains("Cannot update password and email simultaneously"));
        assert!(parse_update(&request(r#"{"name":"A","given_name":null}"#)).is_ok());
    }

    #[test]
    fn invalid_bodies_are_refused() {
        for body in [
            "[]",
            "{",
            r#"{"connection":"c","x":1}"#,
            r#"{"connection":1}"#,
            r#"{"email":"a@example.com"}"#,
            r#"{"connection":"c","email":"no address"}"#,
            r#"{"connection":"c","name":null}"#,
        ] {
            assert_eq!(parse_create(&request(body)).unwrap_err().status, 400, "{body}");
        }
    }
}

//! Builds responses in the format of the contract, and reads values at its paths.

use serde_json::{Map, Value, json};

use super::settings::{GenericStubEnvelope, GenericStubSettings};
use crate::http::response::StubResponse;
use crate::stub::log_unsupported;

/// Why a call is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GenericStubError {
    pub(super) status: u16,
    pub(super) text: String,
    pub(super) retry_after: Option<i64>,
}

impl GenericStubError {
    pub(super) fn new(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            retry_after: None,
        }
    }

    /// Refuses a parameter that the contract does not have, and logs it.
    pub(super) fn unknown_parameter(name: &str) -> Self {
        log_unsupported("generic", &format!("the parameter {name}"));
        Self::new(400, format!("{name} is not a parameter of this call"))
    }
}

/// Puts a value at a JSON pointer and creates its parents; the index 0 creates a list of one.
pub(super) fn put(root: &mut Value, pointer: &str, value: Value) {
    let mut at = root;
    for part in pointer.split('/').skip(1) {
        if part == "0" {
            if !at.is_array() {
                *at = json!([null]);
            }
            at = &mut at[0];
        } else {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            at = &mut at[part];
        }
    }
    *at = value;
}

/// Every value at a path into a user; `*` is every entry of a list.
pub(super) fn values<'a>(user: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![user];
    for part in path.split('/').skip(1) {
        found = found
            .into_iter()
            .flat_map(|value| match (part, value) {
                ("*", Value::Array(entries)) => entries.iter().collect(),
                (name, value) => value.get(name).into_iter().collect::<Vec<_>>(),
            })
            .collect();
    }
    found
}

/// A right response, with the number of success where the contract has one.
pub(super) fn success(settings: &GenericStubSettings, mut body: Value) -> StubResponse {
    if let GenericStubEnvelope::Status { pointer, ok } = &settings.envelope {
        put(&mut body, pointer, json!(ok));
    }
    StubResponse::json(200, &body)
}

/// A failure, with its status or inside a 200. Beside a member that only failures have there is a `code`.
pub(super) fn failure(settings: &GenericStubSettings, failure: &GenericStubError) -> StubResponse {
    let mut body = Value::Object(Map::new());
    match &settings.envelope {
        GenericStubEnvelope::Plain => put(&mut body, "/error", failure.text.clone().into()),
        GenericStubEnvelope::Status { pointer, .. } => {
            put(&mut body, pointer, failure.status.into());
            let beside = pointer.rsplit_once('/').map_or("", |(before, _)| before);
            put(&mut body, &format!("{beside}/message"), failure.text.clone().into());
        }
        GenericStubEnvelope::Member { name } => {
            put(&mut body, &format!("/{name}"), failure.text.clone().into());
            put(&mut body, "/code", failure.status.into());
        }
    }
    let plain = settings.envelope == GenericStubEnvelope::Plain;
    let has_status = plain || settings.statuses.contains(&failure.status);
    StubResponse::json(if has_status { failure.status } else { 200 }, &body).with_retry_after(failure.retry_after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn put_value_is_found_at_its_pointer() {
        for pointer in ["/users/0", "/response/user", "/a", "/a/0/b"] {
            let mut root = json!({"kept": 1});
            put(&mut root, pointer, json!("x"));
            assert_eq!((root.pointer(pointer), &root["kept"]), (Some(&json!("x")), &json!(1)));
        }
        let mut whole = json!({"kept": 1});
        put(&mut whole, "", json!([1]));
        assert_eq!(whole, json!([1]));
    }

    #[test]
    fn star_selects_every_entry() {
        let user = json!({"linked": [{"email": "a"}, {"email": "b"}, {}]});
        assert_eq!(values(&user, "/linked/*/email"), [&json!("a"), &json!("b")]);
        assert!(values(&user, "/nothing/*/x").is_empty());
    }

    #[test]
    fn failure_has_the_format_of_the_contract() {
        let body = |reply: &StubResponse| serde_json::from_slice::<Value>(&reply.body).unwrap();
        let not_found = GenericStubError::new(404, "no such user");
        let reply = failure(&GenericStubSettings::firefly(), &not_found);
        assert_eq!(
            (reply.status, body(&reply)["meta"]["status"].as_i64()),
            (200, Some(404))
        );
        let reply = failure(&GenericStubSettings::ssor(), &not_found);
        assert_eq!(
            (reply.status, body(&reply)),
            (404, json!({"errMsg": "no such user", "code": 404}))
        );
        let reply = failure(&GenericStubSettings::ssor(), &GenericStubError::new(400, "bad"));
        assert_eq!(
            (reply.status, body(&reply)),
            (200, json!({"errMsg": "bad", "code": 400}))
        );
    }
}

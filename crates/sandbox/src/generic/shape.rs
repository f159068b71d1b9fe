//! Puts things into an answer where the contract says they are, and finds them again.

use serde_json::{Map, Value, json};

use super::settings::{GenericStubEnvelope, GenericStubSettings};
use crate::server::reply::Reply;

/// Why a call is not carried out, before it is clothed as the contract says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) text: String,
    pub(super) wait: Option<i64>,
}

impl Failure {
    pub(super) fn new(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            wait: None,
        }
    }
}

/// Puts a value at a JSON pointer, making what lies on the way; a number on the way makes a list of one.
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

/// A right answer, with the mark of success where the contract wants one.
pub(super) fn success(settings: &GenericStubSettings, mut body: Value) -> Reply {
    if let GenericStubEnvelope::Status { pointer, ok } = &settings.envelope {
        put(&mut body, pointer, json!(ok));
    }
    Reply::json(200, &body)
}

/// A failure, with its own status or inside a 200, as the contract says.
pub(super) fn failure(settings: &GenericStubSettings, failure: &Failure) -> Reply {
    let mut body = Value::Object(Map::new());
    match &settings.envelope {
        GenericStubEnvelope::Plain => put(&mut body, "/error", failure.text.clone().into()),
        GenericStubEnvelope::Status { pointer, .. } => {
            put(&mut body, pointer, failure.status.into());
            let beside = pointer.rsplit_once('/').map_or("", |(before, _)| before);
            put(&mut body, &format!("{beside}/message"), failure.text.clone().into());
        }
        GenericStubEnvelope::Member { name } => put(&mut body, &format!("/{name}"), failure.text.clone().into()),
    }
    let plain = settings.envelope == GenericStubEnvelope::Plain;
    let own = plain || settings.statuses.contains(&failure.status);
    let reply = Reply::json(if own { failure.status } else { 200 }, &body);
    match failure.wait {
        Some(seconds) => reply.with("retry-after", seconds),
        None => reply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_somewhere_is_found_there() {
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
    fn a_star_is_every_entry() {
        let user = json!({"linked": [{"email": "a"}, {"email": "b"}, {}]});
        assert_eq!(values(&user, "/linked/*/email"), [&json!("a"), &json!("b")]);
        assert!(values(&user, "/nothing/*/x").is_empty());
    }

    #[test]
    fn a_failure_wears_the_clothes_of_its_contract() {
        let body = |reply: &Reply| serde_json::from_slice::<Value>(&reply.body).unwrap();
        let gone = Failure::new(404, "no such user");
        let reply = failure(&GenericStubSettings::firefly(), &gone);
        assert_eq!(
            (reply.status, body(&reply)["meta"]["status"].as_i64()),
            (200, Some(404))
        );
        let reply = failure(&GenericStubSettings::ssor(), &gone);
        assert_eq!((reply.status, body(&reply)), (404, json!({"errMsg": "no such user"})));
        let reply = failure(&GenericStubSettings::ssor(), &Failure::new(400, "bad"));
        assert_eq!((reply.status, body(&reply)), (200, json!({"errMsg": "bad"})));
    }
}

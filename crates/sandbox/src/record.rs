//! What was asked of a stand-in, in its exact wire form, for tests that compare requests.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::Value;

use crate::server::request::{Request, form};

/// The newest requests that are kept; older ones are forgotten and still counted.
const KEPT: usize = 20_000;

/// Names whose values are shown only on demand.
const SECRET: [&str; 9] = [
    "client_secret",
    "client_assertion",
    "password",
    "newPassword",
    "access_token",
    "refresh_token",
    "secret",
    "regToken",
    "loginToken",
];

const HIDDEN: &str = "<hidden>";

/// One request that a stand-in received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordedRequest {
    /// Counts from 1, since the last reset.
    pub number: u64,
    /// The method, as sent.
    pub method: String,
    /// The path, as sent: still percent-encoded.
    pub path: String,
    /// The text after `?`, as sent.
    pub query: String,
    /// All headers in the order sent, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
    /// The status that was answered; nothing while there is no answer, or when a fault left none.
    pub status: Option<u16>,
    /// Whether a fault befell the call.
    pub faulty: bool,
}

impl RecordedRequest {
    /// The first header of this (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn hidden(mut self) -> Self {
        for (name, value) in &mut self.headers {
            if name == "authorization" {
                let scheme = value.split(' ').next().unwrap_or_default().to_owned();
                *value = format!("{scheme} {HIDDEN}");
            } else if name.contains("secret") || name.contains("token") || name.contains("api-key") {
                HIDDEN.clone_into(value);
            }
        }
        self.query = hidden_form(&self.query);
        self.body = hidden_body(&self.body);
        self
    }
}

fn hidden_body(body: &str) -> String {
    if let Ok(mut json @ Value::Object(_)) = serde_json::from_str::<Value>(body) {
        if hide(&mut json) {
            return json.to_string();
        }
        return body.to_owned();
    }
    hidden_form(body)
}

fn hidden_form(text: &str) -> String {
    if !form(text).iter().any(|(name, _)| SECRET.contains(&name.as_str())) {
        return text.to_owned();
    }
    let pairs = text.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if SECRET.contains(&name) => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn hide(json: &mut Value) -> bool {
    match json {
        Value::Object(members) => {
            let mut hidden = false;
            for (name, value) in members {
                if SECRET.contains(&name.as_str()) {
                    *value = HIDDEN.into();
                    hidden = true;
                } else {
                    hidden |= hide(value);
                }
            }
            hidden
        }
        Value::Array(entries) => entries.iter_mut().fold(false, |hidden, entry| hide(entry) | hidden),
        _ => false,
    }
}

/// The requests received since the last reset.
#[derive(Debug, Default)]
pub(crate) struct Log {
    kept: VecDeque<RecordedRequest>,
    count: u64,
    under_way: u64,
    most_at_once: u64,
}

impl Log {
    /// Notes a request and gives it its number.
    pub(crate) fn note(&mut self, request: &Request) -> u64 {
        self.count += 1;
        self.under_way += 1;
        self.most_at_once = self.most_at_once.max(self.under_way);
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(RecordedRequest {
            number: self.count,
            method: request.method.clone(),
            path: request.path().to_owned(),
            query: request.query().to_owned(),
            headers: request.headers.clone(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            status: None,
            faulty: false,
        });
        self.count
    }

    /// Notes how a request was answered.
    pub(crate) fn answered(&mut self, number: u64, status: Option<u16>, faulty: bool) {
        if let Some(entry) = self.kept.iter_mut().rev().find(|entry| entry.number == number) {
            entry.status = status;
            entry.faulty = faulty;
        }
    }

    /// Notes that a call is over, however it ended.
    pub(crate) fn over(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    pub(crate) fn list(&self, secrets: bool) -> Vec<RecordedRequest> {
        let kept = self.kept.iter().cloned();
        kept.map(|entry| if secrets { entry } else { entry.hidden() }).collect()
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn count_under(&self, prefix: &str) -> u64 {
        self.kept.iter().filter(|entry| entry.path.starts_with(prefix)).count() as u64
    }

    pub(crate) fn most_at_once(&self) -> u64 {
        self.most_at_once
    }

    /// Forgets everything but the calls that are under way.
    pub(crate) fn clear(&mut self) {
        let under_way = self.under_way;
        *self = Self {
            under_way,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(authorization: &str, body: &str) -> RecordedRequest {
        let mut log = Log::default();
        log.note(&Request {
            method: "POST".into(),
            target: "/oauth/token?x=1".into(),
            headers: vec![("authorization".into(), authorization.into())],
            body: body.as_bytes().to_vec(),
            ..Request::default()
        });
        log.list(false).remove(0)
    }

    #[test]
    fn secrets_are_hidden_unless_they_are_asked_for() {
        let entry = recorded("Bearer aaa.bbb.ccc", "client_id=me&client_secret=s3");
        assert_eq!(entry.header("authorization"), Some("Bearer <hidden>"));
        assert_eq!(entry.body, "client_id=me&client_secret=<hidden>");
        let entry = recorded("", "apiKey=3_x&secret=c2VjcmV0&newPassword=p&UID=1");
        assert_eq!(entry.body, "apiKey=3_x&secret=<hidden>&newPassword=<hidden>&UID=1");
        let entry = recorded("", r#"{"email":"a@example.com","x":[{"password":"p"}]}"#);
        assert!(
            !entry.body.contains(r#""p""#) && entry.body.contains("a@example.com"),
            "{}",
            entry.body
        );
    }

    #[test]
    fn a_body_without_secrets_is_kept_to_the_byte() {
        let body = r#"{ "b": 1,  "a": 2 }"#;
        assert_eq!(recorded("", body).body, body);
    }

    #[test]
    fn calls_under_way_are_counted_at_their_peak() {
        let mut log = Log::default();
        log.note(&Request::default());
        log.note(&Request::default());
        log.over();
        log.note(&Request::default());
        assert_eq!((log.most_at_once(), log.count()), (2, 3));
    }
}

//! The requests a stub received, exactly as sent, for tests that compare requests.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::Value;

use crate::http::request::WireRequest;
use crate::name_list::contains_name;

/// The number of requests kept; older ones are dropped and still counted.
const KEPT: usize = 20_000;

/// Parameters and members whose values are hidden by default.
const SECRETS: &str = "client_secret client_assertion password newPassword access_token refresh_token secret regToken loginToken PASSWORD SECRET_HASH";

const HIDDEN: &str = "<hidden>";

/// One request that a stub received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordedRequest {
    /// Counts from 1 since the last reset.
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
    /// The status of the response; `None` while there is none, or when a fault sent none.
    pub status: Option<u16>,
    /// Whether a fault applied to the call.
    pub faulty: bool,
}

impl RecordedRequest {
    /// The first header of this (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn without_secrets(mut self) -> Self {
        for (name, value) in &mut self.headers {
            if name == "authorization" {
                let scheme = value.split(' ').next().unwrap_or_default().to_owned();
                *value = format!("{scheme} {HIDDEN}");
            } else if name.contains("secret") || name.contains("token") || name.contains("api-key") {
                HIDDEN.clone_into(value);
            }
        }
        self.query = hide_in_form(&self.query);
        self.body = hide_in_body(&self.body);
        self
    }
}

fn hide_in_body(body: &str) -> String {
    let Ok(mut json @ Value::Object(_)) = serde_json::from_str::<Value>(body) else {
        return hide_in_form(body);
    };
    if hide_in_json(&mut json) {
        json.to_string()
    } else {
        body.to_owned()
    }
}

fn hide_in_form(text: &str) -> String {
    let pairs = text.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if contains_name(SECRETS, name) => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Hides secret members; returns whether there were any.
fn hide_in_json(json: &mut Value) -> bool {
    match json {
        Value::Object(members) => members.iter_mut().fold(false, |found, (name, value)| {
            if contains_name(SECRETS, name) {
                *value = HIDDEN.into();
                return true;
            }
            hide_in_json(value) | found
        }),
        Value::Array(entries) => entries
            .iter_mut()
            .fold(false, |found, entry| hide_in_json(entry) | found),
        _ => false,
    }
}

/// The requests received since the last reset.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    kept: VecDeque<RecordedRequest>,
    count: u64,
    in_progress: u64,
    most_at_once: u64,
}

impl RequestLog {
    /// Records a request and returns its number.
    pub(crate) fn record(&mut self, request: &WireRequest) -> u64 {
        self.count += 1;
        self.in_progress += 1;
        self.most_at_once = self.most_at_once.max(self.in_progress);
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

    /// Records how a request was answered.
    pub(crate) fn set_status(&mut self, number: u64, status: Option<u16>, faulty: bool) {
        if let Some(entry) = self.kept.iter_mut().rev().find(|entry| entry.number == number) {
            entry.status = status;
            entry.faulty = faulty;
        }
    }

    /// Records that a call ended, with or without a response.
    pub(crate) fn end_call(&mut self) {
        self.in_progress = self.in_progress.saturating_sub(1);
    }

    pub(crate) fn list(&self, secrets: bool) -> Vec<RecordedRequest> {
        let kept = self.kept.iter().cloned();
        kept.map(|entry| if secrets { entry } else { entry.without_secrets() })
            .collect()
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

    /// Drops all requests; calls in progress stay counted.
    pub(crate) fn clear(&mut self) {
        let in_progress = self.in_progress;
        *self = Self {
            in_progress,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(authorization: &str, body: &str) -> RecordedRequest {
        let mut log = RequestLog::default();
        log.record(&WireRequest {
            method: "POST".into(),
            target: "/oauth/token?x=1".into(),
            headers: vec![
                ("authorization".into(), authorization.into()),
                ("x-firefly-secret".into(), "s3".into()),
            ],
            body: body.as_bytes().to_vec(),
            ..WireRequest::default()
        });
        log.list(false).remove(0)
    }

    #[test]
    fn secrets_are_hidden_by_default() {
        let entry = recorded("Bearer aaa.bbb.ccc", "client_id=me&client_secret=s3");
        assert_eq!(entry.header("authorization"), Some("Bearer <hidden>"));
        assert_eq!(entry.header("x-firefly-secret"), Some("<hidden>"));
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
    fn body_without_secrets_is_unchanged() {
        let body = r#"{ "b": 1,  "a": 2 }"#;
        assert_eq!(recorded("", body).body, body);
    }

    #[test]
    fn peak_of_concurrent_calls_is_counted() {
        let mut log = RequestLog::default();
        log.record(&WireRequest::default());
        log.record(&WireRequest::default());
        log.end_call();
        log.record(&WireRequest::default());
        assert_eq!((log.most_at_once(), log.count()), (2, 3));
    }
}

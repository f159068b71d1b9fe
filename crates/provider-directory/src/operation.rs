//! One call as a directory takes it: method, path, and where its parameters go.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use serde_json::Value;

use crate::template::{Given, Json, Pairs, Path, Slot, Text, encoded};

/// A call with places for values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: Path,
    pub(crate) query: Pairs,
    pub(crate) body: Option<Body>,
}

/// A body with places for values. Where a call has one, parameters go into it; else into the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    Form(Pairs),
    Json(Json),
}

/// The value of a parameter, which may be a secret. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Param {
    Text(String),
    Number(u64),
}

impl Body {
    /// Parses a JSON object, or the pairs of a form.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.starts_with('{') {
            Json::parse(text).map(Self::Json)
        } else {
            Pairs::parse(text).map(Self::Form)
        }
    }
}

impl Operation {
    /// Whether there is a place for this value somewhere.
    pub(crate) fn holds(&self, slot: Slot) -> bool {
        self.texts().any(|text| text.holds(slot))
    }

    /// Whether there is a place for this value and for no other.
    pub(crate) fn holds_only(&self, slot: Slot) -> bool {
        self.holds(slot) && self.texts().all(|text| text.holds_only(slot))
    }

    fn texts(&self) -> impl Iterator<Item = &Text> {
        let in_body = match &self.body {
            None => Vec::new(),
            Some(Body::Form(pairs)) => pairs.texts().collect(),
            Some(Body::Json(json)) => json.texts(),
        };
        [self.path.text()].into_iter().chain(self.query.texts()).chain(in_body)
    }

    /// The request; `None` when it cannot be written with these values.
    pub(crate) fn request(
        &self,
        base: &str,
        given: &Given<'_>,
        params: Vec<(String, Param)>,
        headers: &HeaderMap,
    ) -> Option<Request<Bytes>> {
        let mut query = self.query.fill(given);
        let mut typed = None;
        let body = match &self.body {
            None => {
                query.extend(params.into_iter().map(|(name, value)| (name, value.into_text())));
                Bytes::new()
            }
            Some(Body::Form(pairs)) => {
                let mut form = pairs.fill(given);
                form.extend(params.into_iter().map(|(name, value)| (name, value.into_text())));
                typed = Some("application/x-www-form-urlencoded");
                joined(&form).into()
            }
            Some(Body::Json(json)) => {
                let mut members = json.fill(given);
                members.extend(params.into_iter().map(|(name, value)| (name, value.into_json())));
                typed = Some("application/json");
                Value::Object(members).to_string().into()
            }
        };
        let path = self.path.fill(given)?;
        let question = if query.is_empty() { "" } else { "?" };
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(format!("{base}{path}{question}{}", joined(&query)))
            .body(body)
            .ok()?;
        request.headers_mut().extend(headers.clone());
        if let Some(typed) = typed {
            let typed = http::HeaderValue::from_static(typed);
            request.headers_mut().insert(header::CONTENT_TYPE, typed);
        }
        Some(request)
    }
}

impl fmt::Debug for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Param(<redacted>)")
    }
}

impl Param {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }

    fn into_json(self) -> Value {
        match self {
            Self::Text(text) => text.into(),
            Self::Number(number) => number.into(),
        }
    }
}

fn joined(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(query: &str, body: Option<&str>) -> Operation {
        Operation {
            method: if body.is_some() { Method::POST } else { Method::GET },
            path: Path::parse("/people").unwrap(),
            query: Pairs::parse(query).unwrap(),
            body: body.map(|text| Body::parse(text).unwrap()),
        }
    }

    fn sent(operation: &Operation) -> (String, String) {
        let given = Given {
            email: Some("a&b=\"c\"@x"),
            ..Given::default()
        };
        let params = vec![
            ("site".to_owned(), Param::Text("s t".to_owned())),
            ("limit".to_owned(), Param::Number(5)),
        ];
        let request = operation
            .request("http://h/base", &given, params, &HeaderMap::new())
            .unwrap();
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        (request.uri().to_string(), body)
    }

    #[test]
    fn parameters_go_where_the_call_has_its_data() {
        let (uri, body) = sent(&operation("e={email}", None));
        assert_eq!(
            (uri.as_str(), body.as_str()),
            ("http://h/base/people?e=a%26b%3D%22c%22%40x&site=s%20t&limit=5", "")
        );
        let (uri, body) = sent(&operation("v=1", Some("e={email}")));
        assert_eq!(
            (uri.as_str(), body.as_str()),
            ("http://h/base/people?v=1", "e=a%26b%3D%22c%22%40x&site=s%20t&limit=5")
        );
        let (_, body) = sent(&operation("v=1", Some(r#"{"e": "{email}"}"#)));
        assert_eq!(body, r#"{"e":"a&b=\"c\"@x","limit":5,"site":"s t"}"#);
    }

    #[test]
    fn a_call_tells_which_values_it_has_places_for() {
        let call = operation("e={email}", Some(r#"{"where": ["{firstName}"]}"#));
        assert!(call.holds(Slot::Email) && call.holds(Slot::FirstName) && !call.holds(Slot::Id));
        assert!(!call.holds_only(Slot::Email) && operation("e={email}", None).holds_only(Slot::Email));
    }
}

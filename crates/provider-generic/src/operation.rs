//! One call as a provider takes it: method, path, and where its parameters go.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use serde_json::Value;

use crate::{
    pointer::Pointer,
    template::{JsonTemplate, PairsTemplate, PathTemplate, Placeholder, TemplateValues, TextTemplate, encoded},
};

/// A call with places for values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OperationTemplate {
    pub(crate) method: Method,
    pub(crate) path: PathTemplate,
    pub(crate) query: PairsTemplate,
    pub(crate) body: Option<BodyTemplate>,
}

/// A body with places for values. Where a call has one, parameters go into it; else into the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyTemplate {
    Form(PairsTemplate),
    JsonTemplate(JsonTemplate),
}

/// The value of a parameter, which may be a secret. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum ParamValue {
    TextTemplate(String),
    Number(u64),
}

impl BodyTemplate {
    /// Parses a JSON object, or the pairs of a form.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.starts_with('{') {
            JsonTemplate::parse(text).map(Self::JsonTemplate)
        } else {
            PairsTemplate::parse(text).map(Self::Form)
        }
    }
}

impl OperationTemplate {
    /// Whether there is a place for this value somewhere.
    pub(crate) fn holds(&self, slot: Placeholder) -> bool {
        self.texts().any(|text| text.holds(slot))
    }

    /// Whether there is a place for this value and for no other.
    pub(crate) fn holds_only(&self, slot: Placeholder) -> bool {
        self.holds(slot) && self.texts().all(|text| text.holds_only(slot))
    }

    fn texts(&self) -> impl Iterator<Item = &TextTemplate> {
        let in_body = match &self.body {
            None => Vec::new(),
            Some(BodyTemplate::Form(pairs)) => pairs.texts().collect(),
            Some(BodyTemplate::JsonTemplate(json)) => json.texts(),
        };
        [self.path.text()].into_iter().chain(self.query.texts()).chain(in_body)
    }

    /// The request; `None` when it cannot be written with these values. `object` goes into a JSON body at its place.
    pub(crate) fn request(
        &self,
        base: &str,
        values: &TemplateValues<'_>,
        params: Vec<(String, ParamValue)>,
        headers: &HeaderMap,
        object: Option<(&Pointer, Value)>,
    ) -> Option<Request<Bytes>> {
        let mut query = self.query.fill(values);
        let mut typed = None;
        let body = match &self.body {
            None => {
                query.extend(params.into_iter().map(|(name, value)| (name, value.into_text())));
                Bytes::new()
            }
            Some(BodyTemplate::Form(pairs)) => {
                let mut form = pairs.fill(values);
                form.extend(params.into_iter().map(|(name, value)| (name, value.into_text())));
                typed = Some("application/x-www-form-urlencoded");
                joined(&form).into()
            }
            Some(BodyTemplate::JsonTemplate(json)) => {
                let mut members = json.fill(values);
                members.extend(params.into_iter().map(|(name, value)| (name, value.into_json())));
                let mut body = Value::Object(members);
                if let Some((place, object)) = object {
                    place.put(&mut body, object).then_some(())?;
                }
                typed = Some("application/json");
                body.to_string().into()
            }
        };
        let path = self.path.fill(values)?;
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

impl fmt::Debug for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Param(<redacted>)")
    }
}

impl ParamValue {
    fn into_text(self) -> String {
        match self {
            Self::TextTemplate(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }

    fn into_json(self) -> Value {
        match self {
            Self::TextTemplate(text) => text.into(),
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

    fn operation(query: &str, body: Option<&str>) -> OperationTemplate {
        OperationTemplate {
            method: if body.is_some() { Method::POST } else { Method::GET },
            path: PathTemplate::parse("/people").unwrap(),
            query: PairsTemplate::parse(query).unwrap(),
            body: body.map(|text| BodyTemplate::parse(text).unwrap()),
        }
    }

    fn sent(operation: &OperationTemplate) -> (String, String) {
        let values = TemplateValues {
            email: Some("a&b=\"c\"@x"),
            ..TemplateValues::default()
        };
        let params = vec![
            ("site".to_owned(), ParamValue::TextTemplate("s t".to_owned())),
            ("limit".to_owned(), ParamValue::Number(5)),
        ];
        let request = operation
            .request("http://h/base", &values, params, &HeaderMap::new(), None)
            .unwrap();
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        (request.uri().to_string(), body)
    }

    #[test]
    fn parameters_follow_the_body_kind() {
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
    fn operation_knows_its_placeholders() {
        let call = operation("e={email}", Some(r#"{"where": ["{firstName}"]}"#));
        assert!(call.holds(Placeholder::Email) && call.holds(Placeholder::FirstName) && !call.holds(Placeholder::Id));
        assert!(!call.holds_only(Placeholder::Email) && operation("e={email}", None).holds_only(Placeholder::Email));
    }
}

//! Answers of the edge itself, in the contract's envelope, to requests that the API never sees.

use axum::body::Body;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
};

/// Why a request is refused before it is understood. The codes are ours (contract §2.6 has none for these).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    UriTooLong,
    HeadersTooLarge,
}

impl Refusal {
    const fn status(self) -> StatusCode {
        match self {
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }

    const fn body(self) -> &'static str {
        match self {
            Self::UriTooLong => {
                r#"{"message":{"code":"UsersOrchestrator_E414","text":"URI Too Long - use POST /v4/Users/Search","type":"Error"},"meta":null,"data":null}"#
            }
            Self::HeadersTooLarge => {
                r#"{"message":{"code":"UsersOrchestrator_E431","text":"Request Header Fields Too Large","type":"Error"},"meta":null,"data":null}"#
            }
        }
    }

    pub(super) fn response(self) -> Response<Body> {
        let mut answer = Response::new(Body::from(self.body()));
        *answer.status_mut() = self.status();
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body().len()));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// The whole answer to a connection that is one too many: the API's own E503.
pub(crate) fn overloaded() -> Vec<u8> {
    const BODY: &str = r#"{"message":{"code":"UsersOrchestrator_E503","text":"Service Unavailable - too many connections","type":"Error"},"meta":null,"data":null}"#;
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nretry-after: 1\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_an_envelope_whose_code_is_its_status() {
        for refusal in [Refusal::UriTooLong, Refusal::HeadersTooLarge] {
            let value: serde_json::Value = serde_json::from_str(refusal.body()).unwrap();
            let code = format!("UsersOrchestrator_E{}", refusal.status().as_str());
            assert_eq!(value["message"]["code"], code);
            assert_eq!(value["message"]["type"], "Error");
        }
        let whole = String::from_utf8(overloaded()).unwrap();
        let (_, body) = whole.split_once("\r\n\r\n").unwrap();
        let value: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(value["message"]["code"], "UsersOrchestrator_E503");
    }
}

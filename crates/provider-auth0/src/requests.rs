//! The requests as they go on the wire; what Auth0's own Node library sends for the same calls (golden recordings).

use bytes::Bytes;
use http::{Method, Request, header};
use masthead_provider_kit::path::is_segment;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// The characters that are escaped in one segment of a path (as by ECMAScript's encodeURIComponent).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// The same for a value after `?`, where WHATWG URL encodes the quote as well.
const VALUE: &AsciiSet = &SEGMENT.add(b'\'');

#[derive(Debug, Clone, Copy)]
pub(crate) struct Auth0Requests<'a> {
    /// The address of the API, without a slash at its end.
    pub(crate) origin: &'a str,
}

/// A page of `GET /users`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListCall<'a> {
    /// Counts from 0.
    pub(crate) page: u64,
    /// At most 100.
    pub(crate) per_page: u64,
    /// `field:1` or `field:-1`.
    pub(crate) sort: Option<&'static str>,
    pub(crate) q: Option<&'a str>,
}

impl Auth0Requests<'_> {
    /// `None`, here and below, for an id that no path can carry.
    pub(crate) fn user(self, id: &str) -> Option<Result<Request<Bytes>, http::Error>> {
        Some(self.without_body(Method::GET, &user_path(id)?))
    }

    pub(crate) fn by_email(self, email: &str) -> Result<Request<Bytes>, http::Error> {
        self.without_body(Method::GET, &format!("users-by-email?email={}", value(email)))
    }

    pub(crate) fn list(self, call: ListCall<'_>) -> Result<Request<Bytes>, http::Error> {
        let ListCall {
            page,
            per_page,
            sort,
            q,
        } = call;
        let mut target = format!("users?page={page}&per_page={per_page}&include_totals=true");
        if let Some(sort) = sort {
            target = format!("{target}&sort={}", value(sort));
        }
        if let Some(q) = q {
            target = format!("{target}&q={}&search_engine=v3", value(q));
        }
        self.without_body(Method::GET, &target)
    }

    pub(crate) fn create(self, body: &Value) -> Result<Request<Bytes>, http::Error> {
        self.with_body(Method::POST, "users", body)
    }

    pub(crate) fn update(self, id: &str, body: &Value) -> Option<Result<Request<Bytes>, http::Error>> {
        Some(self.with_body(Method::PATCH, &user_path(id)?, body))
    }

    pub(crate) fn delete(self, id: &str) -> Option<Result<Request<Bytes>, http::Error>> {
        Some(self.without_body(Method::DELETE, &user_path(id)?))
    }

    fn without_body(self, method: Method, target: &str) -> Result<Request<Bytes>, http::Error> {
        Request::builder()
            .method(method)
            .uri(self.uri(target))
            .body(Bytes::new())
    }

    fn with_body(self, method: Method, target: &str, body: &Value) -> Result<Request<Bytes>, http::Error> {
        Request::builder()
            .method(method)
            .uri(self.uri(target))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string().into())
    }

    fn uri(self, target: &str) -> String {
        format!("{}/api/v2/{target}", self.origin)
    }
}

fn user_path(id: &str) -> Option<String> {
    is_segment(id).then(|| format!("users/{}", utf8_percent_encode(id, SEGMENT)))
}

fn value(text: &str) -> String {
    utf8_percent_encode(text, VALUE).to_string()
}

//! A response before it is written, and its bytes on the wire.

use std::fmt::{Display, Write as _};
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

/// Shorter bodies are sent uncompressed, as the real edge does.
const COMPRESSED_FROM: usize = 1024;

/// A whole response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StubResponse {
    pub(crate) status: u16,
    /// Without `date`, `content-length` and `connection`, which are added when the response is written.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl StubResponse {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        let body = body.into();
        Self { status, headers, body }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", body.to_string())
    }

    /// The HTML page that a proxy sends with an error.
    pub(crate) fn html_error(status: u16) -> Self {
        Self::html(status, &format!("{status} {}", reason_phrase(status)))
    }

    pub(crate) fn html(status: u16, title: &str) -> Self {
        let body = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        Self::new(status, "text/html; charset=utf-8", body)
    }

    pub(crate) fn empty(status: u16) -> Self {
        let (headers, body) = (Vec::new(), Vec::new());
        Self { status, headers, body }
    }

    /// A new access token in the OAuth response format.
    pub(crate) fn access_token(token: &str, lifetime_s: u64) -> Self {
        let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": lifetime_s});
        Self::json(200, &body).with("cache-control", "no-store")
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_string()));
        self
    }

    pub(crate) fn with_retry_after(self, seconds: Option<impl Display>) -> Self {
        match seconds {
            Some(seconds) => self.with("retry-after", seconds),
            None => self,
        }
    }

    /// Compresses the body when the client accepts gzip and the body is long enough.
    pub(crate) fn compressed(mut self, accept_encoding: Option<&str>) -> Self {
        let accepted = accept_encoding.is_some_and(|accept| accept.contains("gzip"));
        if !accepted || self.body.len() < COMPRESSED_FROM {
            return self;
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let written = gzip.write_all(&self.body).and_then(|()| gzip.finish());
        let Ok(compressed) = written else { return self };
        self.body = compressed;
        self.with("content-encoding", "gzip").with("vary", "accept-encoding")
    }

    /// The status line and headers, with the empty line that ends them.
    pub(crate) fn head_bytes(&self, framing: BodyFraming, close: bool, now: OffsetDateTime) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason_phrase(self.status));
        let _ = write!(head, "date: {}\r\n", http_date(now));
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        match framing {
            BodyFraming::Length(length) if self.status != 204 => {
                let _ = write!(head, "content-length: {length}\r\n");
            }
            BodyFraming::Length(_) => {}
            BodyFraming::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
        }
        let connection = if close { "close" } else { "keep-alive" };
        let _ = write!(head, "connection: {connection}\r\n\r\n");
        head.into_bytes()
    }

    /// The whole response as bytes.
    pub(crate) fn to_bytes(&self, close: bool, now: OffsetDateTime) -> Vec<u8> {
        let mut wire = self.head_bytes(BodyFraming::Length(self.body.len()), close, now);
        wire.extend_from_slice(&self.body);
        wire
    }
}

/// How the client learns where the body ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BodyFraming {
    Length(usize),
    Chunked,
}

/// The reason phrase, which is also the `error` of Auth0's error bodies.
pub(crate) fn reason_phrase(status: u16) -> &'static str {
    let known = StatusCode::from_u16(status).ok();
    known.and_then(|status| status.canonical_reason()).unwrap_or("Status")
}

fn http_date(now: OffsetDateTime) -> String {
    let format =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    now.format(&format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-02 03:04:05 UTC);

    fn text(response: &StubResponse, close: bool) -> String {
        String::from_utf8(response.to_bytes(close, NOW)).unwrap()
    }

    #[test]
    fn response_has_date_and_length() {
        let text = text(&StubResponse::json(200, &json!([])), false);
        let (start, end) = (
            "HTTP/1.1 200 OK\r\ndate: Fri, 02 Jan 2026 03:04:05 GMT\r\n",
            "content-length: 2\r\nconnection: keep-alive\r\n\r\n[]",
        );
        assert!(text.starts_with(start) && text.ends_with(end), "{text}");
    }

    #[test]
    fn no_content_has_no_length() {
        let text = text(&StubResponse::empty(204), true);
        assert!(
            !text.contains("content-length") && text.ends_with("connection: close\r\n\r\n"),
            "{text}"
        );
    }

    #[test]
    fn only_long_bodies_are_compressed_on_request() {
        let long = StubResponse::json(200, &json!("x".repeat(5000)));
        assert_eq!(long.clone().compressed(None), long);
        let short = StubResponse::json(200, &json!("x"));
        assert_eq!(short.clone().compressed(Some("gzip")), short);
        let compressed = long.compressed(Some("gzip, br"));
        assert!(compressed.body.len() < 200 && compressed.headers.contains(&("content-encoding", "gzip".into())));
    }
}

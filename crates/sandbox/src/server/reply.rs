//! An answer before it is put on the wire, and how it looks there.

use std::fmt::{Display, Write as _};
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::format_description;

/// Answers shorter than this are sent as they are, as the real edge does.
const COMPRESSED_FROM: usize = 1024;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Without `date`, `content-length` and `connection`, which the writer adds.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
        Self {
            status,
            headers,
            body: body.to_string().into_bytes(),
        }
    }

    pub(crate) fn html(status: u16, title: &str) -> Self {
        let body = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
        Self {
            status,
            headers,
            body: body.into_bytes(),
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_string()));
        self
    }

    /// Packs the body when the caller takes gzip and it is long enough to be worth it.
    pub(crate) fn compressed(mut self, accept: Option<&str>) -> Self {
        let accepted = accept.is_some_and(|accept| accept.contains("gzip"));
        if !accepted || self.body.len() < COMPRESSED_FROM {
            return self;
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        if gzip.write_all(&self.body).is_err() {
            return self;
        }
        let Ok(packed) = gzip.finish() else { return self };
        self.body = packed;
        self.with("content-encoding", "gzip").with("vary", "accept-encoding")
    }

    /// The status line and headers, with the empty line that ends them.
    pub(crate) fn head(&self, framing: Framing, close: bool, now: OffsetDateTime) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let _ = write!(head, "date: {}\r\n", http_date(now));
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        match framing {
            Framing::Length(length) if self.status != 204 => {
                let _ = write!(head, "content-length: {length}\r\n");
            }
            Framing::Length(_) => {}
            Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
        }
        head.push_str(if close {
            "connection: close\r\n\r\n"
        } else {
            "connection: keep-alive\r\n\r\n"
        });
        head.into_bytes()
    }

    /// The whole answer as bytes.
    pub(crate) fn wire(&self, close: bool, now: OffsetDateTime) -> Vec<u8> {
        let mut wire = self.head(Framing::Length(self.body.len()), close, now);
        wire.extend_from_slice(&self.body);
        wire
    }
}

/// How the reader learns where the body ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
}

/// The reason phrase, which is also the `error` of Auth0's error bodies.
pub(crate) const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

fn http_date(now: OffsetDateTime) -> String {
    let format =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    now.format(&format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_answer_is_written_with_its_length() {
        let wire = Reply::json(200, &json!([])).wire(false, datetime!(2026-01-02 03:04:05 UTC));
        let text = String::from_utf8(wire).unwrap();
        assert!(
            text.starts_with("HTTP/1.1 200 OK\r\ndate: Fri, 02 Jan 2026 03:04:05 GMT\r\n"),
            "{text}"
        );
        assert!(
            text.ends_with("content-length: 2\r\nconnection: keep-alive\r\n\r\n[]"),
            "{text}"
        );
    }

    #[test]
    fn an_answer_without_content_has_no_length() {
        let text = String::from_utf8(Reply::empty(204).wire(true, datetime!(2026-01-02 03:04:05 UTC))).unwrap();
        assert!(!text.contains("content-length"), "{text}");
        assert!(text.ends_with("connection: close\r\n\r\n"), "{text}");
    }

    #[test]
    fn only_a_long_answer_to_a_caller_that_takes_gzip_is_packed() {
        let long = Reply::json(200, &json!("x".repeat(5000)));
        assert_eq!(long.clone().compressed(None), long);
        let short = Reply::json(200, &json!("x"));
        assert_eq!(short.clone().compressed(Some("gzip")), short);
        let packed = long.compressed(Some("gzip, br"));
        assert!(packed.body.len() < 200 && packed.headers.contains(&("content-encoding", "gzip".into())));
    }
}

//! hyper answers a head that its parser rejects with a bare status: this module detects that response and replaces it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Response, StatusCode, header::CONNECTION};
use http_body_util::{BodyExt, Full};
use tokio::io::AsyncWrite;

use crate::{raw_head::RawHead, rejection::Rejection, rules::codings, transport::Transport};

/// Longer than any response of hyper itself: a status line and three fields.
const LONGEST: usize = 200;

/// The status of hyper's own response, if these bytes are one.
pub(crate) fn own_status(bytes: &[u8]) -> Option<StatusCode> {
    let code = bytes.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    // Nearly every response is excluded here.
    if code[0] != b'4' || bytes.len() > LONGEST {
        return None;
    }
    let is_bare = bytes.ends_with(b"\r\n\r\n") && lines(bytes).any(|line| line == b"content-length: 0");
    StatusCode::from_bytes(code).ok().filter(|_| is_bare)
}

/// Why the parser rejected this head, as far as the head shows it.
pub(crate) fn rejection(status: StatusCode, head: &RawHead<'_>, max_uri_bytes: usize) -> Rejection {
    let is_unknown_coding = |value| codings(value).any(|coding| !coding.eq_ignore_ascii_case(b"chunked"));
    match status {
        StatusCode::URI_TOO_LONG => Rejection::UriTooLong,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if head.target_bytes() > max_uri_bytes => Rejection::UriTooLong,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Rejection::HeadersTooLarge,
        // RFC 9112 §6.1. In HTTP/1.0 any transfer coding is invalid.
        _ if head.is_http11() && head.values("transfer-encoding").any(is_unknown_coding) => Rejection::TransferEncoding,
        _ => Rejection::BadRequest,
    }
}

/// The response that is sent instead of hyper's.
pub(crate) struct ReplacedResponse {
    bytes: Vec<u8>,
    sent: usize,
    /// The length of hyper's response.
    replaced_bytes: usize,
}

impl ReplacedResponse {
    /// Serializes `response`. The date of hyper's response is kept.
    pub(crate) fn new(response: Response<Full<Bytes>>, of_hyper: &[u8], head: &RawHead<'_>) -> Self {
        let (parts, body) = response.into_parts();
        // The body is complete.
        let body = body.collect().now_or_never().and_then(Result::ok);
        let body: Bytes = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let reason = parts.status.canonical_reason().unwrap_or_default();
        let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", parts.status.as_u16()).into_bytes();
        let mut field = |name: &str, value: &[u8]| {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        };
        for (name, value) in parts.headers.iter().filter(|(name, _)| **name != CONNECTION) {
            field(name.as_str(), value.as_bytes());
        }
        if let Some(date) = lines(of_hyper).find_map(|line| line.strip_prefix(b"date: ")) {
            field("date", date);
        }
        field("connection", b"close");
        bytes.extend_from_slice(b"\r\n");
        if head.method() != Some(http::Method::HEAD) {
            bytes.extend_from_slice(&body);
        }
        Self {
            bytes,
            sent: 0,
            replaced_bytes: of_hyper.len(),
        }
    }

    /// Writes the rest of it; then returns the number of bytes that hyper expects to have written.
    pub(crate) fn poll_write(&mut self, stream: &mut Transport, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        while let Some(rest @ [_, ..]) = self.bytes.get(self.sent..) {
            self.sent += ready!(Pin::new(&mut *stream).poll_write(cx, rest))?;
        }
        Poll::Ready(Ok(self.replaced_bytes))
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_responses_are_from_hyper() {
        let bare = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: Sun, 29 Nov 2026 01:02:03 GMT\r\n\r\n";
        assert_eq!(
            own_status(bare.as_bytes()),
            Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
        );
        for other in [
            "",
            "HTTP/1.1 4",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 7\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
        ] {
            assert_eq!(own_status(other.as_bytes()), None, "{other}");
        }
    }
}

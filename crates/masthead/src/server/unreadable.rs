//! hyper answers a head that its parser refuses by itself, with a bare status: here that answer is recognised and replaced.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{StatusCode, header::CONNECTION};
use http_body_util::BodyExt;
use masthead_api::{ApiResponse, ServerRefusal};
use tokio::{io::AsyncWrite, net::TcpStream};

use super::{raw_head::RawHead, rules::codings};

/// Longer than any answer that hyper makes by itself: a status line and three fields.
const LONGEST: usize = 200;

/// The status of the answer that hyper makes by itself, where these bytes are one.
pub(super) fn status(bytes: &[u8]) -> Option<StatusCode> {
    let code = bytes.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    // Nearly every answer ends here.
    if code[0] != b'4' || bytes.len() > LONGEST {
        return None;
    }
    let is_bare = bytes.ends_with(b"\r\n\r\n") && lines(bytes).any(|line| line == b"content-length: 0");
    StatusCode::from_bytes(code).ok().filter(|_| is_bare)
}

/// Why the parser refused this head, as far as the head tells.
pub(super) fn refusal(status: StatusCode, head: &RawHead<'_>, max_uri_bytes: usize) -> ServerRefusal {
    let unknown_coding = |value| codings(value).any(|coding| !coding.eq_ignore_ascii_case(b"chunked"));
    match status {
        StatusCode::URI_TOO_LONG => ServerRefusal::UriTooLong,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if head.target_bytes() > max_uri_bytes => ServerRefusal::UriTooLong,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => ServerRefusal::HeadersTooLarge,
        // RFC 9112 §6.1. One of HTTP/1.0 is faulty whatever its coding.
        _ if head.is_http11() && head.values("transfer-encoding").any(unknown_coding) => {
            ServerRefusal::TransferEncoding
        }
        _ => ServerRefusal::BadRequest,
    }
}

/// The answer that goes out in the place of hyper's.
pub(super) struct Replacement {
    bytes: Vec<u8>,
    sent: usize,
    /// How many bytes of hyper's it stands for.
    stands_for: usize,
}

impl Replacement {
    /// Writes `answer` as it goes over the wire. hyper's own date is kept.
    pub(super) fn new(answer: ApiResponse, of_hyper: &[u8], head: &RawHead<'_>) -> Self {
        let (parts, body) = answer.into_parts();
        // The whole body is there.
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
            stands_for: of_hyper.len(),
        }
    }

    /// Writes what is left of it; then how many bytes hyper has written, as far as hyper knows.
    pub(super) fn poll_write(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        while let Some(rest @ [_, ..]) = self.bytes.get(self.sent..) {
            self.sent += ready!(Pin::new(&mut *stream).poll_write(cx, rest))?;
        }
        Poll::Ready(Ok(self.stands_for))
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_answer_is_hypers_own() {
        let bare = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: Sun, 29 Nov 2026 01:02:03 GMT\r\n\r\n";
        assert_eq!(
            status(bare.as_bytes()),
            Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
        );
        for other in [
            "",
            "HTTP/1.1 4",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 7\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
        ] {
            assert_eq!(status(other.as_bytes()), None, "{other}");
        }
    }
}

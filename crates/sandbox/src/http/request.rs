//! Reads one HTTP/1.1 request from a socket and keeps it exactly as it was sent.

use std::io::{Error, ErrorKind, Result};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncReadExt};

const HEAD_LIMIT: usize = 64 * 1024;
const HEADER_LIMIT: usize = 100;

/// One request as it was on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WireRequest {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case, in the order sent.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The body was longer than the limit and was dropped.
    pub(crate) too_large: bool,
    /// The connection closes after the response.
    pub(crate) close: bool,
}

impl WireRequest {
    /// The path as sent, still percent-encoded.
    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// The text after `?` as sent, still percent-encoded.
    pub(crate) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The first header with this (lower-case) name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The credentials of the `authorization` header, when it has this scheme.
    pub(crate) fn credentials(&self, scheme: &str) -> Option<&str> {
        let (given, credentials) = self.header("authorization")?.split_once(' ')?;
        given.eq_ignore_ascii_case(scheme).then_some(credentials)
    }

    /// Whether the body has this media type.
    pub(crate) fn has_content_type(&self, media_type: &str) -> bool {
        let given = self.header("content-type").unwrap_or_default();
        let essence = given.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(media_type)
    }

    /// The body as a JSON object.
    pub(crate) fn json_object(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The pairs of the query in order, decoded like a form: `+` is a space.
    pub(crate) fn query_pairs(&self) -> Vec<(String, String)> {
        decode_form(self.query())
    }

    /// The pairs of a form in the body.
    pub(crate) fn form_pairs(&self) -> Vec<(String, String)> {
        decode_form(&String::from_utf8_lossy(&self.body))
    }
}

/// Decodes `application/x-www-form-urlencoded` text, keeping order and repetitions.
pub(crate) fn decode_form(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| decode_segment(&text.replace('+', " "));
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

/// Decodes one path segment: here `+` is a plus.
pub(crate) fn decode_segment(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Reads the next request; `None` when the peer closed the connection between two requests.
///
/// `unread` carries bytes of a pipelined request from call to call. A body over `body_limit` is read and dropped, so
/// that the connection stays usable. Chunked bodies are an error: no caller of the sandbox sends them.
pub(crate) async fn read_request<S: AsyncRead + Unpin>(
    stream: &mut S,
    unread: &mut Vec<u8>,
    body_limit: usize,
) -> Result<Option<WireRequest>> {
    let mut request = loop {
        if let Some((request, length)) = parse_head(unread)? {
            unread.drain(..length);
            break request;
        }
        if unread.len() > HEAD_LIMIT {
            return Err(invalid_data("the request head is too long"));
        }
        if stream.read_buf(unread).await? == 0 {
            return if unread.is_empty() {
                Ok(None)
            } else {
                Err(ErrorKind::UnexpectedEof.into())
            };
        }
    };
    if request.header("transfer-encoding").is_some() {
        return Err(invalid_data("chunked request bodies are not supported"));
    }
    let length = request
        .header("content-length")
        .map_or(Ok(0), |text| text.trim().parse());
    let mut missing: usize = length.map_err(|_| invalid_data("invalid content-length"))?;
    while missing > 0 {
        if unread.is_empty() && stream.read_buf(unread).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let available = missing.min(unread.len());
        request.too_large |= request.body.len() + available > body_limit;
        if !request.too_large {
            request.body.extend_from_slice(&unread[..available]);
        }
        unread.drain(..available);
        missing -= available;
    }
    Ok(Some(request))
}

fn parse_head(bytes: &[u8]) -> Result<Option<(WireRequest, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADER_LIMIT];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(Error::new(ErrorKind::InvalidData, error)),
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = parsed.headers.iter();
    let mut request = WireRequest {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        headers: headers
            .map(|header| (header.name.to_ascii_lowercase(), text(header.value)))
            .collect(),
        ..WireRequest::default()
    };
    let connection = request.header("connection").unwrap_or_default();
    request.close = connection.eq_ignore_ascii_case("close") || parsed.version == Some(0);
    Ok(Some((request, length)))
}

fn invalid_data(text: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(mut wire: &[u8], limit: usize) -> Result<Vec<WireRequest>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut unread, mut all) = (Vec::new(), Vec::new());
            while let Some(request) = read_request(&mut wire, &mut unread, limit).await? {
                all.push(request);
            }
            Ok(all)
        })
    }

    #[test]
    fn pipelined_requests_are_read_one_by_one() {
        let wire = b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b?x=1 HTTP/1.1\r\n\r\n";
        let all = read_all(wire, 100).unwrap();
        assert_eq!((&*all[0].method, &*all[0].body), ("POST", b"abc".as_slice()));
        assert_eq!((all[1].path(), all[1].query()), ("/b", "x=1"));
    }

    #[test]
    fn oversized_body_is_dropped_and_next_request_read() {
        let wire = b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcdGET /next HTTP/1.1\r\n\r\n";
        let all = read_all(wire, 3).unwrap();
        assert!(all[0].too_large);
        assert_eq!(all[1].path(), "/next");
    }

    #[test]
    fn incomplete_and_chunked_requests_are_errors() {
        assert!(read_all(b"GET / HT", 10).is_err());
        assert!(read_all(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nab", 10).is_err());
        assert!(read_all(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 10).is_err());
    }

    #[test]
    fn plus_is_a_space_in_queries_only() {
        let pairs = [("q", "a b+c"), ("x", "")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(decode_form("q=a+b%2Bc&x"), pairs);
        assert_eq!(decode_segment("a+b%7Cc"), "a+b|c");
    }
}

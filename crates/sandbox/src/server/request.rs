//! Reads one HTTP/1.1 request from a socket, keeping its exact wire form.

use std::io::{Error, ErrorKind, Result};

use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncReadExt};

const HEAD_LIMIT: usize = 64 * 1024;
const HEADER_LIMIT: usize = 100;

/// One request, as it was on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case, in the order sent.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The body was longer than the reader's limit, and was not kept.
    pub(crate) too_large: bool,
    pub(crate) close: bool,
}

impl Request {
    /// The path as sent, still percent-encoded.
    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// The text after `?` as sent, still percent-encoded.
    pub(crate) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The first header of this (lower-case) name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The query's pairs, in order, decoded as a form is: `+` is a blank.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        form(self.query())
    }
}

/// Decodes `application/x-www-form-urlencoded` text, keeping order and repetitions.
pub(crate) fn form(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (form_decoded(name), form_decoded(value))
        })
        .collect()
}

/// Decodes one path segment: here a `+` is a plus.
pub(crate) fn segment(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn form_decoded(text: &str) -> String {
    segment(&text.replace('+', " "))
}

/// Reads the next request; `None` when the peer closed between two of them.
///
/// `kept` carries bytes of a pipelined request from call to call. A body over `body_limit` is read
/// away and dropped, so that the connection stays usable.
pub(crate) async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    kept: &mut Vec<u8>,
    body_limit: usize,
) -> Result<Option<Request>> {
    let mut request = loop {
        if let Some((request, length)) = head(kept)? {
            kept.drain(..length);
            break request;
        }
        if kept.len() > HEAD_LIMIT {
            return Err(invalid("the request's head is too long"));
        }
        if stream.read_buf(kept).await? == 0 {
            return if kept.is_empty() {
                Ok(None)
            } else {
                Err(ErrorKind::UnexpectedEof.into())
            };
        }
    };
    let chunked = request
        .header("transfer-encoding")
        .is_some_and(|coding| coding.ends_with("chunked"));
    if chunked {
        chunks(stream, kept, body_limit, &mut request).await?;
    } else if let Some(length) = request.header("content-length") {
        let length: usize = length
            .trim()
            .parse()
            .map_err(|_| invalid("unreadable content-length"))?;
        take(stream, kept, length, body_limit, &mut request).await?;
    }
    Ok(Some(request))
}

fn head(bytes: &[u8]) -> Result<Option<(Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADER_LIMIT];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(Error::new(ErrorKind::InvalidData, error)),
    };
    let headers: Vec<_> = parsed
        .headers
        .iter()
        .map(|header| {
            (
                header.name.to_ascii_lowercase(),
                String::from_utf8_lossy(header.value).into_owned(),
            )
        })
        .collect();
    let mut request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        headers,
        ..Request::default()
    };
    request.close = request
        .header("connection")
        .is_some_and(|value| value.eq_ignore_ascii_case("close"))
        || parsed.version == Some(0);
    Ok(Some((request, length)))
}

async fn take<S: AsyncRead + Unpin>(
    stream: &mut S,
    kept: &mut Vec<u8>,
    mut length: usize,
    limit: usize,
    request: &mut Request,
) -> Result<()> {
    while length > 0 {
        if kept.is_empty() && stream.read_buf(kept).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let now = length.min(kept.len());
        request.too_large |= request.body.len() + now > limit;
        if !request.too_large {
            request.body.extend_from_slice(&kept[..now]);
        }
        kept.drain(..now);
        length -= now;
    }
    Ok(())
}

async fn chunks<S: AsyncRead + Unpin>(
    stream: &mut S,
    kept: &mut Vec<u8>,
    limit: usize,
    request: &mut Request,
) -> Result<()> {
    loop {
        let line = line(stream, kept).await?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16).map_err(|_| invalid("unreadable chunk length"))?;
        if length == 0 {
            break;
        }
        take(stream, kept, length, limit, request).await?;
        self::line(stream, kept).await?;
    }
    while !line(stream, kept).await?.is_empty() {}
    Ok(())
}

async fn line<S: AsyncRead + Unpin>(stream: &mut S, kept: &mut Vec<u8>) -> Result<String> {
    loop {
        if let Some(end) = kept.windows(2).position(|pair| pair == b"\r\n") {
            let line = String::from_utf8_lossy(&kept[..end]).into_owned();
            kept.drain(..end + 2);
            return Ok(line);
        }
        if kept.len() > HEAD_LIMIT {
            return Err(invalid("a line of the body is too long"));
        }
        if stream.read_buf(kept).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

fn invalid(text: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(mut wire: &[u8], limit: usize) -> Result<Vec<Request>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut kept, mut all) = (Vec::new(), Vec::new());
            while let Some(request) = read(&mut wire, &mut kept, limit).await? {
                all.push(request);
            }
            Ok(all)
        })
    }

    #[test]
    fn pipelined_requests_are_read_one_by_one() {
        let wire = b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b?x=1 HTTP/1.1\r\n\r\n";
        let all = read_all(wire, 100).unwrap();
        assert_eq!(
            (all[0].method.as_str(), all[0].body.as_slice()),
            ("POST", b"abc".as_slice())
        );
        assert_eq!((all[1].path(), all[1].query()), ("/b", "x=1"));
    }

    #[test]
    fn a_chunked_body_is_joined() {
        let wire = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n";
        assert_eq!(read_all(wire, 100).unwrap()[0].body, b"abcde");
    }

    #[test]
    fn a_body_over_the_limit_is_dropped_and_the_next_request_still_read() {
        let wire = b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcdGET /next HTTP/1.1\r\n\r\n";
        let all = read_all(wire, 3).unwrap();
        assert!(all[0].too_large);
        assert_eq!(all[1].path(), "/next");
    }

    #[test]
    fn a_peer_that_leaves_in_the_middle_is_an_error() {
        assert!(read_all(b"GET / HT", 10).is_err());
        assert!(read_all(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nab", 10).is_err());
    }

    #[test]
    fn a_plus_is_a_blank_in_a_query_and_a_plus_in_a_path() {
        assert_eq!(
            form("q=a+b%2Bc&x"),
            [("q".into(), "a b+c".into()), ("x".into(), String::new())]
        );
        assert_eq!(segment("a+b%7Cc"), "a+b|c");
    }
}

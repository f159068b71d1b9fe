//! The raw head of an HTTP/1 request, which is also available if the parser rejects it.

use http::{Method, Uri};

/// A head that may be truncated anywhere. Nothing of it is validated.
pub struct RawHead<'a> {
    method: &'a [u8],
    target: &'a [u8],
    version: &'a [u8],
    fields: &'a [u8],
}

impl<'a> RawHead<'a> {
    /// The head at the beginning of these bytes; blank lines before it are skipped (RFC 9112 §2.2).
    pub(crate) fn parse(bytes: &'a [u8]) -> Self {
        let bytes = bytes.trim_ascii_start();
        let (line, fields) = line_and_rest(bytes);
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let mut word = || words.next().unwrap_or_default();
        Self {
            method: word(),
            target: word(),
            version: word(),
            fields: &fields[..end_of_head(fields).unwrap_or(fields.len())],
        }
    }

    /// The method, if it is valid.
    #[must_use]
    pub fn method(&self) -> Option<Method> {
        Method::from_bytes(self.method).ok()
    }

    /// The path of a target in origin form; `""` for any other target.
    #[must_use]
    pub fn path(&self) -> &'a str {
        let end = self.target.iter().position(|byte| matches!(byte, b'?' | b'#'));
        let path = &self.target[..end.unwrap_or(self.target.len())];
        if path.starts_with(b"/") {
            std::str::from_utf8(path).unwrap_or_default()
        } else {
            ""
        }
    }

    /// The length of the target.
    pub(crate) const fn target_bytes(&self) -> usize {
        self.target.len()
    }

    /// Whether the version is HTTP/1.1.
    pub(crate) fn is_http11(&self) -> bool {
        self.version == b"HTTP/1.1"
    }

    /// The values of the fields with this name.
    pub fn values(&self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let fields = self.fields.split(|byte| *byte == b'\n');
        fields.filter_map(move |line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            let is_named = line[..at].eq_ignore_ascii_case(name.as_bytes());
            is_named.then(|| line[at + 1..].trim_ascii())
        })
    }

    /// Whether this is the head of the request with this method and URI, and its target has a fragment. No request target may
    /// have one (RFC 9112 §3.2); hyper removes it silently.
    pub(crate) fn has_fragment(&self, method: &Method, uri: &Uri) -> bool {
        let Some(at) = self.target.iter().position(|byte| *byte == b'#') else {
            return false;
        };
        let before = &self.target[..at];
        self.method == method.as_str().as_bytes()
            && (before.is_empty() || Uri::try_from(before).is_ok_and(|u| u == *uri))
    }
}

fn line_and_rest(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (bytes[..at].trim_ascii_end(), &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

/// The end of the blank line after a head. A line ends with CRLF or, as the parser accepts it, with LF.
pub(crate) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b'\n') {
        let next = from + at + 1;
        match &bytes[next..] {
            [b'\n', ..] => return Some(next + 1),
            [b'\r', b'\n', ..] => return Some(next + 2),
            _ => from = next,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_truncated_head_are_parsed() {
        let head =
            RawHead::parse(b"\r\nGET /User/7?x=1#y HTTP/1.1\r\nHost: a\r\nX-A : no\r\nx-a:  b \r\n\r\nx-a: body");
        assert_eq!((head.method(), head.path()), (Some(Method::GET), "/User/7"));
        assert!(head.is_http11());
        assert_eq!(head.values("X-A").collect::<Vec<_>>(), [b"b"]);
        for (cut, path) in [
            ("", ""),
            ("GET", ""),
            ("GET /a", "/a"),
            ("GET /a b HTTP/1.1", "/a"),
            ("GET http://h/a HTTP/1.1\r\n", ""),
            ("\u{16}\u{3}\u{1}", ""),
        ] {
            assert_eq!(RawHead::parse(cut.as_bytes()).path(), path, "{cut:?}");
        }
    }

    #[test]
    fn fragment_belongs_to_the_same_request() {
        let has =
            |line: &str, uri: &str| RawHead::parse(line.as_bytes()).has_fragment(&Method::GET, &uri.parse().unwrap());
        assert!(has("GET /a?b#c HTTP/1.1", "/a?b"));
        assert!(has("GET http://h/a# HTTP/1.1", "http://h/a"));
        assert!(has("GET #c HTTP/1.1", "/"));
        assert!(!has("GET /a?b HTTP/1.1", "/a?b"));
        assert!(!has("GET /b#c HTTP/1.1", "/a"));
        assert!(!has("POST /a#c HTTP/1.1", "/a"));
    }
}

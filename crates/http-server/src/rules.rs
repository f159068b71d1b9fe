//! Checks of a parsed request: the rules of HTTP and the server's limits.

use http::{
    HeaderMap, HeaderValue, Request, Version,
    header::{CONTENT_ENCODING, HOST, TRANSFER_ENCODING},
};
use hyper::body::Body;

use crate::{options::ServerOptions, rejection::Rejection};

/// Why a request is rejected that the parser has accepted; `None` for almost all.
pub(crate) fn find_rejection<B: Body>(request: &Request<B>, options: &ServerOptions) -> Option<Rejection> {
    let target = request.uri().path_and_query().map_or(0, |text| text.as_str().len());
    if target > options.max_uri_bytes {
        return Some(Rejection::UriTooLong);
    }
    let headers = request.headers();
    let mut header_bytes = 0;
    let mut host = HostLines::None;
    let mut is_encoded = false;
    let mut is_chunked = false;
    // One pass: every lookup in the map would hash a name again.
    for (name, value) in headers {
        // Names, values, and the four bytes that each line adds on the wire.
        header_bytes += name.as_str().len() + value.len() + 4;
        if *name == HOST {
            host = host.and(value);
        } else if *name == CONTENT_ENCODING {
            is_encoded |= codings(value.as_bytes()).any(|coding| !coding.eq_ignore_ascii_case(b"identity"));
        } else if *name == TRANSFER_ENCODING {
            for coding in codings(value.as_bytes()) {
                if !coding.eq_ignore_ascii_case(b"chunked") {
                    return Some(Rejection::TransferEncoding);
                }
                // RFC 9112 §7.1: chunked must not be applied twice.
                if is_chunked {
                    return Some(Rejection::BadRequest);
                }
                is_chunked = true;
            }
        }
    }
    if header_bytes > options.max_header_bytes {
        return Some(Rejection::HeadersTooLarge);
    }
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    if !host.is_valid(request.version(), authority, headers) {
        return Some(Rejection::BadRequest);
    }
    // RFC 9110 §8.4: without content there is no content coding.
    (is_encoded && !request.body().is_end_stream()).then_some(Rejection::ContentEncoding)
}

/// The elements of a list of codings, without blank ones.
pub(crate) fn codings(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let elements = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    elements.filter(|element| !element.is_empty())
}

/// The `Host` lines of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HostLines {
    None,
    One,
    /// Several, or an invalid one.
    Bad,
}

impl HostLines {
    fn and(self, value: &HeaderValue) -> Self {
        if self == Self::None && is_host(value.as_bytes()) {
            Self::One
        } else {
            Self::Bad
        }
    }

    /// RFC 9112 §3.2: exactly one in HTTP/1.1, at most one in HTTP/1.0. RFC 9113 §8.3.1: HTTP/2 uses `:authority` instead;
    /// if it has both, they must be equal.
    fn is_valid(self, version: Version, authority: Option<&str>, headers: &HeaderMap) -> bool {
        match (self, version) {
            (Self::Bad, _) => false,
            (Self::One, Version::HTTP_2) => authority.is_none_or(|authority| {
                let host = headers.get(HOST).map_or(&[][..], HeaderValue::as_bytes);
                authority.as_bytes().eq_ignore_ascii_case(host)
            }),
            (Self::One, _) => true,
            (Self::None, Version::HTTP_2) => authority.is_some(),
            (Self::None, version) => version < Version::HTTP_11,
        }
    }
}

/// `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2.2), not empty (RFC 9110 §4.2.1).
fn is_host(value: &[u8]) -> bool {
    let (host, port) = if value.starts_with(b"[") {
        let Some(end) = value.iter().position(|byte| *byte == b']') else {
            return false;
        };
        let inside = &value[1..end];
        let is_address = inside.contains(&b':') && inside.iter().all(|byte| is_name(*byte) || *byte == b':');
        if !is_address {
            return false;
        }
        (&value[..=end], &value[end + 1..])
    } else {
        let end = value.iter().position(|byte| *byte == b':').unwrap_or(value.len());
        let (host, port) = value.split_at(end);
        if !host.iter().all(|byte| is_name(*byte)) {
            return false;
        }
        (host, port)
    };
    let is_port = match port {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    is_port && !host.is_empty()
}

/// Whether a registered name may contain this character; `%` starts an encoded one.
const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_a_name_or_address_with_optional_port() {
        for good in [
            "a",
            "a.example:80",
            "192.0.2.1",
            "[2001:db8::1]:8080",
            "[::1]",
            "a:",
            "xn--a_b~c",
            "a%20b",
        ] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":80", "a b", "a/b", "u@a", "a:b", "a:80:80", "[::1", "[a]", "[::1]x", "::1", "a?b", "a#b", "é",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }
}

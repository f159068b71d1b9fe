//! HTTP Basic credentials (RFC 7617): the workspace as user name, its key as password.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, header::AUTHORIZATION};

/// Unverified credentials. `Debug` does not show them.
#[derive(PartialEq, Eq)]
pub(super) struct BasicCredentials {
    pub(super) user: String,
    pub(super) password: String,
}

impl BasicCredentials {
    /// The credentials of a request; `None` where there is no header of this scheme, in any case, or more than one.
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        const SCHEME: &[u8] = b"basic ";
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let (scheme, encoded) = value.as_bytes().split_at_checked(SCHEME.len())?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let text = String::from_utf8(BASE64_STANDARD.decode(encoded.trim_ascii()).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Self {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }
}

impl fmt::Debug for BasicCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BasicCredentials(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn parse(values: &[&str]) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        BasicCredentials::from_headers(&headers).map(|BasicCredentials { user, password }| (user, password))
    }

    #[test]
    fn scheme_is_case_insensitive() {
        let expected = Some(("herald".to_owned(), "a:b".to_owned()));
        for scheme in ["Basic", "basic", "BASIC"] {
            assert_eq!(parse(&[&format!("{scheme} aGVyYWxkOmE6Yg==")]), expected);
        }
        assert_eq!(parse(&["Basic Og=="]), Some((String::new(), String::new())));
    }

    #[test]
    fn malformed_credentials_are_rejected() {
        for bad in [
            "",
            "Basic",
            "Basic ",
            "Basic !",
            "Basic aGVyYWxk",
            "Bearer aGVyYWxkOmE6Yg==",
            "Basic /w==",
        ] {
            assert_eq!(parse(&[bad]), None, "{bad:?}");
        }
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&["Basic aGVyYWxkOmE6Yg==", "Basic aGVyYWxkOmE6Yg=="]), None);
    }
}

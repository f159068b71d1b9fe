//! HTTP Basic (RFC 7617): the workspace as user, its key as password.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, header::AUTHORIZATION};

/// What a caller says who it is. `Debug` shows nothing of it.
#[derive(PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

impl Credentials {
    /// The credentials of a request; `None` where there are none of this scheme, in any case of its name, or more than one.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
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

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(values: &[&str]) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        Credentials::of(&headers).map(|Credentials { user, password }| (user, password))
    }

    #[test]
    fn a_user_and_a_password_are_read_whatever_the_schemes_case() {
        let expected = Some(("herald".to_owned(), "a:b".to_owned()));
        for scheme in ["Basic", "basic", "BASIC"] {
            assert_eq!(of(&[&format!("{scheme} aGVyYWxkOmE6Yg==")]), expected);
        }
        assert_eq!(of(&["Basic Og=="]), Some((String::new(), String::new())));
    }

    #[test]
    fn all_else_is_no_credentials() {
        for bad in [
            "",
            "Basic",
            "Basic ",
            "Basic !",
            "Basic aGVyYWxk",
            "Bearer aGVyYWxkOmE6Yg==",
            "Basic /w==",
        ] {
            assert_eq!(of(&[bad]), None, "{bad:?}");
        }
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["Basic aGVyYWxkOmE6Yg==", "Basic aGVyYWxkOmE6Yg=="]), None);
    }
}

//! Parsers of setting values for all providers; `None` for an invalid value.

use http::Uri;

use crate::path::is_segment;

/// A URL without query and user name; plain http only where it is allowed. Trailing slashes are removed.
#[must_use]
pub fn address(text: &str, allow_plain_http: bool) -> Option<Box<str>> {
    let uri: Uri = text.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let authority = uri.authority()?;
    let good = (scheme == "https" || (scheme == "http" && allow_plain_http))
        && uri.query().is_none()
        && !text.contains(['#', '@', '\\'])
        && (uri.path().trim_matches('/').is_empty() || is_segment(uri.path().trim_matches('/')))
        && !authority.host().is_empty();
    let path = uri.path().trim_end_matches('/');
    good.then(|| format!("{scheme}://{authority}{path}").into())
}

/// A URL without a path.
#[must_use]
pub fn origin(text: &str, allow_plain_http: bool) -> Option<Box<str>> {
    let (_, after_scheme) = text.split_once("://")?;
    let without_path = after_scheme.strip_suffix('/').unwrap_or(after_scheme);
    address(text, allow_plain_http).filter(|_| !without_path.contains('/'))
}

/// One to 63 letters, digits and hyphens of ASCII, no hyphen at either end: a part of a host's name.
#[must_use]
pub fn is_host_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// One to 255 visible characters of ASCII.
#[must_use]
pub fn visible(text: &str) -> Option<Box<str>> {
    let good = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    good.then(|| text.into())
}

/// The path of a file.
#[must_use]
pub fn path(text: &str) -> Option<Box<str>> {
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.into())
}

/// The name of an environment variable.
#[must_use]
pub fn variable_name(text: &str) -> Option<Box<str>> {
    let good = !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    good.then(|| text.into())
}

/// A number from 1 to `most`.
#[must_use]
pub fn number(text: &str, most: u32) -> Option<u32> {
    text.parse().ok().filter(|number| (1..=most).contains(number))
}

/// `true` or `false`.
#[must_use]
pub fn flag(text: &str) -> Option<bool> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_no_user_query_or_fragment() {
        assert_eq!(
            origin("https://host:9000/", false).as_deref(),
            Some("https://host:9000")
        );
        assert_eq!(address("https://host/a/b/", false).as_deref(), Some("https://host/a/b"));
        assert_eq!(
            origin("http://127.0.0.1:9000/", true).as_deref(),
            Some("http://127.0.0.1:9000")
        );
        for bad in [
            "https://user@host",
            "https://user:secret@host",
            "https://host?x",
            "https://host/?a=b",
            "https://host#x",
            "https://host/../x",
            "ftp://host",
            "host",
        ] {
            assert!(address(bad, true).is_none() && origin(bad, true).is_none(), "{bad}");
        }
        assert_eq!(origin("https://host/path", true), None);
        assert!(address("http://host", false).is_none() && origin("http://host", false).is_none());
    }
}

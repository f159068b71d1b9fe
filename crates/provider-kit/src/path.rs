//! Which values can be sent as a path segment.

use percent_encoding::percent_decode_str;

/// How often a value is checked: as it is, decoded by the server, and decoded once more by a proxy before it.
const DECODED: usize = 3;

/// Whether a percent-encoded value arrives unchanged as a path segment, or as a part of one.
///
/// `.` and `..` are removed from a path (RFC 3986 §5.2.4), also as `%2E` (§6.2.2.2). The same holds for them, and for empty
/// parts, between slashes: a proxy that decodes `%2F` or treats `\` as a slash would change the path. A `;` begins parameters
/// that some servers remove first. Encoded characters in the value itself are checked too.
#[must_use]
pub fn is_segment(value: &str) -> bool {
    let mut value = std::borrow::Cow::Borrowed(value);
    for _ in 0..DECODED {
        let steps = value.split(['/', '\\']);
        if steps
            .map(|step| step.split(';').next().unwrap_or_default())
            .any(|step| matches!(step, "" | "." | ".."))
        {
            return false;
        }
        value = percent_decode_str(&value).decode_utf8_lossy().into_owned().into();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3986 §5.2.4 and §6.2.2.
    #[test]
    fn path_changing_value_is_no_segment() {
        for bad in [
            "",
            ".",
            "..",
            "%2E",
            "%2e%2E",
            "%252e",
            "../x",
            "a/../b",
            "a/./b",
            "a/.",
            "/",
            "/a",
            "a/",
            "a//b",
            "a%2F%2Fb",
            "a\\..\\b",
            "..;x",
            ";x",
            "a/..;x/b",
            "auth0|a/../b",
        ] {
            assert!(!is_segment(bad), "{bad:?}");
        }
        for good in [
            "auth0|1",
            "...",
            ".a",
            "a.",
            "a..b",
            "a/b",
            "a;b",
            "a%b",
            "100%",
            "%2Ea",
            "ключ 1",
            "auth0|.",
            "~",
        ] {
            assert!(is_segment(good), "{good:?}");
        }
    }
}

//! Which values can be sent as a segment of a path.

use percent_encoding::percent_decode_str;

/// How often a value is decoded: once by the other side, and once more by whoever stands before it and decodes too.
const DECODED: usize = 3;

/// Whether a value can be sent, percent-encoded, as a segment of a path, or as a part of one, so that it arrives as itself.
///
/// `.` and `..` cannot: they are removed from a path (RFC 3986 §5.2.4), encoded or not, since `%2E` is the same as `.`
/// (§6.2.2.2). Nor can a value that has them, or nothing, between slashes: an edge that decodes `%2F` or takes `\` for a
/// slash would walk the path by it; a `;` begins parameters that some servers cut off before they do. What is encoded in the
/// value itself is looked at as well.
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

//! The `Idempotency-Key` of a request (IETF draft-ietf-httpapi-idempotency-key-header).

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, request::Parts};
use masthead_domain::{
    access::{Grant, Scope},
    tenant::TenantId,
};

use crate::v4::{code::Code, write_error::WriteRefusal};

/// The header.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The text of a key that was used for another request.
pub(crate) const OTHER_CONTENT: &str = "the Idempotency-Key belongs to a request with another content";

/// The longest key, in characters.
const MAX_KEY_CHARS: usize = 255;

/// The key of a request, if it has one: visible ASCII, as it is or as the quoted text of the draft.
///
/// # Errors
/// It is repeated, or not of this form.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, WriteRefusal> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).into_iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let refuse = |text: &'static str| Err(WriteRefusal::new(Code::E400_00, text));
    if values.next().is_some() {
        return refuse("Idempotency-Key is given more than once.");
    }
    let bad = || refuse("Idempotency-Key must be 1 to 255 visible ASCII characters.");
    let Ok(text) = value.to_str() else {
        return bad();
    };
    let Some(key) = unquoted(text.trim()) else {
        return bad();
    };
    let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    if is_visible && (1..=MAX_KEY_CHARS).contains(&key.len()) {
        Ok(Some(key))
    } else {
        bad()
    }
}

/// The text between quotes (RFC 9651 §3.3.3), or the text itself where it has none.
fn unquoted(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix('"') else {
        return Some(text.to_owned());
    };
    let inner = rest.strip_suffix('"')?;
    let mut key = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        key.push(match char {
            '"' => return None,
            '\\' => chars.next().filter(|char| matches!(char, '"' | '\\'))?,
            other => other,
        });
    }
    Some(key)
}

/// The content that a key belongs to: method, path, query and body, and whether the caller is answered links.
pub(super) fn content(parts: &Parts, body: &[u8], grant: &Grant, tenant: &TenantId) -> String {
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let shows_tickets = grant.allows(Scope::UsersTickets, tenant);
    let mut content = format!("{} {path}?{query}\n{shows_tickets}\n", parts.method);
    // The body is UTF-8: it has been read as JSON.
    let _ = content.write_str(&String::from_utf8_lossy(body));
    content
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn key_is_visible_ascii_perhaps_quoted() {
        let parsed = |text: &str| {
            let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
            key(&HeaderMap::from_iter([(IDEMPOTENCY_KEY, value)])).ok().flatten()
        };
        for (text, expected) in [
            ("8e03978e-40d5", "8e03978e-40d5"),
            ("\"8e03978e-40d5\"", "8e03978e-40d5"),
            ("\"a\\\"b\\\\c\"", "a\"b\\c"),
            ("a\"b", "a\"b"),
            (" k ", "k"),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(expected), "{text}");
        }
        for bad in [
            "",
            "\"\"",
            "\"",
            "a b",
            "\"a b\"",
            "\"a\"b\"",
            "\"a\\n\"",
            "\"a\\\"",
            "é",
            &"k".repeat(256),
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
        assert_eq!(
            parsed(&format!("\"{}\"", "k".repeat(255))).map(|key| key.len()),
            Some(255)
        );
        assert!(matches!(key(&HeaderMap::new()), Ok(None)));
        let mut twice = HeaderMap::new();
        twice.append(IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        twice.append(IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        assert!(key(&twice).is_err());
    }
}

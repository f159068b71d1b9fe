//! Entity tags of one user (RFC 9110 §8.8.3), and the conditions that name them.

use std::hash::Hasher as _;

use http::{
    HeaderMap, HeaderValue,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use siphasher::sip128::{Hasher128 as _, SipHasher13};

/// The length of a tag: 32 digits and its quotes.
const LENGTH: usize = 34;

/// The strong tag of a user as it is shown: a hash of the JSON in `data`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntityTag(String);

impl EntityTag {
    /// The tag of this JSON.
    pub(crate) fn of(data: &[u8]) -> Self {
        let mut hasher = SipHasher13::new();
        hasher.write(data);
        let hash = hasher.finish128().as_u128().to_be_bytes();
        let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        let mut tag = String::with_capacity(LENGTH);
        tag.push('"');
        tag.extend(digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])));
        tag.push('"');
        Self(tag)
    }

    /// The value of the header `ETag`.
    pub(crate) fn into_header(self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.0).ok()
    }

    /// Whether the client has this representation already (`If-None-Match`, weak comparison).
    pub(crate) fn is_known_to(&self, headers: &HeaderMap) -> bool {
        let weak = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag) == self.0;
        tags(headers, &IF_NONE_MATCH).any(|tag| tag == "*" || weak(tag))
    }

    /// Whether `If-Match` allows a change of this representation (strong comparison).
    pub(crate) fn may_change(&self, headers: &HeaderMap) -> bool {
        tags(headers, &IF_MATCH).any(|tag| tag == "*" || tag == self.0)
    }
}

/// Whether the client insists on a version (`If-Match`).
pub(crate) fn has_condition(headers: &HeaderMap) -> bool {
    headers.contains_key(IF_MATCH)
}

/// The tags of a header. This server's have no comma, so that others may be split wrongly.
fn tags<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).into_iter();
    lines.flat_map(|line| line.to_str().unwrap_or_default().split(',').map(str::trim))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_compare_as_the_condition_requires() {
        let tag = EntityTag::of(b"{}");
        assert_ne!(tag, EntityTag::of(b"{ }"));
        let mut hasher = SipHasher13::new();
        hasher.write(b"{}");
        assert_eq!(tag.0, format!("\"{:032x}\"", hasher.finish128().as_u128()));
        let own = tag.0.clone();
        for (value, known, may_change) in [
            ("*".to_owned(), true, true),
            (own.clone(), true, true),
            (format!("\"x,y\", {own}"), true, true),
            (format!("W/{own}"), true, false),
            ("\"x\"".to_owned(), false, false),
            (String::new(), false, false),
        ] {
            let headers = |name| HeaderMap::from_iter([(name, HeaderValue::from_str(&value).unwrap())]);
            assert_eq!(tag.is_known_to(&headers(IF_NONE_MATCH)), known, "{value}");
            assert_eq!(tag.may_change(&headers(IF_MATCH)), may_change, "{value}");
        }
        assert!(!tag.is_known_to(&HeaderMap::new()) && !has_condition(&HeaderMap::new()));
    }
}

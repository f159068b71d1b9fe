//! Where a claim is in a token: a name, or a JSON pointer (RFC 6901).

use serde_json::{Map, Value};

/// The longest text of a path, in bytes.
const MAX_PATH_BYTES: usize = 256;

/// How deep a claim may be.
const MAX_PARTS: usize = 8;

/// The place of a claim, through objects only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(Vec<Box<str>>);

impl ClaimPath {
    /// Parses a path: a text that begins with `/` is a JSON pointer, any other the name of a claim, such as
    /// `https://masthead/tenants`. `None` for an empty or too long text, and for an invalid pointer.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > MAX_PATH_BYTES {
            return None;
        }
        let Some(pointer) = text.strip_prefix('/') else {
            return Some(Self::to(&[text]));
        };
        let parts: Vec<Box<str>> = pointer.split('/').map(unescaped).collect::<Option<_>>()?;
        (parts.len() <= MAX_PARTS).then_some(Self(parts))
    }

    /// The path of these names.
    pub(crate) fn to(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).into()).collect())
    }

    /// The claim there; a null counts as absent.
    pub(crate) fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let (first, rest) = self.0.split_first()?;
        let mut found = claims.get(&**first)?;
        for name in rest {
            found = found.as_object()?.get(&**name)?;
        }
        Some(found).filter(|value| !value.is_null())
    }
}

/// RFC 6901 §4: `~1` is `/`, `~0` is `~`, and any other `~` an error.
fn unescaped(part: &str) -> Option<Box<str>> {
    let mut text = String::with_capacity(part.len());
    let mut letters = part.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '~' => match letters.next() {
                Some('0') => text.push('~'),
                Some('1') => text.push('/'),
                _ => return None,
            },
            other => text.push(other),
        }
    }
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claim_is_found_by_name_or_pointer() {
        let claims = json!({
            "scope": "a", "https://masthead/tenants": ["b"], "x/y": "c", "m~n": "d", "null": null,
            "resource_access": {"masthead": {"roles": ["e"]}, "list": ["f"]},
        });
        let Value::Object(claims) = claims else { panic!() };
        for (path, found) in [
            ("scope", Some(json!("a"))),
            ("/scope", Some(json!("a"))),
            ("https://masthead/tenants", Some(json!(["b"]))),
            ("/x~1y", Some(json!("c"))),
            ("/m~0n", Some(json!("d"))),
            ("/resource_access/masthead/roles", Some(json!(["e"]))),
            ("resource_access/masthead/roles", None),
            ("/resource_access/list/0", None),
            ("/null", None),
            ("/scope/x", None),
            ("/", None),
        ] {
            let path = ClaimPath::parse(path).unwrap();
            assert_eq!(path.find(&claims), found.as_ref(), "{path:?}");
        }
    }

    #[test]
    fn invalid_pointer_is_refused() {
        let (long, deep) = ("x".repeat(257), "/a".repeat(9));
        for path in ["", "/a~", "/a~2", &long, &deep] {
            assert_eq!(ClaimPath::parse(path), None, "{path}");
        }
    }
}

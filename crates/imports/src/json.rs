//! JSON that keeps the digits of numbers, and the form in which rows of other kinds are mapped too.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// How deep arrays and objects may be nested in each other.
const MAX_DEPTH: usize = 64;

/// A JSON value. `serde_json::Value` would keep a number such as `1.10` or one of 30 digits as a float.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// The digits as they are in the text.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// The members in their order.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// A text that is no JSON, or one that is nested too deeply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonError {
    Broken,
    TooDeep,
}

impl<'a> Json<'a> {
    /// Parses a text.
    pub(crate) fn parse(text: &'a str) -> Result<Self, JsonError> {
        let text = text.trim_matches([' ', '\t', '\n', '\r']);
        if !text.starts_with(['{', '[']) {
            // Nothing below checks a number.
            serde_json::from_str::<&RawValue>(text).map_err(|_| JsonError::Broken)?;
        }
        Self::from_valid(text, 0)
    }

    /// Parses a value; a number or word is known to be valid.
    fn from_valid(text: &'a str, depth: usize) -> Result<Self, JsonError> {
        let broken = |_| JsonError::Broken;
        match text.as_bytes().first() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => Err(JsonError::TooDeep),
            Some(b'{') => {
                let members: RawObject<'_> = serde_json::from_str(text).map_err(broken)?;
                let members = members.0.into_iter();
                let parsed = members.map(|(key, value)| Ok((key, Self::from_valid(value.get(), depth + 1)?)));
                Ok(Self::Object(parsed.collect::<Result<_, _>>()?))
            }
            Some(b'[') => {
                let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(broken)?;
                let parsed = elements
                    .into_iter()
                    .map(|value| Self::from_valid(value.get(), depth + 1));
                Ok(Self::List(parsed.collect::<Result<_, _>>()?))
            }
            Some(b'"') => Ok(Self::Text(
                serde_json::from_str::<BorrowedText<'_>>(text).map_err(broken)?.0,
            )),
            Some(b't') => Ok(Self::Bool(true)),
            Some(b'f') => Ok(Self::Bool(false)),
            Some(b'n') => Ok(Self::Null),
            _ => Ok(Self::Number(Cow::Borrowed(text))),
        }
    }

    /// The member of this name: of equal names the last, as in `serde_json`.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.find(|name| name == key)
    }

    /// The member of this name in any case.
    pub(crate) fn get_in_any_case(&self, key: &str) -> Option<&Self> {
        self.find(|name| name.eq_ignore_ascii_case(key))
    }

    fn find(&self, is_wanted: impl Fn(&str) -> bool) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members
            .iter()
            .rev()
            .find(|(name, _)| is_wanted(name))
            .map(|(_, value)| value)
    }

    /// Whether it has no value: `null`, `""`, `[]`, `{}`, or an array of such.
    pub(crate) fn is_unset(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(_) | Self::Number(_) => false,
            Self::Text(text) => text.is_empty(),
            Self::List(elements) => elements.iter().all(Self::is_unset),
            Self::Object(members) => members.is_empty(),
        }
    }

    /// The value as text: of an array its first element that has one. `None` if it is unset or an object.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Null | Self::Object(_) => None,
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Number(text) | Self::Text(text) => Some(text).filter(|text| !text.is_empty()).map(|text| &**text),
            Self::List(elements) => elements.iter().find_map(Self::text),
        }
    }

    /// The texts of an array, or the one of another value.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let elements = match self {
            Self::List(elements) => elements.as_slice(),
            other => std::slice::from_ref(other),
        };
        elements.iter().filter_map(Self::text)
    }
}

/// The compact text.
impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(digits) => f.write_str(digits),
            Self::Text(text) => write_text(f, text),
            Self::List(elements) => {
                f.write_str("[")?;
                for (at, element) in elements.iter().enumerate() {
                    f.write_str(if at > 0 { "," } else { "" })?;
                    element.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (at, (key, value)) in members.iter().enumerate() {
                    f.write_str(if at > 0 { "," } else { "" })?;
                    write_text(f, key)?;
                    f.write_str(":")?;
                    value.fmt(f)?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let quoted = serde_json::to_string(text).map_err(|_| fmt::Error)?;
    f.write_str(&quoted)
}

/// A text that is borrowed unless it has escapes.
#[derive(Deserialize)]
struct BorrowedText<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of an object in their order, repeated names included.
struct RawObject<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for RawObject<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<BorrowedText<'de>, &'de RawValue>()? {
                    members.push((key.0, value));
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Members).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_numbers_are_kept() {
        let text = r#"{"a":9223372036854775808123,"b":1.10,"c":[1e3,-0.0],"d":{"e":18446744073709551615}}"#;
        assert_eq!(Json::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn text_is_compact_and_escaped() {
        let parsed = Json::parse(" { \"a\\u00e9\" : [ true , null , \"x\\n\\\"\" ] , \"b\" : { } } ").unwrap();
        assert_eq!(parsed.to_string(), "{\"a\u{e9}\":[true,null,\"x\\n\\\"\"],\"b\":{}}");
    }

    #[test]
    fn last_of_equal_names_counts() {
        let parsed = Json::parse(r#"{"a":1,"A":2,"a":3}"#).unwrap();
        assert_eq!(parsed.get("a").unwrap().text(), Some("3"));
        assert_eq!(parsed.get_in_any_case("A").unwrap().text(), Some("3"));
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::parse(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(Json::parse(&nested(MAX_DEPTH + 1)), Err(JsonError::TooDeep));
        assert!(Json::parse(&nested(20_000)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn parses_what_serde_json_parses(text in "[\\[\\]{}\",:a0-9.\\-eE\\\\untrfls ]{0,40}") {
            let reference = serde_json::from_str::<serde_json::Value>(&text);
            let parsed = Json::parse(&text);
            // serde_json refuses floats out of range; digits have no range.
            if let Ok(reference) = reference {
                let again: serde_json::Value = serde_json::from_str(&parsed.unwrap().to_string()).unwrap();
                proptest::prop_assert_eq!(again, reference);
            }
        }
    }
}

//! Metadata as JSON, as a registration stores it.

use std::collections::BTreeMap;

use masthead_domain::metadata::{MAX_JSON_BYTES, Metadata};

use crate::field_error::UnstorableFieldError;

pub(crate) fn to_json(metadata: &Metadata) -> Result<String, UnstorableFieldError> {
    let invalid = |problem| UnstorableFieldError {
        field: "metadata",
        problem,
    };
    let pairs: BTreeMap<&str, &str> = metadata.iter().collect();
    let json = serde_json::to_string(&pairs).map_err(|_| invalid("cannot be written as JSON"))?;
    if json.len() > MAX_JSON_BYTES {
        return Err(invalid("longer than 64 KB"));
    }
    Ok(json)
}

/// A pair as [`to_json`] writes it within an object.
pub(crate) fn pair_in_json(key: &str, value: &str) -> String {
    format!("{}:{}", serde_json::Value::from(key), serde_json::Value::from(value))
}

/// Parses stored metadata; `None` unless it is an object of strings.
pub(crate) fn parse(json: &str) -> Option<Metadata> {
    parse_plain(json).or_else(|| {
        let pairs: BTreeMap<String, String> = serde_json::from_str(json).ok()?;
        Some(Metadata::from_valid(pairs))
    })
}

/// Parses what [`to_json`] writes, unless a string has escapes. This is half of the cost
/// of reading a registration, and serde looks at each byte twice.
fn parse_plain(json: &str) -> Option<Metadata> {
    if json == "{}" {
        return Some(Metadata::default());
    }
    let mut rest = json.strip_prefix("{\"")?;
    let mut pairs = Vec::with_capacity(16);
    loop {
        let (key, after) = text(rest)?;
        let (value, after) = text(after.strip_prefix("\":\"")?)?;
        pairs.push((key, value));
        match after.strip_prefix("\",\"") {
            Some(next) => rest = next,
            None => return (after == "\"}").then(|| Metadata::from_valid(pairs)),
        }
    }
}

/// Splits at the end of a string; `None` if it has escapes.
fn text(rest: &str) -> Option<(&str, &str)> {
    // Most strings are short: a plain loop is faster than setting up `memchr`.
    let end = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
    rest.split_at_checked(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn metadata_round_trips(pairs in proptest::collection::btree_map("[a-c\"\\\\{}:,]{1,3}", "\\PC{0,4}", 0..5)) {
            let metadata = Metadata::from_valid(pairs);
            let json = to_json(&metadata).unwrap();
            prop_assert!(parse(&json).unwrap() == metadata, "{}", json);
        }
    }

    #[test]
    fn other_json_layouts_are_parsed() {
        let expected = Metadata::from_valid([("city", "Oslo"), ("title", "")]);
        for json in [
            r#"{"city":"Oslo","title":""}"#,
            r#"{"city": "Oslo", "title": ""}"#,
            r#" { "title":"", "city":"\u004fslo" } "#,
        ] {
            assert!(parse(json).unwrap() == expected, "{json}");
        }
        assert!(parse("{}").unwrap().is_empty());
        assert!(parse(" {} ").unwrap().is_empty());
    }

    #[test]
    fn other_json_values_are_rejected() {
        for json in [
            "",
            "null",
            "[]",
            "{",
            r#"{"a"}"#,
            r#"{"a":1}"#,
            r#"{"a":"b",}"#,
            r#"{"a":"b""c":"d"}"#,
            r#"{"a":"b"#,
        ] {
            assert!(parse(json).is_none(), "{json}");
        }
    }
}

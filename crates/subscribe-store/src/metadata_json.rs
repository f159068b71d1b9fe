//! Metadata as JSON, as a registration stores it.

use std::collections::BTreeMap;

use masthead_domain::metadata::Metadata;

use crate::row::RowError;

pub(crate) fn parse_metadata(json: &str) -> Result<Metadata, RowError> {
    match as_written(json) {
        Some(metadata) => Ok(metadata),
        None => serde_json::from_str::<BTreeMap<String, String>>(json)
            .map(Metadata::from_valid)
            .map_err(|_| RowError::Column { column: "metadata" }),
    }
}

/// Parses what [`metadata_json`](crate::record::metadata_json) writes, unless a string has escapes. This is half of the cost
/// of reading a registration, and serde looks at each byte twice.
fn as_written(json: &str) -> Option<Metadata> {
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
    use crate::record::metadata_json;

    proptest! {
        #[test]
        fn metadata_round_trips(pairs in proptest::collection::btree_map("[a-c\"\\\\{}:,]{1,3}", "\\PC{0,4}", 0..5)) {
            let metadata = Metadata::from_valid(pairs);
            let json = metadata_json(&metadata).unwrap();
            prop_assert!(parse_metadata(&json).unwrap() == metadata, "{}", json);
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
            assert!(parse_metadata(json).unwrap() == expected, "{json}");
        }
        assert!(parse_metadata("{}").unwrap().is_empty());
        assert!(parse_metadata(" {} ").unwrap().is_empty());
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
            assert!(parse_metadata(json).is_err(), "{json}");
        }
    }
}

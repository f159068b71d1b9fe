//! Metadata out of the text in which a registration keeps it.

use std::collections::BTreeMap;

use masthead_domain::metadata::Metadata;

use crate::row::BadRow;

pub(crate) fn metadata_of(json: &str) -> Result<Metadata, BadRow> {
    match as_written(json) {
        Some(metadata) => Ok(metadata),
        None => serde_json::from_str::<BTreeMap<String, String>>(json)
            .map(Metadata::from_valid)
            .map_err(|_| BadRow::Column { column: "metadata" }),
    }
}

/// Reads what [`metadata_json`](crate::record::metadata_json) writes, unless something in it is escaped. This is half of what
/// reading a registration costs, and serde looks at each byte twice.
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

/// Splits where a text ends, or would need to be read with more care: before a quote or a backslash.
fn text(rest: &str) -> Option<(&str, &str)> {
    // Most are of a few bytes, which are looked at sooner than a search for one in many has begun.
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
        fn what_is_written_is_read(pairs in proptest::collection::btree_map("[a-c\"\\\\{}:,]{1,3}", "\\PC{0,4}", 0..5)) {
            let metadata = Metadata::from_valid(pairs);
            let json = metadata_json(&metadata).unwrap();
            prop_assert!(metadata_of(&json).unwrap() == metadata, "{}", json);
        }
    }

    #[test]
    fn other_writers_of_json_are_read_too() {
        let expected = Metadata::from_valid([("city", "Oslo"), ("title", "")]);
        for json in [
            r#"{"city":"Oslo","title":""}"#,
            r#"{"city": "Oslo", "title": ""}"#,
            r#" { "title":"", "city":"\u004fslo" } "#,
        ] {
            assert!(metadata_of(json).unwrap() == expected, "{json}");
        }
        assert!(metadata_of("{}").unwrap().is_empty());
        assert!(metadata_of(" {} ").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_object_of_texts_is_refused() {
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
            assert!(metadata_of(json).is_err(), "{json}");
        }
    }
}

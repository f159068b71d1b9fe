//! Metadata out of the text in which a registration keeps it.

use std::{borrow::Cow, fmt, iter};

use masthead_domain::metadata::Metadata;
use serde::{
    Deserialize,
    de::{Deserializer as _, MapAccess, Visitor},
};

use crate::row::BadRow;

pub(crate) fn metadata_of(json: &str) -> Result<Metadata, BadRow> {
    match as_written(json) {
        Some(metadata) => Ok(metadata),
        None => serde_json::Deserializer::from_str(json)
            .deserialize_map(Pairs)
            .map_err(|_| BadRow::Column { column: "metadata" }),
    }
}

/// Reads what [`metadata_json`](crate::record::metadata_json) writes, unless something in it is escaped: every quote is then
/// the beginning or the end of a text. This is half of what reading a registration costs, and serde looks at each byte twice.
fn as_written(json: &str) -> Option<Metadata> {
    if json.contains('\\') {
        return None;
    }
    let mut rest = json.strip_prefix('{')?.strip_suffix('}')?;
    let mut as_expected = true;
    let pairs = iter::from_fn(|| {
        if rest.is_empty() {
            return None;
        }
        let pair = next_pair(&mut rest);
        as_expected = pair.is_some();
        pair
    });
    let metadata = Metadata::from_valid(pairs);
    as_expected.then_some(metadata)
}

/// Takes `"key":"value"`, and the comma before the next pair, off the text.
fn next_pair<'a>(rest: &mut &'a str) -> Option<(&'a str, &'a str)> {
    let (key, after) = rest.strip_prefix('"')?.split_once('"')?;
    let (value, after) = after.strip_prefix(":\"")?.split_once('"')?;
    *rest = match after.strip_prefix(',') {
        Some(next) if !next.is_empty() => next,
        None if after.is_empty() => after,
        _ => return None,
    };
    Some((key, value))
}

/// Reads an object of texts; each is copied once, into its place.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
        let mut failed = None;
        let pairs = iter::from_fn(|| {
            let pair = map.next_entry::<Text<'de>, Text<'de>>();
            pair.unwrap_or_else(|error| {
                failed = Some(error);
                None
            })
        });
        let metadata = Metadata::from_valid(pairs.map(|(key, value)| (key.0, value.0)));
        failed.map_or(Ok(metadata), Err)
    }
}

/// A text where it stands, unless something in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

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

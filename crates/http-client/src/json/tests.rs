//! Parses odd JSON.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A row with two of its fields.
#[derive(Debug, PartialEq, Deserialize)]
struct JsonUser {
    id: String,
    #[serde(default)]
    name: Option<String>,
}

fn parse_user(text: &[u8]) -> Option<(String, Option<String>)> {
    let user: JsonUser = read(text).ok()?;
    Some((user.id, user.name.map(|name| name.replace('\0', ""))))
}

/// The user with id 7 and this name.
fn user_seven(name: &str) -> (String, Option<String>) {
    ("7".to_owned(), Some(name.to_owned()))
}

/// RFC 8259 §4 (names), §6 (numbers), §8.2 (surrogates) and §9 (depth) allow all of these.
#[test]
fn odd_unread_field_is_harmless() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for odd in [
        r#""x":"\ud83d""#,
        r#""x":"\udE00\uD83D""#,
        r#""\ud83d":1"#,
        r#""x":{"\udc00":["\ud800\\ud800"]}"#,
        r#""x":1e400,"y":-1E+999"#,
        r#""x":123456789012345678901234567890"#,
        r#""x":1,"x":2"#,
        r#""x":"\u0000""#,
        &format!(r#""x":{deep}"#),
        &format!(r#""x":{{"y":{deep},"\ud800":"\ud800"}}"#),
    ] {
        let text = format!(r#"{{"id":"7",{odd},"name":"Ann"}}"#);
        assert_eq!(parse_user(text.as_bytes()), Some(user_seven("Ann")), "{odd:.60}");
    }
}

/// RFC 8259 §8.2 leaves such strings undefined; ECMA-262 `toWellFormed` replaces each lone surrogate by U+FFFD.
#[test]
fn lone_surrogate_becomes_replacement_character() {
    for (escaped, name) in [
        (r"A\ud83d", "A\u{fffd}"),
        (r"\ude00B", "\u{fffd}B"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}\u{1f600}"),
        (r"\ud83d\nB", "\u{fffd}\nB"),
        (r"\\ud83d\ud83d", "\\ud83d\u{fffd}"),
        (r"\uD83D\u0041", "\u{fffd}A"),
        (r"\ud83d\ude00", "\u{1f600}"),
    ] {
        let text = format!(r#"{{"id":"7","name":"{escaped}"}}"#);
        assert_eq!(parse_user(text.as_bytes()), Some(user_seven(name)), "{escaped}");
    }
}

/// Neither is JSON (RFC 8259 §7 and §8.1); both occur in hand-written texts and other encodings.
#[test]
fn invalid_bytes_are_replaced_in_place() {
    assert_eq!(
        parse_user(b"{\"id\":\"7\",\"name\":\"J\xfcrgen\"}"),
        Some(user_seven("J\u{fffd}rgen"))
    );
    assert_eq!(
        parse_user(b"{\"id\":\"7\",\"name\":\"A\tnn\"}"),
        Some(user_seven("A\tnn"))
    );
    assert_eq!(parse_user(b"{\"id\":\"7\",\xff\"name\":\"Ann\"}"), None);
}

/// RFC 8259 §4: many implementations report the last pair only, ECMAScript's `JSON.parse` among them.
#[test]
fn last_duplicate_member_wins() {
    assert_eq!(
        parse_user(br#"{"id":"1","name":"Bob","id":"7","name":"Ann"}"#),
        Some(user_seven("Ann"))
    );
}

#[test]
fn oversized_number_becomes_text() {
    let read = |text: &str| read::<Value>(text.as_bytes()).unwrap();
    assert_eq!(read(r#"[1e400, "\ud800"]"#), json!(["1e400", "\u{fffd}\0"]));
    assert_eq!(
        read(r#"["\ud800", 12345678901234567890123]"#)[1],
        json!("12345678901234567890123")
    );
    assert_eq!(read(r#"["\ud800", -0, 1.50, -7, 18446744073709551615]"#)[3], json!(-7));
}

#[test]
fn invalid_json_stays_invalid() {
    for bad in [
        "",
        "{",
        r#"{"id":"7""#,
        r#"{"id":"7"} x"#,
        r#"{"id":"7\"}"#,
        r#"{"id":"7","x":"\q"}"#,
        r#"{"id":"7","x":"\ud8"}"#,
        r#"{"id":"7","x":01}"#,
        r#"{"id":"7","x":-}"#,
        r#"{"id":"7","x":1e400.5}"#,
        "<html></html>",
        "\u{feff}{\"id\":\"7\"}",
        &"[".repeat(10_000),
        &format!("{}{}", "[".repeat(10_000), "]".repeat(9_999)),
    ] {
        assert_eq!(parse_user(bad.as_bytes()), None, "{bad:.60}");
        assert!(read::<Value>(bad.as_bytes()).is_err(), "{bad:.60}");
    }
}

#[test]
fn unreadable_row_is_counted() {
    let text =
        r#"{"users":[{"id":"1"},null,{"id":7},"x",{"name":"Ann"},{"id":"2","name":"\ud800"},[],{"id":"3","x":1e400}]}"#;
    let read: BTreeMap<String, JsonRows<JsonUser>> = read(text.as_bytes()).unwrap();
    let rows = &read["users"];
    let ids: Vec<&str> = rows.read.iter().map(|user| &*user.id).collect();
    assert_eq!(
        (ids.as_slice(), rows.unreadable, rows.len()),
        (&["1", "2", "3"][..], 5, 8)
    );
    assert!(serde_json::from_str::<JsonRows<JsonUser>>("null").is_err());
}

proptest! {
    /// Repair does not change a text that serde_json accepts.
    #[test]
    fn readable_json_is_not_repaired(
        texts in prop::collection::vec("\\PC{0,6}|[\\x00-\\x7f]{0,6}", 1..4), number in any::<f64>(), whole in any::<i64>(),
    ) {
        let value = json!({"a": texts, "b": {"c": number, "d": [whole, whole.cast_unsigned(), null, true]}});
        let text = value.to_string();
        prop_assert_eq!(super::repair::repaired(text.as_bytes()), None);
        // Every character as an escape, pairs included.
        let escaped: String = texts.concat().encode_utf16().fold(String::new(), |text, unit| format!("{text}\\u{unit:04x}"));
        prop_assert_eq!(super::repair::repaired(format!("[\"{escaped}\"]").as_bytes()), None);
    }

    #[test]
    fn repair_is_idempotent_for_any_bytes(text in prop::collection::vec(any::<u8>(), 0..60)) {
        let once = super::repair::repaired(&text).unwrap_or(text);
        let again = super::repair::repaired(&once);
        prop_assert_eq!(again, None);
    }
}

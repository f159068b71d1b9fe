#!/usr/bin/env bash
# Software: crates serde_json 1.0.154 (feature raw_value) and serde 1.0.229.
# Which ways of reading take a JSON text that is valid by RFC 8259 and holds half a surrogate pair as an escape, which JavaScript
# writes when it cuts a string in the middle of such a pair (RFC 8259 section 8.2), or a number beyond f64.
#
# Guess: whether a text is taken does not depend on what it is read into, except that a value of the wrong type is refused; what a
# struct ignores costs nothing; a repeated name is treated alike by a struct and by `Value`.
#
# Seen:
#   half a pair in a value: `Value` and a struct that wants the field refuse the text; `&RawValue`, `IgnoredAny` and a struct that does
#     not want the field take it. In a name: `&RawValue` and `IgnoredAny` take it, and every struct refuses it, whatever it wants.
#   1e400: refused by `Value`, taken by `&RawValue`, `IgnoredAny` and a struct that does not want the field.
#   a repeated name: refused by a derived struct that wants it ("duplicate field"), `Value` keeps the last.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2024"
[dependencies]
serde = { version = "=1.0.229", features = ["derive"] }
serde_json = { version = "=1.0.154", features = ["raw_value"] }
TOML
cat > src/main.rs <<'RS'
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, from_str, value::RawValue};

#[derive(Deserialize)]
struct Wanted {
    #[serde(rename = "name")]
    _name: Value,
}

#[derive(Deserialize)]
struct Ignored {
    #[serde(rename = "id")]
    _id: Value,
}

fn main() {
    for (what, text) in [
        ("half a pair in a value", r#"{"id":"7","name":"a\ud83d"}"#),
        ("half a pair in a name", r#"{"id":"7","name":"a","n\ud83d":"b"}"#),
        ("1e400", r#"{"id":"7","name":1e400}"#),
        ("a repeated name", r#"{"id":"7","name":"a","name":"b"}"#),
    ] {
        let taken = [
            from_str::<Value>(text).is_ok(),
            from_str::<&RawValue>(text).is_ok(),
            from_str::<IgnoredAny>(text).is_ok(),
            from_str::<Wanted>(text).is_ok(),
            from_str::<Ignored>(text).is_ok(),
        ];
        println!("{what}: Value {}, RawValue {}, IgnoredAny {}, wanted {}, not wanted {}", taken[0], taken[1], taken[2], taken[3], taken[4]);
    }
}
RS
cat > expected <<'TXT'
half a pair in a value: Value false, RawValue true, IgnoredAny true, wanted false, not wanted true
half a pair in a name: Value false, RawValue true, IgnoredAny true, wanted false, not wanted false
1e400: Value false, RawValue true, IgnoredAny true, wanted false, not wanted true
a repeated name: Value true, RawValue true, IgnoredAny true, wanted false, not wanted true
TXT
cargo run --quiet | tee seen
diff expected seen

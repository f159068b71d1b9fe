//! The schemas of what callers send: the values of parameters, ids, and texts that this service sealed.
//!
//! Each says no more and no less than the parser enforces, but for lengths: those are counted in bytes of UTF-8 there and
//! in characters here, since JSON Schema knows no bytes. None has a `default`: generated clients send defaults, and a
//! parameter that is sent may exclude another or turn a look-up into a list. The defaults are in the descriptions.

use masthead_domain::{customer_registration_id::MAX_ID_BYTES, metadata::MAX_KEY_BYTES};

use crate::{
    fields::Field,
    parameters::{
        kind::Kind,
        table::{MAX_FIELDS_BYTES, MAX_METADATA_VALUE_BYTES, MAX_SEALED_BYTES},
    },
};

use super::node::{Node, object};

/// A text that is neither blank nor holds a NUL.
pub(crate) const TEXT: &str = r"^[^\u0000]*[^\s\u0000][^\u0000]*$";
/// An id, or a key of metadata: no control characters.
pub(crate) const CRID: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";
/// Base64 in the standard or the URL-safe alphabet, with or without padding, and a blank where a decoder found a `+`.
const SEALED: &str = r"^[A-Za-z0-9+/_ -]+={0,2}$";

/// The schema of a parameter's value.
pub(crate) fn of_kind(kind: Kind) -> Node {
    match kind {
        Kind::Flag => object! {"type": "boolean"},
        Kind::Number { min, max } => object! {"type": "integer", "minimum": min, "maximum": max},
        Kind::Id => crid(),
        Kind::Text { max_bytes } | Kind::EmailText { max_bytes } => text(TEXT, max_bytes),
        Kind::Fields => text(fields_pattern(), MAX_FIELDS_BYTES),
        Kind::Sealed => text(SEALED, MAX_SEALED_BYTES),
        Kind::Choice(words) => object! {
            "type": "string",
            "enum": words.iter().map(|word| Node::from(*word)).collect::<Vec<_>>(),
        },
    }
}

/// What a parameter means, and what holds when it is not given.
pub(crate) fn described(meaning: &'static str, default: Option<&'static str>) -> String {
    match default {
        Some(default) => format!("{meaning}; {default} when not given"),
        None => meaning.to_owned(),
    }
}

/// A value of a parameter, of its type.
pub(crate) fn typed(kind: Kind, text: &'static str) -> Node {
    match (kind, text.parse::<u32>()) {
        (Kind::Flag, _) => Node::Flag(text == "true"),
        (Kind::Number { .. }, Ok(number)) => Node::from(number),
        _ => Node::from(text),
    }
}

/// The schema of a customer registration id, in a path or a parameter.
pub(crate) fn crid() -> Node {
    text(CRID, MAX_ID_BYTES)
}

/// The schema of the value of a metadata key.
pub(super) fn metadata_value() -> Node {
    text(r"^[^\u0000]+$", MAX_METADATA_VALUE_BYTES)
}

/// The schema of a metadata key.
pub(super) fn metadata_key() -> Node {
    object! {"minLength": 1_u32, "maxLength": MAX_KEY_BYTES, "pattern": CRID}
}

/// The schema of a name among the query parameters that stands for a metadata key.
pub(super) fn metadata_name() -> Node {
    let pattern = format!(r"^metadata\.[^\u0000-\u001f\u007f-\u009f]{{1,{MAX_KEY_BYTES}}}$");
    object! {"pattern": pattern}
}

fn text(pattern: impl Into<Node>, max: usize) -> Node {
    object! {"type": "string", "minLength": 1_u32, "maxLength": max, "pattern": pattern.into()}
}

/// Names of fields in any case, `metadata.{key}` among them, with commas and perhaps blanks between them.
fn fields_pattern() -> String {
    let names = Field::ALL.map(|field| in_any_case(field.name())).join("|");
    let inside = r"[^,\u0000]";
    let end = r"[^,\s\u0000]";
    let between = MAX_KEY_BYTES - 2;
    let metadata = in_any_case(Field::Metadata.name());
    let one = format!(r"\s*(?:{names}|{metadata}\.{end}(?:{inside}{{0,{between}}}{end})?)\s*");
    format!("^{one}(?:,{one})*$")
}

fn in_any_case(name: &str) -> String {
    let letters = name.chars().map(|letter| {
        let (upper, lower) = (letter.to_ascii_uppercase(), letter.to_ascii_lowercase());
        format!("[{upper}{lower}]")
    });
    letters.collect()
}

//! The schemas of what clients send: parameter values, ids and sealed texts.
//!
//! Each is exactly as strict as the parser, except for lengths: JSON Schema counts characters, the parser bytes of UTF-8.
//! None has a `default`: generated clients send defaults, and a parameter that is sent may exclude another or turn a lookup
//! into a list. The descriptions name the defaults.

use masthead_domain::{customer_registration_id::MAX_ID_BYTES, metadata::MAX_KEY_BYTES};

use super::node::{DocNode, object, texts};
use crate::v4::{
    fields::UserField,
    parameters::{
        conditions::MAX_SEALED_BYTES,
        kind::{MAX_FIELDS_BYTES, ParameterKind},
        spec::ParameterSpec,
        values::MAX_METADATA_VALUE_BYTES,
    },
};

/// A text that is not blank and has no NUL.
pub(super) const TEXT: &str = r"^[^\u0000]*[^\s\u0000][^\u0000]*$";
/// An id, or a key of metadata: no control characters.
pub(super) const ID: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";
/// Base64 in the standard or the URL-safe alphabet, with or without padding; a blank is a decoded `+`.
const SEALED: &str = r"^[A-Za-z0-9+/_ -]+={0,2}$";

/// The schema of a parameter's value.
pub(super) fn for_kind(kind: ParameterKind) -> DocNode {
    match kind {
        ParameterKind::Flag => object! {"type": "boolean"},
        ParameterKind::Number { min, max } => object! {"type": "integer", "minimum": min, "maximum": max},
        ParameterKind::Id => id(),
        ParameterKind::Text { max_bytes } | ParameterKind::EmailText { max_bytes } => text(TEXT, max_bytes),
        ParameterKind::Fields => text(fields_pattern(), MAX_FIELDS_BYTES),
        ParameterKind::Sealed => text(SEALED, MAX_SEALED_BYTES),
        ParameterKind::Choice(words) => object! {
            "type": "string",
            "enum": texts(words),
        },
    }
}

/// A parameter in the query, with the words that follow its meaning.
pub(super) fn query_parameter(spec: &ParameterSpec, required: Option<bool>, remark: &str) -> DocNode {
    let name = object! {"name": spec.name, "in": "query"};
    let name = match required {
        Some(required) => name.with("required", required),
        None => name,
    };
    name.with("description", format!("{}{remark}", description(spec)))
        .with("schema", for_kind(spec.kind))
        .with("example", example(spec))
}

/// The meaning of a parameter, with its default.
pub(super) fn description(spec: &ParameterSpec) -> String {
    match spec.default {
        Some(default) => format!("{}; {default} when not given", spec.meaning),
        None => spec.meaning.to_owned(),
    }
}

/// The example of a parameter, in its type.
fn example(spec: &ParameterSpec) -> DocNode {
    match (spec.kind, spec.example.parse::<u32>()) {
        (ParameterKind::Flag, _) => DocNode::Flag(spec.example == "true"),
        (ParameterKind::Number { .. }, Ok(number)) => DocNode::from(number),
        _ => DocNode::from(spec.example),
    }
}

/// The schema of a customer registration id, in a path or a parameter.
pub(super) fn id() -> DocNode {
    text(ID, MAX_ID_BYTES)
}

/// The schema of the value of a metadata key.
pub(super) fn metadata_value() -> DocNode {
    text(r"^[^\u0000]+$", MAX_METADATA_VALUE_BYTES)
}

/// The schema of a metadata key.
pub(super) fn metadata_key() -> DocNode {
    object! {"minLength": 1_u32, "maxLength": MAX_KEY_BYTES, "pattern": ID}
}

/// The schema of the name of a `metadata.{key}` parameter.
pub(super) fn metadata_name() -> DocNode {
    let pattern = format!(r"^metadata\.[^\u0000-\u001f\u007f-\u009f]{{1,{MAX_KEY_BYTES}}}$");
    object! {"pattern": pattern}
}

fn text(pattern: impl Into<DocNode>, max: usize) -> DocNode {
    object! {"type": "string", "minLength": 1_u32, "maxLength": max, "pattern": pattern.into()}
}

/// A comma-separated list of field names in any case, `metadata.{key}` among them, perhaps with blanks.
fn fields_pattern() -> String {
    let names = UserField::ALL.map(|field| in_any_case(field.name())).join("|");
    let inside = r"[^,\u0000]";
    let end = r"[^,\s\u0000]";
    let between = MAX_KEY_BYTES - 2;
    let metadata = in_any_case(UserField::Metadata.name());
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

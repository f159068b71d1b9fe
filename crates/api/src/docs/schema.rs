//! The schemas of what clients send: parameter values, ids and sealed texts.
//!
//! None has a `default`: generated clients send defaults, and a parameter that is sent may exclude another or turn a lookup
//! into a list. The descriptions name the defaults.

use std::borrow::Cow;

use masthead_domain::metadata::MAX_KEY_BYTES;

use super::node::{DocNode, object, texts};
use crate::v4::parameters::{
    kind::{ID_PATTERN, JsonForm, ParameterKind, ParameterSpec},
    table::MAX_METADATA_VALUE_BYTES,
};

/// The schema of a parameter's value.
pub(super) fn for_kind(kind: ParameterKind) -> DocNode {
    match kind.json_form() {
        JsonForm::Boolean => object! {"type": "boolean"},
        JsonForm::Integer { min, max } => object! {"type": "integer", "minimum": min, "maximum": max},
        JsonForm::Text { pattern, max_bytes } => text(pattern(), max_bytes),
        JsonForm::Words(words) => object! {"type": "string", "enum": texts(words)},
    }
}

/// A parameter in the query.
pub(super) fn query_parameter(spec: &ParameterSpec, required: Option<bool>, description: String) -> DocNode {
    let name = object! {"name": spec.name, "in": "query"};
    let name = match required {
        Some(required) => name.with("required", required),
        None => name,
    };
    name.with("description", description)
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
    for_kind(ParameterKind::Id)
}

/// The schema of the value of a metadata key.
pub(super) fn metadata_value() -> DocNode {
    text(r"^[^\u0000]+$", MAX_METADATA_VALUE_BYTES)
}

/// The schema of a metadata key.
pub(super) fn metadata_key() -> DocNode {
    object! {"minLength": 1_u32, "maxLength": MAX_KEY_BYTES, "pattern": ID_PATTERN}
}

/// The schema of the name of a `metadata.{key}` parameter.
pub(super) fn metadata_name() -> DocNode {
    let pattern = format!(r"^metadata\.[^\u0000-\u001f\u007f-\u009f]{{1,{MAX_KEY_BYTES}}}$");
    object! {"pattern": pattern}
}

fn text(pattern: impl Into<Cow<'static, str>>, max: usize) -> DocNode {
    object! {"type": "string", "minLength": 1_u32, "maxLength": max, "pattern": DocNode::Text(pattern.into())}
}

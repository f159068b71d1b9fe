//! The schemas of what clients send: parameter values, ids and sealed texts.
//!
//! None has a `default`: generated clients send defaults, and a parameter that is sent may exclude another or turn a lookup
//! into a list. The descriptions name the defaults.

use std::borrow::Cow;

use masthead_domain::{email::MAX_EMAIL_BYTES, metadata::MAX_KEY_BYTES};
use masthead_ports::passwords::MAX_PASSWORD_CHARS;

use super::node::{DocNode, object, texts};
use crate::v4::{
    parameters::{
        kind::{ID_PATTERN, JsonForm, ParameterKind, ParameterSpec},
        table::MAX_METADATA_VALUE_BYTES,
    },
    writes::kind::{FieldKind, MAX_METADATA_KEYS},
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

/// The schema of a field of a body.
pub(super) fn for_field(kind: FieldKind) -> DocNode {
    let bounded = |max_bytes: usize| object! {"type": "string", "maxLength": max_bytes};
    match kind {
        FieldKind::Flag => object! {"type": "boolean"},
        FieldKind::Number { min, max } => object! {"type": "integer", "minimum": min, "maximum": max},
        FieldKind::Email => bounded(MAX_EMAIL_BYTES).with("format", "email"),
        FieldKind::Password => bounded(MAX_PASSWORD_CHARS)
            .with("minLength", 1_u32)
            .with("format", "password"),
        FieldKind::Name { max_bytes } | FieldKind::Value { max_bytes } => bounded(max_bytes),
        FieldKind::Text { max_bytes } => bounded(max_bytes).with("minLength", 1_u32),
        FieldKind::Id => id(),
        FieldKind::Sealed => for_kind(ParameterKind::Sealed),
        FieldKind::Time => object! {"type": "string", "format": "date-time"},
        FieldKind::Metadata { removable } => object! {
            "type": "object",
            "maxProperties": MAX_METADATA_KEYS,
            "propertyNames": metadata_key(),
            "additionalProperties": if removable {
                object! {"type": DocNode::List(["string", "number", "boolean", "null"].map(DocNode::from).to_vec())}
            } else {
                object! {"type": DocNode::List(["string", "number", "boolean"].map(DocNode::from).to_vec())}
            },
        },
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

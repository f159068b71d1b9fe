//! The OpenAPI schemas of the customers export, generated from its tables of identifier types and attributes.

use super::node::{DocNode, list, object, schema_ref};
use crate::{
    export::{attributes::TABLE, body::TYPES},
    v4::parameters::kind::{ID_PATTERN, TEXT_PATTERN},
};

/// The schemas, each with its name under `components`.
pub(super) fn schemas() -> [(&'static str, DocNode); 8] {
    [
        ("ExportIdentifier", identifier()),
        (
            "ExportRequest",
            object! {
                "description": "Identifiers and fields, both at the root or both under `data`. The server also accepts one of \
                                them here and the other there.",
                "oneOf": list![schema_ref("ExportRequestAtRoot"), schema_ref("ExportRequestUnderData")],
            },
        ),
        ("ExportRequestAtRoot", at_root()),
        ("ExportRequestUnderData", under_data()),
        ("ExportRequestData", request("The request.")),
        ("ExportAttributes", attributes()),
        ("ExportAnswer", answer()),
        ("ExportError", error()),
    ]
}

/// The identifiers to look up, and the attributes to return.
fn request(description: &'static str) -> DocNode {
    object! {
        "type": "object",
        "description": description,
        "required": list!["identifiers"],
        "properties": object! {
            "identifiers": object! {"type": "array", "minItems": 1_u32, "items": schema_ref("ExportIdentifier")},
            "user_fields_to_export": object! {
                "type": list!["array", "null"],
                "description": "the attributes to return, besides `id`, which is always returned; without any, every attribute that is set",
                "items": object! {"type": "string"},
            },
        },
    }
}

fn at_root() -> DocNode {
    request("The identifiers at the root.").with("not", object! {"required": list!["data"]})
}

fn under_data() -> DocNode {
    object! {
        "type": "object",
        "description": "The identifiers under `data`.",
        "required": list!["data"],
        "properties": object! {"data": schema_ref("ExportRequestData")},
        "not": object! {"anyOf": list![
            object! {"required": list!["identifiers"]},
            object! {"required": list!["user_fields_to_export"]},
        ]},
    }
}

/// An identifier, with the format that each type requires.
fn identifier() -> DocNode {
    let types: Vec<String> = TYPES
        .iter()
        .map(|(name, _, meaning)| format!("`{name}`: {meaning}"))
        .collect();
    let names: Vec<DocNode> = TYPES.iter().map(|(name, ..)| DocNode::from(*name)).collect();
    let of_type = |types: DocNode| object! {"properties": object! {"identifier_type": object! {"enum": types}}};
    let with_pattern = |description: &'static str, pattern: &'static str| {
        object! {"properties": object! {
            "identifier": object! {"description": description, "pattern": pattern},
        }}
    };
    object! {
        "type": "object",
        "required": list!["identifier_type", "identifier"],
        "properties": object! {
            "identifier_type": object! {
                "type": "string",
                "enum": names,
                "description": types.join("; "),
            },
            "identifier": object! {"type": "string", "minLength": 1_u32},
        },
        "if": of_type(list!["id", "moengage_id"]),
        "then": with_pattern(
            "a number as it is answered, or a reserved word, which never matches",
            "^(0|[1-9][0-9]{0,17}|unknown|guest|null|true|false|na|n/a|none)$",
        ),
        "else": object! {
            "if": of_type(list!["customer_id"]),
            "then": with_pattern("at most 255 bytes", ID_PATTERN),
            "else": with_pattern("at most 320 bytes", TEXT_PATTERN),
        },
    }
}

fn attributes() -> DocNode {
    let attributes = TABLE.iter().map(|spec| {
        let meaning = match spec.short {
            Some(short) => format!("{}; also as `{short}`", spec.meaning),
            None => spec.meaning.to_owned(),
        };
        let schema = object! {"type": list!["string", "null"], "description": meaning, "example": spec.example};
        (spec.name, schema)
    });
    object! {
        "type": "object",
        "description": "Every value is a text, or null for a requested attribute that is not set.",
        "properties": DocNode::object(attributes),
        "additionalProperties": object! {"type": list!["string", "null"], "description": "metadata"},
    }
}

fn answer() -> DocNode {
    let identifiers = |description: &'static str| {
        object! {"type": "array", "description": description, "items": schema_ref("ExportIdentifier")}
    };
    let user = object! {
        "type": "object",
        "required": list!["user_attributes"],
        "properties": object! {"user_attributes": schema_ref("ExportAttributes")},
    };
    let data = object! {
        "type": "object",
        "required": list!["users_not_found", "users"],
        "properties": object! {
            "users_not_found": identifiers("every source confirmed that there is none, or the identifier is reserved"),
            "users": object! {"type": "array", "items": user},
            "users_unresolved": identifiers(
                "an extension, omitted where it is empty: a source that should know did not answer, or several users share the address",
            ),
        },
    };
    object! {
        "type": "object",
        "required": list!["status", "type", "data"],
        "properties": object! {
            "status": object! {"type": "string", "enum": list!["success"]},
            "type": object! {"type": "string", "enum": list!["export_users"]},
            "data": data,
        },
    }
}

fn error() -> DocNode {
    object! {
        "type": "object",
        "required": list!["status", "error"],
        "properties": object! {
            "status": object! {"type": "string", "enum": list!["fail"]},
            "error": object! {
                "type": "object",
                "required": list!["message", "request_id"],
                "properties": object! {
                    "attribute": object! {"type": "string"},
                    "message": object! {"type": "string"},
                    "type": object! {"type": "string", "description": "none where the workspaces differ"},
                    "request_id": object! {"type": "string", "minLength": 8_u32, "maxLength": 8_u32},
                },
            },
        },
    }
}

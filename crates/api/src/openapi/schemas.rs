//! `components`: what the calls take and answer.

use masthead_domain::{metadata::STANDARD_KEYS, state::UserState};

use crate::{
    caller::REQUIRED,
    export,
    fields::Field,
    legacy,
    parameters::{
        kind::Kind,
        table::{MAX_METADATA_PAIRS, MAX_METADATA_VALUE_BYTES, METADATA_MEANING, TABLE},
    },
};

use super::node::{Node, list, object};

/// The schema of a parameter's value.
pub(crate) fn of_kind(kind: Kind, default: Option<&'static str>) -> Node {
    let schema = match kind {
        Kind::Flag => object! {"type": "boolean"},
        Kind::Number { min, max } => object! {"type": "integer", "minimum": min, "maximum": max},
        Kind::Text { max_bytes } | Kind::EmailText { max_bytes } => {
            object! {"type": "string", "minLength": 1_u32, "maxLength": max_bytes}
        }
        Kind::Sealed => object! {"type": "string", "minLength": 1_u32},
        Kind::Choice(words) => object! {
            "type": "string",
            "enum": words.iter().map(|word| Node::from(*word)).collect::<Vec<_>>(),
        },
    };
    match default {
        Some(default) => schema.with("default", typed(kind, default)),
        None => schema,
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

/// `components`.
pub(super) fn components() -> Node {
    object! {
        "securitySchemes": object! {
            "bearer": object! {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "scope `users:read`; claim `tenants` with `group/client/paper`, `*` allowed for a part",
            },
            "workspaceKey": export::openapi::security_scheme(),
        },
        "parameters": header_parameters(),
        "headers": response_headers(),
        "schemas": schemas(),
    }
}

fn header_parameters() -> Node {
    let code = || object! {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"};
    let name = || object! {"type": "string", "minLength": 1_u32, "maxLength": 64_u32};
    let required = REQUIRED.iter().filter(|header| header.name != "Authorization");
    let headers = required.map(|header| {
        let is_code = header.name != "X-SourceSystem";
        let parameter = object! {
            "name": header.name,
            "in": "header",
            "required": true,
            "description": header.meaning,
            "schema": if is_code { code() } else { name() },
            "example": header.example,
        };
        (header.name, parameter)
    });
    let request_id = object! {
        "name": "X-RequestId",
        "in": "header",
        "description": "an id of the caller's own, 1 to 128 visible ASCII characters; echoed, and in our logs and events",
        "schema": object! {"type": "string", "pattern": "^[!-~]{1,128}$"},
        "example": "b1946ac9-2492-4d23-9a1c-6d2f1b0c7e55",
    };
    Node::object(headers.chain([("X-RequestId", request_id)]))
}

fn response_headers() -> Node {
    let text = || object! {"type": "string"};
    object! {
        "X-RequestId": object! {"description": "the request's id: the caller's, or one that was made up", "schema": text()},
        "WWW-Authenticate": object! {"description": "the challenge of RFC 6750", "schema": text()},
        "Retry-After": object! {
            "description": "seconds after which coming back makes sense",
            "schema": object! {"type": "integer", "minimum": 1_u32},
        },
    }
}

fn schemas() -> Node {
    let ours = object! {
        "UserAnswer": answer(
            "One user; the array only where a tenant's switch asks for it.",
            object! {"oneOf": list![reference("Meta"), object! {"type": "null"}]},
            object! {"oneOf": list![
                reference("User"),
                object! {"type": "array", "items": reference("User"), "minItems": 1_u32, "maxItems": 1_u32},
            ]},
        ),
        "ListAnswer": answer(
            "A page of users, in order.",
            reference("Meta"),
            object! {"type": "array", "items": reference("User")},
        ),
        "ErrorAnswer": answer(
            "No user, and why.",
            object! {"oneOf": list![reference("Meta"), object! {"type": "null"}]},
            object! {"type": "null"},
        ),
        "Message": message(),
        "Meta": meta(),
        "Source": source(),
        "User": user(),
        "Metadata": metadata(),
        "Search": search(),
    };
    legacy::openapi::schemas()
        .into_iter()
        .chain(export::openapi::schemas())
        .fold(ours, |all, (name, schema)| all.with(name, schema))
}

fn reference(name: &str) -> Node {
    object! {"$ref": format!("#/components/schemas/{name}")}
}

fn answer(description: &'static str, meta: Node, data: Node) -> Node {
    object! {
        "type": "object",
        "description": description,
        "required": list!["message", "meta", "data"],
        "properties": object! {"message": reference("Message"), "meta": meta, "data": data},
    }
}

fn message() -> Node {
    object! {
        "type": "object",
        "required": list!["code", "text", "type"],
        "properties": object! {
            "code": object! {"type": "string", "pattern": "^UsersOrchestrator_[SE][0-9]{3}(_[0-9]{2})?$"},
            "text": object! {"type": "string"},
            "type": object! {
                "description": "the number, 0 or 1, only where a tenant's switch asks for it",
                "enum": list!["Success", "Error", 0_u32, 1_u32],
            },
        },
    }
}

fn meta() -> Node {
    object! {
        "type": "object",
        "properties": object! {
            "totalRecords": object! {
                "type": "integer",
                "minimum": 0_u32,
                "description": "how many users match, before paging; on lists, unless `count=none`",
            },
            "totalIsEstimate": object! {"const": true, "description": "only where it is one"},
            "complete": object! {
                "type": "boolean",
                "description": "of a tenant with an outside provider: every source answered live",
            },
            "sources": object! {"type": "array", "items": reference("Source")},
            "nextCursor": object! {
                "type": "string",
                "description": "goes on after the last user, as `cursor`; only where more users match",
            },
        },
    }
}

fn source() -> Node {
    object! {
        "type": "object",
        "required": list!["name", "status"],
        "properties": object! {
            "name": object! {"type": "string"},
            "status": object! {"enum": list!["ok", "stale", "unavailable", "skipped"]},
            "asOf": object! {"type": "string", "format": "date-time", "description": "when its answer was true"},
            "reason": object! {"type": "string", "description": "a word on why it is not `ok`"},
            "ambiguous": object! {
                "const": true,
                "description": "several of its accounts share the key: each is answered",
            },
        },
    }
}

fn user() -> Node {
    let states = [UserState::Lite, UserState::Standard, UserState::Unverified];
    let of_field = |field| match field {
        Field::CustomerRegistrationId => object! {"type": "string"},
        Field::EncryptedCustomerRegistrationId => {
            object! {"type": "string", "description": "the id, sealed for this tenant"}
        }
        Field::Email => object! {"type": list!["string", "null"], "description": "null where no source has one"},
        Field::FirstName | Field::LastName => object! {"type": "string", "description": "empty when unset"},
        Field::State => object! {"enum": states.iter().map(|state| Node::from(state.name())).collect::<Vec<_>>()},
        Field::Metadata => reference("Metadata"),
        Field::Verified => object! {"type": list!["boolean", "null"], "description": "null where no source says"},
    };
    let fields = Field::ALL.map(|field| (field.name(), of_field(field)));
    let provenance = object! {
        "type": "object",
        "description": "with `explain`: the source of each field that has one",
        "additionalProperties": object! {"type": "string"},
    };
    object! {
        "type": "object",
        "description": "All of these, unless `fields` names a few.",
        "properties": Node::object(fields.into_iter().chain([("provenance", provenance)])),
    }
}

fn metadata() -> Node {
    let standard = STANDARD_KEYS.map(|key| (key, object! {"type": "string"}));
    object! {
        "type": "object",
        "description": "Every standard key, empty when unset, then the custom ones.",
        "properties": Node::object(standard),
        "additionalProperties": object! {"type": "string"},
    }
}

fn search() -> Node {
    let properties = TABLE.iter().map(|spec| {
        (
            spec.name,
            of_kind(spec.kind, spec.default).with("description", spec.meaning),
        )
    });
    let metadata = object! {
        "type": "object",
        "description": METADATA_MEANING,
        "minProperties": 1_u32,
        "maxProperties": MAX_METADATA_PAIRS,
        "additionalProperties": object! {
            "type": "string",
            "minLength": 1_u32,
            "maxLength": MAX_METADATA_VALUE_BYTES,
        },
    };
    object! {
        "type": "object",
        "description": "The parameters of the query string; numbers and truth values as themselves or as text.",
        "properties": Node::object(properties.chain([("metadata", metadata)])),
        "additionalProperties": false,
    }
}

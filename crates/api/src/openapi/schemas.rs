//! `components`: what the calls take and answer.

use masthead_domain::{metadata::STANDARD_KEYS, state::UserState};

use crate::{
    caller::REQUIRED,
    export,
    fields::Field,
    legacy,
    parameters::table::{MAX_METADATA_PAIRS, METADATA_MEANING, TABLE},
};

use super::{
    node::{Node, list, object},
    values::{described, metadata_key, metadata_value, of_kind},
};

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
    let name = || object! {"type": "string", "pattern": "^[!-~]([ -~]{0,62}[!-~])?$"};
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
        "description": "an id of the caller's own: 1 to 128 visible ASCII characters are echoed, and are in logs and events; in place of anything else one is made up",
        "schema": object! {"type": "string"},
        "example": "b1946ac9-2492-4d23-9a1c-6d2f1b0c7e55",
    };
    Node::object(headers.chain([("X-RequestId", request_id)]))
}

fn response_headers() -> Node {
    let text = || object! {"type": "string"};
    object! {
        "X-RequestId": object! {
            "description": "the request's id: the caller's, or one that was made up",
            "schema": object! {"type": "string", "pattern": "^[!-~]{1,128}$"},
        },
        "Allow": object! {"description": "the methods that the address takes", "schema": text()},
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
            "One user; an array where a parameter of lists is given, which may be empty, or a tenant's switch asks for it.",
            object! {"oneOf": list![reference("Meta"), object! {"type": "null"}]},
            object! {"oneOf": list![
                reference("User"),
                object! {"type": "array", "items": reference("User")},
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
        "MessageType": object! {"type": "string", "enum": list!["Success", "Error"]},
        "MessageTypeNumber": object! {
            "type": "integer",
            "description": "0 for Success, 1 for Error",
            "enum": list![0_u32, 1_u32],
        },
        "Meta": meta(),
        "Source": source(),
        "SourceStatus": object! {"type": "string", "enum": list!["ok", "stale", "unavailable", "skipped"]},
        "User": user(),
        "UserState": user_state(),
        "Metadata": metadata(),
        "Search": search(),
    };
    legacy::openapi::schemas()
        .into_iter()
        .chain(export::schemas::schemas())
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
                "oneOf": list![reference("MessageType"), reference("MessageTypeNumber")],
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
            "totalIsEstimate": object! {"type": "boolean", "description": "true where it is one, else left out"},
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
            "status": reference("SourceStatus"),
            "asOf": object! {"type": "string", "format": "date-time", "description": "when its answer was true"},
            "reason": object! {"type": "string", "description": "a word on why it is not `ok`"},
            "ambiguous": object! {
                "type": "boolean",
                "description": "true where several of its accounts share the key, and each is answered; else left out",
            },
        },
    }
}

fn user_state() -> Node {
    let states = [UserState::Lite, UserState::Standard, UserState::Unverified];
    let names: Vec<_> = states.iter().map(|state| Node::from(state.name())).collect();
    object! {"type": "string", "enum": names}
}

fn user() -> Node {
    let of_field = |field| match field {
        Field::CustomerRegistrationId => object! {"type": "string"},
        Field::EncryptedCustomerRegistrationId => {
            object! {"type": "string", "description": "the id, sealed for this tenant"}
        }
        Field::Email => object! {"type": list!["string", "null"], "description": "null where no source has one"},
        Field::FirstName | Field::LastName => object! {"type": "string", "description": "empty when unset"},
        Field::State => reference("UserState"),
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
            of_kind(spec.kind).with("description", described(spec.meaning, spec.default)),
        )
    });
    let metadata = object! {
        "type": "object",
        "description": METADATA_MEANING,
        "minProperties": 1_u32,
        "maxProperties": MAX_METADATA_PAIRS,
        "propertyNames": metadata_key(),
        "additionalProperties": metadata_value(),
    };
    object! {
        "type": "object",
        "description": "The parameters of the query string; numbers and truth values as themselves or as text.",
        "properties": Node::object(properties.chain([("metadata", metadata)])),
        "additionalProperties": false,
    }
}

//! The schemas of v4: bodies, envelopes and users.

use masthead_domain::{metadata::STANDARD_KEYS, state::UserState};

use super::{
    node::{DocNode, list, object, schema_ref},
    schema::{description, for_kind, metadata_key, metadata_value},
};
use crate::v4::{
    fields::UserField,
    parameters::table::{MAX_METADATA_PAIRS, METADATA_MEANING, TABLE},
};

/// The schemas, by name.
pub(super) fn schemas() -> DocNode {
    object! {
        "ErrorAnswer": answer("No user, and why.", optional_meta(), object! {"type": "null"}),
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
    }
}

/// The answer of Get By Id.
pub(super) fn user_answer() -> DocNode {
    answer(
        "One user; an array where a parameter of lists is given, which may be empty, or a tenant's switch selects it.",
        optional_meta(),
        object! {"oneOf": list![schema_ref("User"), users()]},
    )
}

/// The answer of a list.
pub(super) fn list_answer() -> DocNode {
    answer("A page of users, in order.", schema_ref("Meta"), users())
}

fn users() -> DocNode {
    object! {"type": "array", "items": schema_ref("User")}
}

/// The schema of `meta` where it may be null.
pub(super) fn optional_meta() -> DocNode {
    object! {"oneOf": list![schema_ref("Meta"), object! {"type": "null"}]}
}

/// The envelope of an answer.
pub(super) fn answer(description: &'static str, meta: DocNode, data: DocNode) -> DocNode {
    object! {
        "type": "object",
        "description": description,
        "required": list!["message", "meta", "data"],
        "properties": object! {"message": schema_ref("Message"), "meta": meta, "data": data},
    }
}

fn message() -> DocNode {
    object! {
        "type": "object",
        "required": list!["code", "text", "type"],
        "properties": object! {
            "code": object! {"type": "string", "pattern": "^UsersOrchestrator_[SE][0-9]{3}(_[0-9]{2})?$"},
            "text": object! {"type": "string"},
            "type": object! {
                "description": "the number, 0 or 1, when a setting of the tenant selects it",
                "oneOf": list![schema_ref("MessageType"), schema_ref("MessageTypeNumber")],
            },
        },
    }
}

fn meta() -> DocNode {
    object! {
        "type": "object",
        "properties": object! {
            "totalRecords": object! {
                "type": "integer",
                "minimum": 0_u32,
                "description": "how many users match, before paging; on lists, unless `count=none`",
            },
            "totalIsEstimate": object! {"type": "boolean", "description": "true when `totalRecords` is an estimate; otherwise left out"},
            "complete": object! {
                "type": "boolean",
                "description": "for a tenant with an outside provider: whether every source answered live; of a write: false while a side is not written, or its result cannot be read",
            },
            "sources": object! {"type": "array", "items": schema_ref("Source")},
            "pending": object! {
                "type": "array",
                "description": "the side that is written later, or, with an error, that may have been written",
                "items": object! {"type": "string"},
            },
            "nextCursor": object! {
                "type": "string",
                "description": "continues after the last user, as `cursor`; only where more users match",
            },
        },
    }
}

fn source() -> DocNode {
    object! {
        "type": "object",
        "required": list!["name", "status"],
        "properties": object! {
            "name": object! {"type": "string"},
            "status": schema_ref("SourceStatus"),
            "asOf": object! {"type": "string", "format": "date-time", "description": "the time at which the answer of the source was current"},
            "reason": object! {"type": "string", "description": "why it is not `ok`"},
            "ambiguous": object! {
                "type": "boolean",
                "description": "true when several accounts of the source share the key, and each is returned; otherwise left out",
            },
        },
    }
}

fn user_state() -> DocNode {
    let states = [UserState::Lite, UserState::Standard, UserState::Unverified];
    let names: Vec<_> = states.iter().map(|state| DocNode::from(state.name())).collect();
    object! {"type": "string", "enum": names}
}

fn user() -> DocNode {
    let field_schema = |field| match field {
        UserField::CustomerRegistrationId => object! {"type": "string"},
        UserField::EncryptedCustomerRegistrationId => {
            object! {"type": "string", "description": "the id, sealed for this tenant"}
        }
        UserField::Email => object! {"type": list!["string", "null"], "description": "null when no source has one"},
        UserField::FirstName | UserField::LastName => object! {"type": "string", "description": "empty when unset"},
        UserField::State => schema_ref("UserState"),
        UserField::Metadata => schema_ref("Metadata"),
        UserField::Verified => object! {"type": list!["boolean", "null"], "description": "null when no source has it"},
    };
    let fields = UserField::ALL.map(|field| (field.name(), field_schema(field)));
    let provenance = object! {
        "type": "object",
        "description": "with `explain`: the source of each field that has one",
        "additionalProperties": object! {"type": "string"},
    };
    object! {
        "type": "object",
        "description": "All of these, unless `fields` names a few.",
        "properties": DocNode::object(fields.into_iter().chain([("provenance", provenance)])),
    }
}

fn metadata() -> DocNode {
    let standard = STANDARD_KEYS.map(|key| (key, object! {"type": "string"}));
    object! {
        "type": "object",
        "description": "Every standard key, empty when unset, then the custom ones.",
        "properties": DocNode::object(standard),
        "additionalProperties": object! {"type": "string"},
    }
}

fn search() -> DocNode {
    let properties = TABLE.iter().map(|row| {
        let spec = &row.spec;
        (spec.name, for_kind(spec.kind).with("description", description(spec)))
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
        "description": "The parameters of the query string; numbers and booleans as themselves or as text.",
        "properties": DocNode::object(properties.chain([("metadata", metadata)])),
        "additionalProperties": false,
    }
}

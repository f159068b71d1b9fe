//! The OpenAPI schemas of the legacy API; those of users are generated from the table of legacy fields.

use masthead_domain::state::UserState;

use super::node::{DocNode, list, object, schema_ref};
use crate::legacy::{
    fields::{FIELDS, FieldContent},
    systems::{SYSTEMS, state_number},
};

/// The schemas, each with its name under `components`.
pub(super) fn schemas() -> [(&'static str, DocNode); 5] {
    [
        ("LegacyUser", user()),
        ("LegacyAnswer", answer()),
        ("LegacyResult", result()),
        ("LegacyBusinessError", business_error()),
        ("LegacyError", error()),
    ]
}

fn error() -> DocNode {
    object! {
        "type": "object",
        "required": list!["error"],
        "properties": object! {"error": object! {"type": "string"}},
    }
}

fn result() -> DocNode {
    object! {
        "type": "object",
        "required": list!["Users", "TotalUsersFound"],
        "properties": object! {
            "Users": object! {"type": "array", "items": schema_ref("LegacyUser")},
            "TotalUsersFound": object! {
                "type": "integer",
                "minimum": 0_u32,
                "description": "how many users match, before paging",
            },
        },
    }
}

fn business_error() -> DocNode {
    object! {
        "type": "object",
        "required": list!["Message", "Code", "Type", "ErrorSource"],
        "properties": object! {
            "Message": object! {"type": "string"},
            "Code": object! {"type": "string", "description": "the code that v4 has for the same refusal"},
            "Type": object! {
                "type": "object",
                "required": list!["Id", "Code"],
                "properties": object! {
                    "Id": object! {"type": "integer", "enum": list![0_u32]},
                    "Code": object! {"type": "string", "enum": list!["Validation"]},
                },
            },
            "ErrorSource": object! {"type": "null"},
        },
    }
}

fn answer() -> DocNode {
    let text = || object! {"type": "string"};
    object! {
        "type": "object",
        "required": list!["Code", "Errors", "Result", "SessionId", "RequestId"],
        "properties": object! {
            "Code": object! {"type": "integer", "enum": list![200_u32]},
            "Errors": object! {
                "type": "array",
                "description": "empty, unless the request is refused; then `Result` is null",
                "items": schema_ref("LegacyBusinessError"),
            },
            "Result": object! {"oneOf": list![
                schema_ref("LegacyResult"),
                object! {"type": "null"},
            ]},
            "SessionId": object! {"type": "string", "description": "the same as `RequestId`: there are no sessions"},
            "RequestId": text(),
        },
    }
}

fn user() -> DocNode {
    let properties = FIELDS.iter().map(|field| {
        let description = match &*field.content.in_v4() {
            "" => field.content.remark().to_owned(),
            name => format!("`{name}` in v4; {}", field.content.remark()),
        };
        (field.name, field_schema(field.content).with("description", description))
    });
    object! {
        "type": "object",
        "description": "All of these, in this order.",
        "required": FIELDS.iter().map(|field| DocNode::from(field.name)).collect::<Vec<_>>(),
        "properties": DocNode::object(properties),
    }
}

fn field_schema(content: FieldContent) -> DocNode {
    let or_null = |kind: &'static str| object! {"type": list![kind, "null"]};
    match content {
        FieldContent::Nothing => object! {"type": "null"},
        FieldContent::RegistrationId => or_null("integer"),
        FieldContent::CustomerRegistrationId | FieldContent::EncryptedCustomerRegistrationId => {
            object! {"type": "string"}
        }
        FieldContent::Email | FieldContent::FirstName | FieldContent::LastName | FieldContent::Text(_) => {
            or_null("string")
        }
        FieldContent::Flag(_) => object! {"type": "boolean"},
        FieldContent::Consent(_) => or_null("integer").with("minimum", 0_u32).with("maximum", 255_u32),
        FieldContent::DateRegistered | FieldContent::ChangeDate | FieldContent::LastLogoutDate => {
            or_null("string").with("format", "date-time")
        }
        FieldContent::Photos => object! {"type": "array", "maxItems": 1_u32, "items": object! {
            "type": "object",
            "properties": object! {
                "Id": object! {"type": "null"},
                "Value": object! {"type": "string"},
                "Type": object! {"type": "null"},
            },
        }},
        FieldContent::Verified => or_null("boolean"),
        FieldContent::AuthSystem => object! {"type": "object", "properties": object! {
            "AuthSystemId": object! {"type": "integer", "enum": SYSTEMS.iter().map(|system| DocNode::from(system.id)).collect::<Vec<_>>()},
            "AuthSystemCode": object! {"type": "string", "enum": SYSTEMS.iter().map(|system| DocNode::from(system.code)).collect::<Vec<_>>()},
            "AuthSystemName": object! {"type": "string"},
        }},
        FieldContent::UserState => object! {"type": "object", "properties": object! {
            "UserStateId": object! {"type": "integer", "enum": states().map(|state| DocNode::from(u32::from(state_number(state)))).collect::<Vec<_>>()},
            "UserStateCode": schema_ref("UserState"),
        }},
        FieldContent::Metadata => schema_ref("Metadata"),
    }
}

fn states() -> impl Iterator<Item = UserState> {
    [UserState::Lite, UserState::Unverified, UserState::Standard].into_iter()
}

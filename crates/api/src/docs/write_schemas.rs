//! The schemas of the answers of the calls that write.

use super::{
    node::{DocNode, list, object, schema_ref},
    v4_schemas::{answer, optional_meta},
};

/// The schemas, each with its name under `components`.
pub(super) fn schemas() -> [(&'static str, DocNode); 9] {
    let null = || object! {"type": "null"};
    let shaped =
        |name| object! {"oneOf": list![schema_ref(name), object! {"type": "array", "items": schema_ref(name)}]};
    let or_null = |name| {
        object! {"oneOf": list![schema_ref(name), object! {"type": "array", "items": schema_ref(name)}, null()]}
    };
    let of = |description, data| answer(description, optional_meta(), data);
    [
        ("UserIds", ids()),
        ("SignedInUser", signed_in()),
        (
            "ForgotPasswordEvent",
            object! {
                "type": "object",
                "required": list!["encryptedEventId"],
                "properties": object! {"encryptedEventId": object! {"type": "string"}},
            },
        ),
        (
            "IdsAnswer",
            of(
                "Both ids of the user; null while its address awaits verification.",
                or_null("UserIds"),
            ),
        ),
        (
            "UpdatedAnswer",
            of(
                "The user after the change; null where it cannot be read now.",
                or_null("User"),
            ),
        ),
        ("DoneAnswer", of("It is done.", null())),
        (
            "SignedInAnswer",
            of("The user that is signed in.", shaped("SignedInUser")),
        ),
        (
            "EventAnswer",
            of(
                "A link is mailed if a user has the address.",
                shaped("ForgotPasswordEvent"),
            ),
        ),
        (
            "LinkAnswer",
            of(
                "The link can be used.",
                object! {
                    "type": list!["object", "array"],
                    "properties": object! {
                        "eventId": object! {"type": "integer"},
                        "expiresAt": object! {"type": "string", "format": "date-time"},
                    },
                },
            ),
        ),
    ]
}

fn ids() -> DocNode {
    object! {
        "type": "object",
        "required": list!["customerRegistrationId", "encryptedCustomerRegistrationId"],
        "properties": object! {
            "customerRegistrationId": object! {"type": "string"},
            "encryptedCustomerRegistrationId": object! {"type": "string", "description": "the id, sealed for this tenant"},
            "urlPasswordChangeTicket": object! {
                "type": "string",
                "description": "where the first password is set; for callers with the scope `users:tickets`",
            },
        },
    }
}

fn signed_in() -> DocNode {
    let own = object! {
        "type": "object",
        "required": list!["loginPassword", "lastLogoutDate"],
        "properties": object! {
            "loginPassword": object! {"type": "null"},
            "lastLogoutDate": object! {"type": list!["string", "null"], "format": "date-time"},
        },
    };
    object! {
        "type": "object",
        "required": list!["user"],
        "properties": object! {"user": object! {"allOf": list![schema_ref("User"), own]}},
    }
}

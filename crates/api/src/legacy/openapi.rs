//! The legacy calls in the OpenAPI document, made of the same tables as the answers.

use serde_json::value::RawValue;

use crate::{
    caller::REQUIRED,
    openapi::{
        examples::with_invented,
        node::{Node, list, object},
        transport::with_transport,
        values::{crid, described, of_kind, typed},
    },
    parameters::kind::Kind,
    request::RequestId,
};

use super::{
    answer::{BusinessError, enveloped},
    calls::{CALLS, CallSpec, ERRORS},
    fields::{FIELDS, Holds},
    given::Invalid,
    parameters::{Call, PREFIX, Spec, TYPES},
    systems::{AuthSystem, SYSTEMS, state_number},
    view::{Found, Users, Viewer},
};

/// The paths with their operations.
pub(crate) fn paths() -> impl Iterator<Item = (&'static str, Node)> {
    CALLS.iter().map(|call| (call.path, object! {"get": operation(call)}))
}

fn operation(call: &CallSpec) -> Node {
    object! {
        "tags": list!["Legacy"],
        "operationId": call.id,
        "summary": call.title,
        "description": format!("{} In its place: {}.", call.meaning, call.in_v4),
        "deprecated": true,
        "parameters": parameters(call),
        "responses": responses(call),
    }
}

fn parameters(call: &CallSpec) -> Vec<Node> {
    let mut parameters: Vec<Node> = REQUIRED
        .iter()
        .filter(|header| !["Authorization", "X-ClientGroupCode"].contains(&header.name))
        .map(|header| object! {"$ref": format!("#/components/parameters/{}", header.name)})
        .collect();
    parameters.push(object! {
        "name": "X-ClientGroupCode",
        "in": "header",
        "description": "needed only where the token grants several tenants with this client and paper; \
                        `X-MediaGroupCode` is taken as another name of it",
        "schema": object! {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        "example": "north",
    });
    parameters.push(object! {"$ref": "#/components/parameters/X-RequestId"});
    if call.call == Call::ById {
        parameters.push(object! {
            "name": "customerRegistrationId",
            "in": "path",
            "required": true,
            "description": "the user's id, percent-encoded once",
            "schema": crid(),
            "example": "2937",
        });
    }
    if call.path.ends_with("{type}") {
        parameters.push(object! {
            "name": "type",
            "in": "path",
            "required": true,
            "description": "0 provider and store, 1 the provider only, 2 the store only",
            "schema": object! {"type": "string", "enum": words(&TYPES)},
            "example": "0",
        });
    }
    parameters.extend(call.parameters().map(|spec| query_parameter(call, spec)));
    parameters
}

fn words(words: &[&'static str]) -> Vec<Node> {
    words.iter().map(|word| Node::from(*word)).collect()
}

fn query_parameter(call: &CallSpec, spec: &'static Spec) -> Node {
    object! {
        "name": spec.name,
        "in": "query",
        "required": spec.required == Some(call.call),
        "description": format!(
            "{}; also as `{PREFIX}{}`; in v4: {}",
            described(spec.meaning, spec.default),
            spec.name,
            spec.successor()
        ),
        "schema": of_kind(spec.kind),
        "example": typed(spec.kind, spec.example),
    }
}

fn responses(call: &CallSpec) -> Node {
    let request_id = || ("X-RequestId", object! {"$ref": "#/components/headers/X-RequestId"});
    let found = object! {
        "description": "the users, or `Errors` that say what cannot be asked",
        "headers": Node::object([
            request_id(),
            ("X-Incomplete", object! {
                "description": "ours: the sources that the answer does without, or has only from memory",
                "schema": object! {"type": "string"},
            }),
        ]),
        "content": object! {"application/json": object! {
            "schema": object! {"$ref": "#/components/schemas/LegacyAnswer"},
            "examples": object! {
                "found": example(found_example()),
                "nobody": example(nobody_example()),
                "refused": example(refused_example(call)),
            },
        }},
    };
    let errors = ["400", "401", "500"].map(|status| {
        let of_status = || ERRORS.iter().filter(move |error| error.status == status);
        let told: Vec<String> = of_status()
            .map(|error| format!("`{}`: {} (in v4: {})", error.text, error.when, error.in_v4))
            .collect();
        let examples = of_status().enumerate().map(|(n, error)| {
            let value = object! {"error": error.text};
            (format!("error{}", n + 1), object! {"value": value})
        });
        let mut headers = vec![request_id()];
        if status == "500" {
            headers.push(("Retry-After", object! {"$ref": "#/components/headers/Retry-After"}));
        }
        let response = object! {
            "description": told.join("; "),
            "headers": Node::object(headers),
            "content": object! {"application/json": object! {
                "schema": object! {"$ref": "#/components/schemas/LegacyError"},
                "examples": Node::object(examples),
            }},
        };
        (status.to_owned(), response)
    });
    with_transport([("200".to_owned(), found)].into_iter().chain(errors), "LegacyError")
}

fn example(body: serde_json::Result<Vec<u8>>) -> Node {
    let text = body.ok().and_then(|body| String::from_utf8(body).ok());
    let raw = text.and_then(|text| RawValue::from_string(text).ok());
    object! {"value": Node::Raw(raw.unwrap_or_else(|| RawValue::NULL.to_owned()))}
}

/// The request whose id the examples carry.
fn example_id() -> RequestId {
    RequestId::new("b1946ac9-2492-4d23-9a1c-6d2f1b0c7e55").unwrap_or_else(|| RequestId::from_number(1))
}

fn found_example() -> serde_json::Result<Vec<u8>> {
    with_invented(|sealing, tenant, user| {
        let viewer = Viewer {
            sealing,
            tenant,
            system: AuthSystem::MASTHEAD,
        };
        let users = std::slice::from_ref(user);
        let found = Found {
            users: Users { viewer, users },
            total_users_found: 1,
        };
        enveloped(&[], Some(found), &example_id(), 4096)
    })
    .unwrap_or_else(nobody_example)
}

fn nobody_example() -> serde_json::Result<Vec<u8>> {
    let nobody = serde_json::json!({"Users": [], "TotalUsersFound": 0});
    enveloped(&[], Some(nobody), &example_id(), 256)
}

/// What a call answers to a request that it cannot take.
fn refused_example(call: &CallSpec) -> serde_json::Result<Vec<u8>> {
    let invalid = match (
        call.call,
        call.parameters().find(|spec| matches!(spec.kind, Kind::Number { .. })),
    ) {
        (Call::ById, _) | (_, None) => Invalid::PathType,
        (_, Some(spec)) => Invalid::BadForm(spec.name, spec.kind),
    };
    let error = BusinessError::new(Invalid::CODE, &invalid.to_string());
    enveloped(&[error], None::<()>, &example_id(), 512)
}

/// The schemas of the answers.
pub(crate) fn schemas() -> [(&'static str, Node); 5] {
    [
        ("LegacyUser", user()),
        ("LegacyAnswer", answer()),
        ("LegacyResult", result()),
        ("LegacyBusinessError", business_error()),
        ("LegacyError", error()),
    ]
}

fn error() -> Node {
    object! {
        "type": "object",
        "required": list!["error"],
        "properties": object! {"error": object! {"type": "string"}},
    }
}

fn result() -> Node {
    object! {
        "type": "object",
        "required": list!["Users", "TotalUsersFound"],
        "properties": object! {
            "Users": object! {"type": "array", "items": object! {"$ref": "#/components/schemas/LegacyUser"}},
            "TotalUsersFound": object! {
                "type": "integer",
                "minimum": 0_u32,
                "description": "how many users match, before paging",
            },
        },
    }
}

fn business_error() -> Node {
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

fn answer() -> Node {
    let text = || object! {"type": "string"};
    object! {
        "type": "object",
        "required": list!["Code", "Errors", "Result", "SessionId", "RequestId"],
        "properties": object! {
            "Code": object! {"type": "integer", "enum": list![200_u32]},
            "Errors": object! {
                "type": "array",
                "description": "empty, unless the request cannot be asked; then `Result` is null",
                "items": object! {"$ref": "#/components/schemas/LegacyBusinessError"},
            },
            "Result": object! {"oneOf": list![
                object! {"$ref": "#/components/schemas/LegacyResult"},
                object! {"type": "null"},
            ]},
            "SessionId": object! {"type": "string", "description": "a session is one request long: the same as `RequestId`"},
            "RequestId": text(),
        },
    }
}

fn user() -> Node {
    let properties = FIELDS.iter().map(|field| {
        let told = match &*field.holds.in_v4() {
            "" => field.holds.remark().to_owned(),
            name => format!("`{name}` in v4; {}", field.holds.remark()),
        };
        (field.name, schema(field.holds).with("description", told))
    });
    object! {
        "type": "object",
        "description": "All of these, in this order.",
        "required": FIELDS.iter().map(|field| Node::from(field.name)).collect::<Vec<_>>(),
        "properties": Node::object(properties),
    }
}

fn schema(holds: Holds) -> Node {
    let or_null = |kind: &'static str| object! {"type": list![kind, "null"]};
    match holds {
        Holds::Nothing => object! {"type": "null"},
        Holds::RegistrationId => or_null("integer"),
        Holds::CustomerRegistrationId | Holds::EncryptedCustomerRegistrationId => object! {"type": "string"},
        Holds::Email | Holds::FirstName | Holds::LastName | Holds::Text(_) => or_null("string"),
        Holds::Flag(_) => object! {"type": "boolean"},
        Holds::Consent(_) => or_null("integer").with("minimum", 0_u32).with("maximum", 255_u32),
        Holds::DateRegistered | Holds::ChangeDate | Holds::LastLogoutDate => {
            or_null("string").with("format", "date-time")
        }
        Holds::Photos => object! {"type": "array", "maxItems": 1_u32, "items": object! {
            "type": "object",
            "properties": object! {
                "Id": object! {"type": "null"},
                "Value": object! {"type": "string"},
                "Type": object! {"type": "null"},
            },
        }},
        Holds::Verified => or_null("boolean"),
        Holds::AuthSystem => object! {"type": "object", "properties": object! {
            "AuthSystemId": object! {"type": "integer", "enum": SYSTEMS.iter().map(|system| Node::from(system.id)).collect::<Vec<_>>()},
            "AuthSystemCode": object! {"type": "string", "enum": SYSTEMS.iter().map(|system| Node::from(system.code)).collect::<Vec<_>>()},
            "AuthSystemName": object! {"type": "string"},
        }},
        Holds::UserState => object! {"type": "object", "properties": object! {
            "UserStateId": object! {"type": "integer", "enum": states().map(|state| Node::from(u32::from(state_number(state)))).collect::<Vec<_>>()},
            "UserStateCode": object! {"$ref": "#/components/schemas/UserState"},
        }},
        Holds::Metadata => object! {"$ref": "#/components/schemas/Metadata"},
    }
}

fn states() -> impl Iterator<Item = masthead_domain::state::UserState> {
    use masthead_domain::state::UserState::{Lite, Standard, Unverified};
    [Lite, Unverified, Standard].into_iter()
}

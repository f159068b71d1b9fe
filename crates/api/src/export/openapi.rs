//! The export in the OpenAPI document, made of the same tables and by the same writers as the answers.

use std::time::Duration;

use masthead_domain::account::Account;
use masthead_orchestrator::ExportedUser;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    envelope::written,
    openapi::{
        examples::with_invented,
        node::{Node, list, object},
        transport::with_transport,
    },
    request::RequestId,
};

use super::{
    attributes::Attributes,
    body::Identifier,
    error::{ExportError, Fault},
    view::Answer,
};

/// Every error, and when it is told.
pub(crate) fn errors() -> [(ExportError, &'static str); 19] {
    [
        (
            ExportError::Missing("identifiers"),
            "the payload has no identifiers, or an empty list of them",
        ),
        (ExportError::Missing("data"), "the payload is an empty object"),
        (
            ExportError::Malformed,
            "the body is no JSON object, not UTF-8, repeats a key, or did not arrive whole",
        ),
        (
            ExportError::Invalid("identifiers[2].identifier".into(), Fault::Empty),
            "an identifier is empty, no text, of an unknown type, or one that no source can hold (`id` not as it is answered, \
             an id over 255 bytes, an address over 320); the attribute has its index, from 0 (ours)",
        ),
        (
            ExportError::TooMany(20),
            "there are more identifiers than the workspace may give",
        ),
        (ExportError::NoAppId, "neither path nor query names the workspace"),
        (
            ExportError::Parameter("strict"),
            "a query parameter cannot be understood (ours)",
        ),
        (ExportError::NoCredentials, "there are no Basic credentials"),
        (
            ExportError::WrongKey,
            "there is no such workspace, or no such key of it",
        ),
        (ExportError::Suspended, "the workspace is suspended"),
        (
            ExportError::NoRoute,
            "there is nothing below the export's addresses (ours)",
        ),
        (ExportError::Method, "only POST is taken (ours)"),
        (
            ExportError::AppIdDiffers,
            "path, query and user name are not one workspace",
        ),
        (
            ExportError::TooLarge(128),
            "the body is larger than the workspace may send",
        ),
        (
            ExportError::UriTooLong,
            "path and query are longer than is taken (ours)",
        ),
        (ExportError::MediaType, "the body is not declared as JSON"),
        (
            ExportError::TooOften(Duration::from_secs(30)),
            "this caller has asked the workspace for as many users in the last minute as it may; with `Retry-After`",
        ),
        (ExportError::Internal, "our mistake; tell us the `request_id`"),
        (
            ExportError::Unresolved(None),
            "the workspace or the request is strict, and a source that should know did not answer (ours); with `Retry-After`",
        ),
    ]
}

/// The paths with their operations.
pub(crate) fn paths() -> impl Iterator<Item = (&'static str, Node)> {
    let [path, older, _] = super::ADDRESSES;
    [
        (path, object! {"post": operation("exportUsers", false)}),
        (older, object! {"post": operation("exportUsersOfWorkspace", true)}),
    ]
    .into_iter()
}

fn operation(id: &'static str, older: bool) -> Node {
    object! {
        "tags": list!["Export"],
        "operationId": id,
        "summary": if older { "Export users, by the older path" } else { "Export users" },
        "description": "Up to 20 users (a setting of the workspace) by their identifiers, for marketing jobs. Each \
                        identifier is answered once, in the order of the request: among `users`, among \
                        `users_not_found` when every source confirmed that there is none, or among `users_unresolved` \
                        when a source that should know did not answer, or several users share the address.",
        "security": list![object! {"workspaceKey": list![]}],
        "parameters": parameters(older),
        "requestBody": object! {
            "required": true,
            "content": object! {"application/json": object! {
                "schema": object! {"$ref": "#/components/schemas/ExportRequest"},
                "examples": object! {
                    "atRoot": object! {"value": body_example()},
                    "underData": object! {"value": object! {"data": body_example()}},
                },
            }},
        },
        "responses": responses(),
    }
}

fn body_example() -> Node {
    let one = |kind: &'static str, identifier: &'static str| {
        object! {"identifier_type": kind, "identifier": identifier}
    };
    object! {
        "identifiers": list![one("customer_id", "2937"), one("email", "joann@example.com"), one("customer_id", "nobody")],
        "user_fields_to_export": list!["last_name", "customer_id", "name", "city"],
    }
}

fn parameters(older: bool) -> Vec<Node> {
    let workspace = |name: &'static str, place: &'static str, required: bool| {
        object! {
            "name": name,
            "in": place,
            "required": required,
            "description": "the workspace; the same as the user name of the credentials",
            "schema": object! {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
            "example": "herald",
        }
    };
    let mut parameters = Vec::new();
    if older {
        parameters.push(workspace("workspace", "path", true));
    }
    parameters.push(workspace("app_id", "query", !older));
    parameters.push(object! {
        "name": "strict",
        "in": "query",
        "description": "ours: 503 in place of an answer with `users_unresolved`",
        "schema": object! {"type": "boolean"},
        "example": true,
    });
    parameters.push(object! {
        "name": "X-Forwarded-For",
        "in": "header",
        "description": "the addresses on the way, the caller's first; believed from trusted proxies alone; whose users a minute are counted",
        "schema": object! {"type": "string"},
        "example": "203.0.113.195",
    });
    parameters.push(object! {"$ref": "#/components/parameters/X-RequestId"});
    parameters
}

fn responses() -> Node {
    let request_id = || ("X-RequestId", object! {"$ref": "#/components/headers/X-RequestId"});
    let found = object! {
        "description": "what is known of each identifier",
        "headers": Node::object([request_id()]),
        "content": object! {"application/json": object! {
            "schema": object! {"$ref": "#/components/schemas/ExportAnswer"},
            "examples": object! {
                "named": object! {"value": raw(answer_example(&named()))},
                "every": object! {"value": raw(answer_example(&Attributes::Set))},
            },
        }},
    };
    let errors = errors();
    let mut statuses: Vec<_> = errors.iter().map(|(error, _)| error.status()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let refusals = statuses.into_iter().map(|status| {
        let of_status = || errors.iter().filter(move |(error, _)| error.status() == status);
        let told: Vec<String> = of_status()
            .map(|(error, when)| format!("`{}`: {when}", error.message()))
            .collect();
        let examples = of_status().enumerate().map(|(n, (error, _))| {
            let value = raw(written(&error.told(&example_id()), 256));
            (format!("error{}", n + 1), object! {"value": value})
        });
        let mut headers = vec![request_id()];
        match status.as_u16() {
            401 => headers.push((
                "WWW-Authenticate",
                object! {"description": "the challenge of RFC 7617", "schema": object! {"type": "string"}},
            )),
            429 | 503 => headers.push(("Retry-After", object! {"$ref": "#/components/headers/Retry-After"})),
            _ => {}
        }
        let response = object! {
            "description": told.join("; "),
            "headers": Node::object(headers),
            "content": object! {"application/json": object! {
                "schema": object! {"$ref": "#/components/schemas/ExportError"},
                "examples": Node::object(examples),
            }},
        };
        (status.as_str().to_owned(), response)
    });
    with_transport([("200".to_owned(), found)].into_iter().chain(refusals), "ExportError")
}

fn named() -> Attributes {
    Attributes::named(["last_name", "customer_id", "name", "city"].map(str::to_owned))
}

/// The answer to the example where the invented reader is known, several share the second's address, and the third is nobody.
fn answer_example(attributes: &Attributes) -> serde_json::Result<Vec<u8>> {
    let one = |kind: &str, identifier: &str| Identifier {
        identifier_type: kind.to_owned(),
        identifier: identifier.to_owned(),
    };
    let identifiers = [
        one("customer_id", "2937"),
        one("email", "joann@example.com"),
        one("customer_id", "nobody"),
    ];
    let user = with_invented(|_, _, user| {
        ExportedUser::User(Box::new(Account {
            registration_id: Some(41),
            ..user.account.clone()
        }))
    });
    let outcomes = [
        user.unwrap_or(ExportedUser::Absent),
        ExportedUser::Unresolved,
        ExportedUser::Absent,
    ];
    written(&Answer::new(&identifiers, &outcomes, attributes), 1_024)
}

/// The request whose id the examples carry.
fn example_id() -> RequestId {
    RequestId::new("b1946ac9-2492-4d23-9a1c-6d2f1b0c7e55").unwrap_or_else(|| RequestId::counted(1))
}

fn raw(body: serde_json::Result<Vec<u8>>) -> Node {
    let text = body.ok().and_then(|body| String::from_utf8(body).ok());
    let raw = text.and_then(|text| RawValue::from_string(text).ok());
    Node::Raw(raw.unwrap_or_else(|| RawValue::NULL.to_owned()))
}

/// An error of the contract as it is written, for the documents.
pub(crate) fn error_text(error: &ExportError) -> String {
    pretty(&error.told(&example_id()))
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The way in.
pub(crate) fn security_scheme() -> Node {
    object! {
        "type": "http",
        "scheme": "basic",
        "description": "the workspace as user name, one of its keys as password",
    }
}

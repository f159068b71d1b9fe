//! The OpenAPI operations of the export, and the table of its errors.

use std::time::Duration;

use masthead_domain::account::Account;
use masthead_orchestrator::ExportedUser;

use super::{
    examples::{self, JsonResult, example, with_example_user},
    node::{DocNode, list, object, reference, schema_ref},
    response::{header, response, with_server_responses},
};
use crate::{
    export::{
        self,
        attributes::AttributeSelection,
        body::Identifier,
        error::{BodyError, ExportError},
        view::ExportView,
    },
    http::{error::RequestError, response::to_json},
};

/// Every error, and its cause.
#[rustfmt::skip]
pub(super) fn errors() -> [(ExportError, &'static str); 19] {
    [
        (ExportError::Missing("identifiers"), "the payload has no identifiers, or an empty list of them"),
        (ExportError::Missing("data"), "the payload is an empty object"),
        (ExportError::Malformed, "the body is not a JSON object, not UTF-8, repeats a key, or did not arrive whole"),
        (ExportError::Invalid("identifiers[2].identifier".into(), BodyError::Empty), "an identifier is empty, not a text, of an unknown type, or impossible (`id` not in its published form, an id over 255 bytes, an address over 320); the attribute has its index, from 0 (extension)"),
        (ExportError::TooMany(20), "there are more identifiers than the workspace may send"),
        (ExportError::NoAppId, "neither path nor query names the workspace"),
        (ExportError::Parameter("strict"), "a query parameter cannot be parsed (extension)"),
        (ExportError::NoCredentials, "there are no Basic credentials"),
        (ExportError::WrongKey, "there is no such workspace, or no such key of it"),
        (ExportError::Suspended, "the workspace is suspended"),
        (RequestError::UnknownPath.into(), "there is no such path below that of the export (extension)"),
        (RequestError::MethodNotAllowed.into(), "only POST is allowed (extension)"),
        (ExportError::AppIdDiffers, "path, query and user name do not name the same workspace"),
        (RequestError::BodyTooLarge(128 * 1_024).into(), "the body is larger than the workspace may send"),
        (RequestError::UriTooLong.into(), "path and query are longer than the limit (extension)"),
        (RequestError::ContentType.into(), "the body is not declared as JSON"),
        (ExportError::TooOften(Duration::from_secs(30)), "this client has reached the workspace's limit of users per minute; with `Retry-After`"),
        (RequestError::Internal.into(), "an error of the server; report the `request_id`"),
        (ExportError::Unresolved(None), "the workspace or the request is strict, and a source that should know did not answer (extension); with `Retry-After`"),
    ]
}

/// The paths with their operations.
pub(super) fn paths() -> impl Iterator<Item = (&'static str, DocNode)> {
    let [path, older, _] = export::PATTERNS;
    [
        (path, object! {"post": operation("exportUsers", false)}),
        (older, object! {"post": operation("exportUsersOfWorkspace", true)}),
    ]
    .into_iter()
}

fn operation(id: &'static str, older: bool) -> DocNode {
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
                "schema": schema_ref("ExportRequest"),
                "examples": object! {
                    "atRoot": object! {"value": body_example()},
                    "underData": object! {"value": object! {"data": body_example()}},
                },
            }},
        },
        "responses": responses(),
    }
}

fn body_example() -> DocNode {
    let one = |kind: &'static str, identifier: &'static str| {
        object! {"identifier_type": kind, "identifier": identifier}
    };
    object! {
        "identifiers": list![one("customer_id", "2937"), one("email", "joann@example.com"), one("customer_id", "nobody")],
        "user_fields_to_export": list!["last_name", "customer_id", "name", "city"],
    }
}

fn parameters(older: bool) -> Vec<DocNode> {
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
        "description": "an extension: 503 in place of an answer with `users_unresolved`",
        "schema": object! {"type": "boolean"},
        "example": true,
    });
    parameters.push(object! {
        "name": "X-Forwarded-For",
        "in": "header",
        "description": "the addresses of client and proxies, the client's first; read only from trusted proxies; the users per minute are counted by it",
        "schema": object! {"type": "string"},
        "example": "203.0.113.195",
    });
    parameters.push(reference("parameters", "X-RequestId"));
    parameters
}

fn responses() -> DocNode {
    let found = response(
        "what is known of each identifier",
        [],
        "ExportAnswer",
        [
            ("named", example(answer_example(&example_selection()))),
            ("every", example(answer_example(&AttributeSelection::AllSet))),
        ],
    );
    let errors = errors();
    let mut statuses: Vec<_> = errors.iter().map(|(error, _)| error.status()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let refusals = statuses.into_iter().map(|status| {
        let of_status = || errors.iter().filter(move |(error, _)| error.status() == status);
        let causes: Vec<String> = of_status()
            .map(|(error, cause)| format!("`{}`: {cause}", error.message()))
            .collect();
        let examples = of_status()
            .enumerate()
            .map(|(n, (error, _))| (format!("error{}", n + 1), example(error_example(error))));
        let challenge = || object! {"description": "the challenge of RFC 7617", "schema": object! {"type": "string"}};
        let headers = match status.as_u16() {
            401 => Some(("WWW-Authenticate", challenge())),
            429 | 503 => Some(header("Retry-After")),
            _ => None,
        };
        let response = response(causes.join("; "), headers, "ExportError", examples);
        (status.as_str().to_owned(), response)
    });
    with_server_responses([("200".to_owned(), found)].into_iter().chain(refusals), "ExportError")
}

fn example_selection() -> AttributeSelection {
    AttributeSelection::from_names(["last_name", "customer_id", "name", "city"].map(str::to_owned))
}

/// The answer to the example: the first user exists, several users share the second's address, the third is absent.
fn answer_example(selection: &AttributeSelection) -> JsonResult {
    let identifier = |kind: &str, identifier: &str| Identifier {
        identifier_type: kind.to_owned(),
        identifier: identifier.to_owned(),
    };
    let identifiers = [
        identifier("customer_id", "2937"),
        identifier("email", "joann@example.com"),
        identifier("customer_id", "nobody"),
    ];
    let user = with_example_user(|_, _, user| {
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
    to_json(&ExportView::new(&identifiers, &outcomes, selection), 1_024)
}

/// The published body of an error.
pub(super) fn error_example(error: &ExportError) -> JsonResult {
    to_json(&error.body(&examples::request_id()), 256)
}

/// The authentication of the export.
pub(super) fn security_scheme() -> DocNode {
    object! {
        "type": "http",
        "scheme": "basic",
        "description": "the workspace as user name, one of its keys as password",
    }
}

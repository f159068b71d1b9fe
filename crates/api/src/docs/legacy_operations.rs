//! The OpenAPI operations of the legacy API.

use super::{
    examples::{self, JsonResult, example, with_example_user},
    legacy_calls::{ERRORS, LegacyOperationDoc, OPERATIONS},
    node::{DocNode, list, object, reference, texts},
    response::{header, response, with_server_responses},
    schema::{description, query_parameter},
    v4_operations::id_parameter,
};
use crate::{
    auth::headers::REQUIRED,
    legacy::{
        envelope::{BusinessError, envelope_json},
        error::LegacyParameterError,
        operation::LegacyOperation,
        parameters::{PREFIX, TYPE_WORDS},
        systems::{AuthSystem, with_systems},
        view::{LegacyResult, LegacyUsersView, LegacyViewContext},
    },
    v4::parameters::{error::ParameterError, kind::ParameterKind},
};

/// The operations, each with its path and its method in lower case.
pub(super) fn operations() -> impl Iterator<Item = (&'static str, String, DocNode)> {
    OPERATIONS
        .iter()
        .map(|doc| (doc.path, "get".to_owned(), operation(doc)))
}

fn operation(doc: &LegacyOperationDoc) -> DocNode {
    object! {
        "tags": list!["Legacy"],
        "operationId": doc.id,
        "summary": doc.title,
        "description": format!("{} In its place: {}.", doc.meaning, doc.in_v4),
        "deprecated": true,
        "parameters": parameters(doc),
        "responses": responses(doc),
    }
}

/// The headers of every call.
pub(super) fn shared_headers() -> Vec<DocNode> {
    let mut parameters: Vec<DocNode> = REQUIRED
        .iter()
        .filter(|header| !["Authorization", "X-ClientGroupCode"].contains(&header.name))
        .map(|header| reference("parameters", header.name))
        .collect();
    parameters.push(object! {
        "name": "X-ClientGroupCode",
        "in": "header",
        "description": "required only where the token grants several tenants with this client and paper; \
                        `X-MediaGroupCode` is an alias",
        "schema": object! {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        "example": "north",
    });
    parameters.push(reference("parameters", "X-RequestId"));
    parameters
}

fn parameters(doc: &LegacyOperationDoc) -> Vec<DocNode> {
    let mut parameters = shared_headers();
    if doc.operation == LegacyOperation::ById {
        parameters.push(id_parameter("2937"));
    }
    if doc.path.ends_with("{type}") {
        parameters.push(object! {
            "name": "type",
            "in": "path",
            "required": true,
            "description": "0 provider and store, 1 the provider only, 2 the store only",
            "schema": object! {"type": "string", "enum": texts(&TYPE_WORDS)},
            "example": "0",
        });
    }
    parameters.extend(doc.parameters().map(|row| {
        let (name, meaning) = (row.spec.name, with_systems(&description(&row.spec)));
        let description = format!("{meaning}; also as `{PREFIX}{name}`; in v4: {}", row.successor());
        query_parameter(&row.spec, Some(row.required == Some(doc.operation)), description)
    }));
    parameters
}

fn responses(doc: &LegacyOperationDoc) -> DocNode {
    let incomplete = object! {
        "description": "an extension: the sources that are missing from the answer or stale",
        "schema": object! {"type": "string"},
    };
    let found = response(
        "the users, or `Errors` with the reason of a refusal",
        [("X-Incomplete", incomplete)],
        "LegacyAnswer",
        [
            ("found", example(found_example())),
            ("none", example(empty_example())),
            ("refused", example(refused_example(doc))),
        ],
    );
    with_server_responses(
        [("200".to_owned(), found)].into_iter().chain(error_responses()),
        "LegacyError",
    )
}

/// The responses to infrastructure errors, by their statuses.
pub(super) fn error_responses() -> [(String, DocNode); 4] {
    ["400", "401", "429", "500"].map(|status| {
        let of_status = || ERRORS.iter().filter(move |error| error.status == status);
        let descriptions: Vec<String> = of_status()
            .map(|error| format!("`{}`: {} (in v4: {})", error.text, error.when, error.in_v4))
            .collect();
        let examples = of_status().enumerate().map(|(n, error)| {
            let value = object! {"error": error.text};
            (format!("error{}", n + 1), object! {"value": value})
        });
        let headers = matches!(status, "429" | "500").then(|| header("Retry-After"));
        let response = response(descriptions.join("; "), headers, "LegacyError", examples);
        (status.to_owned(), response)
    })
}

fn found_example() -> JsonResult {
    let found = with_example_user(|sealing, tenant, user| {
        let context = LegacyViewContext {
            sealing,
            tenant,
            system: AuthSystem::MASTHEAD,
        };
        let users = std::slice::from_ref(user);
        let result = LegacyResult {
            users: LegacyUsersView { context, users },
            total_users_found: 1,
        };
        envelope_json(&[], Some(result), &examples::request_id(), 4096)
    });
    found.unwrap_or_else(empty_example)
}

fn empty_example() -> JsonResult {
    let empty = serde_json::json!({"Users": [], "TotalUsersFound": 0});
    envelope_json(&[], Some(empty), &examples::request_id(), 256)
}

/// A refusal of a number, or of the type in the path.
fn refused_example(doc: &LegacyOperationDoc) -> JsonResult {
    let is_number = |kind| matches!(kind, ParameterKind::Number { .. });
    let number = doc.parameters().find(|row| is_number(row.spec.kind));
    let error = match number {
        Some(row) => ParameterError::BadForm(row.spec.name, row.spec.kind).into(),
        None => LegacyParameterError::PathType(&TYPE_WORDS),
    };
    let error = BusinessError::for_parameter(&error);
    envelope_json(&[error], None::<()>, &examples::request_id(), 512)
}

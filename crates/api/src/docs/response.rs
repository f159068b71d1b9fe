//! The responses of an operation: their common form, and those of the server itself.

use std::borrow::Cow;

use super::node::{DocNode, object, reference, schema_ref};

/// Responses of the server before or beside an operation: every operation has them. Status and cause.
const SERVER_RESPONSES: [(&str, &str); 5] = [
    (
        "405",
        "the address has other methods, which `Allow` lists (RFC 9110 §15.5.6)",
    ),
    (
        "408",
        "the request did not arrive in time; the connection is closed (RFC 9110 §15.5.9)",
    ),
    ("414", "path and query are longer than the limit (RFC 9110 §15.5.15)"),
    ("431", "the headers are larger than the limit (RFC 6585 §5)"),
    (
        "501",
        "the method or a transfer coding is not implemented (RFC 9110 §15.6.2, RFC 9112 §6.1)",
    ),
];

/// A response with JSON content.
pub(super) fn response<K: Into<Cow<'static, str>>>(
    description: impl Into<DocNode>,
    headers: impl IntoIterator<Item = (&'static str, DocNode)>,
    schema: &str,
    examples: impl IntoIterator<Item = (K, DocNode)>,
) -> DocNode {
    let examples = DocNode::object(examples);
    let json = object! {"schema": schema_ref(schema)};
    let json = match &examples {
        DocNode::Object(pairs) if pairs.is_empty() => json,
        _ => json.with("examples", examples),
    };
    object! {
        "description": description.into(),
        "headers": DocNode::object([header("X-RequestId")].into_iter().chain(headers)),
        "content": object! {"application/json": json},
    }
}

/// A header among the components.
pub(super) fn header(name: &'static str) -> (&'static str, DocNode) {
    (name, reference("headers", name))
}

/// The responses of an operation, and those of the server that it does not describe; `schema` is the schema of its errors.
pub(super) fn with_server_responses(own: impl IntoIterator<Item = (String, DocNode)>, schema: &'static str) -> DocNode {
    let mut responses: Vec<(String, DocNode)> = own.into_iter().collect();
    for (status, cause) in SERVER_RESPONSES {
        if responses.iter().all(|(known, _)| known != status) {
            let headers = (status == "405").then(|| header("Allow"));
            let none: [(&str, DocNode); 0] = [];
            responses.push((status.to_owned(), response(cause, headers, schema, none)));
        }
    }
    responses.sort_by(|(a, _), (b, _)| a.cmp(b));
    DocNode::object(responses)
}

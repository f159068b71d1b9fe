//! Answers of the server itself, before or beside what a call does: every operation has them.

use super::node::{Node, object};

/// Status and when it is answered, in the error shape of the API that the address belongs to.
const ANSWERS: [(&str, &str); 5] = [
    (
        "405",
        "the address takes other methods, which `Allow` names (RFC 9110 §15.5.6)",
    ),
    (
        "408",
        "the request did not arrive in time; the connection is closed (RFC 9110 §15.5.9)",
    ),
    ("414", "path and query are longer than is taken (RFC 9110 §15.5.15)"),
    ("431", "the headers are larger than is taken (RFC 6585 §5)"),
    (
        "501",
        "the method or a transfer coding is not implemented (RFC 9110 §15.6.2, RFC 9112 §6.1)",
    ),
];

/// The responses of an operation with those of the server that it does not describe itself; `schema` is the name of its
/// errors' schema.
pub(crate) fn with_transport(own: impl IntoIterator<Item = (String, Node)>, schema: &'static str) -> Node {
    let mut responses: Vec<(String, Node)> = own.into_iter().collect();
    for (status, meaning) in ANSWERS {
        if responses.iter().all(|(known, _)| known != status) {
            responses.push((status.to_owned(), response(status, meaning, schema)));
        }
    }
    responses.sort_by(|(a, _), (b, _)| a.cmp(b));
    Node::object(responses)
}

fn response(status: &str, meaning: &'static str, schema: &str) -> Node {
    let mut headers = vec![("X-RequestId", "X-RequestId")];
    if status == "405" {
        headers.push(("Allow", "Allow"));
    }
    let headers = headers
        .into_iter()
        .map(|(name, target)| (name, object! {"$ref": format!("#/components/headers/{target}")}));
    object! {
        "description": meaning,
        "headers": Node::object(headers),
        "content": object! {
            "application/json": object! {
                "schema": object! {"$ref": format!("#/components/schemas/{schema}")},
            },
        },
    }
}

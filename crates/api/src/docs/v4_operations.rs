//! The v4 operations in the documents: one row each, and their OpenAPI operations.

use std::collections::BTreeMap;

use http::StatusCode;

use super::{
    examples::{self, ExampleFields, JsonResult, example},
    node::{DocNode, list, object, reference, schema_ref},
    response::{header, response, with_server_responses},
    schema::{description, id, metadata_name, metadata_value, query_parameter},
    v4_schemas::{list_answer, user_answer},
};
use crate::{
    auth::headers::REQUIRED,
    v4::{
        code::Code,
        parameters::table::{METADATA_MEANING, TABLE, V4ParameterRow},
    },
};

/// Where an operation takes its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParameterInput {
    Query,
    Body,
}

/// The name of an example, and what writes it.
pub(super) type NamedExample = (&'static str, fn() -> JsonResult);

/// One operation.
#[derive(Debug)]
pub(super) struct V4OperationDoc {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) meaning: &'static str,
    /// Its short title.
    pub(super) label: &'static str,
    pub(super) input: ParameterInput,
    /// Whether it takes a row of the table.
    pub(super) takes: fn(&V4ParameterRow) -> bool,
    pub(super) takes_metadata: bool,
    /// An example on the command line.
    pub(super) curl: &'static str,
    /// The name and the schema of its successful answer.
    pub(super) answer: (&'static str, fn() -> DocNode),
    /// Examples of this answer, the one for the page first.
    pub(super) examples: &'static [NamedExample],
    /// The codes of its responses, except those of every operation.
    codes: &'static [Code],
}

impl V4OperationDoc {
    /// Its rows of the table.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &'static V4ParameterRow> {
        TABLE.iter().filter(|row| (self.takes)(row))
    }

    /// The codes of its responses, the successes first.
    pub(super) fn codes(&self) -> impl Iterator<Item = Code> {
        let all = Code::ALL.iter().copied();
        all.filter(|code| self.codes.contains(code) || CODES_OF_ALL.contains(code))
    }

    /// Whether its path has the id of a user.
    pub(super) fn has_path_id(&self) -> bool {
        self.path.contains("{customerRegistrationId}")
    }
}

/// The codes of every operation: those of headers, tokens and limits, and of the server.
pub(super) const CODES_OF_ALL: [Code; 6] = [
    Code::E400_00,
    Code::E401,
    Code::E403,
    Code::E429,
    Code::E500,
    Code::E503,
];

const LIST_ANSWER: (&str, fn() -> DocNode) = ("ListAnswer", list_answer);
const LIST_EXAMPLES: &[NamedExample] = &[
    ("fewFields", || examples::list_answer(ExampleFields::Few)),
    ("whole", || examples::list_answer(ExampleFields::All)),
];

/// The operations, in the order of the documents.
pub(super) static OPERATIONS: &[V4OperationDoc] = &[
    V4OperationDoc {
        method: "GET",
        path: "/v4/Users",
        id: "getUsers",
        title: "Get users by query string",
        meaning: "The users that match every filter, a page at a time; no filter lists all. No match is an empty list.",
        label: "Query string",
        input: ParameterInput::Query,
        takes: |_| true,
        takes_metadata: true,
        curl: "curl -H \"Authorization: bearer $TOKEN\" -H 'X-SourceSystem: CRM' \\\n     -H 'X-ClientGroupCode: north' -H 'X-ClientCode: daily' -H 'X-PaperCode: herald' \\\n     \"$URL/v4/Users?metadata.city=Oslo&lastName=le&pageSize=1&fields=customerRegistrationId,email,state,metadata.city\"",
        answer: LIST_ANSWER,
        examples: LIST_EXAMPLES,
        codes: &[Code::S200_02, Code::E400_02, Code::E400_90, Code::E500_02],
    },
    V4OperationDoc {
        method: "GET",
        path: "/v4/Users/{customerRegistrationId}",
        id: "getUserById",
        title: "Get one user by id",
        meaning: "The user with this id, percent-encoded in the path. 404 only when every source that was queried confirmed \
                  that there is none. With any parameter but `ignoreProvider`, `fields`, `explain` and `onProviderFailure` it is \
                  the list, restricted to this id: the envelope of lists, and no match is an empty one.",
        label: "By id",
        input: ParameterInput::Query,
        // With a parameter of lists it is a list.
        takes: |row| row.spec.name != "customerRegistrationId",
        takes_metadata: true,
        curl: "curl -H \"Authorization: bearer $TOKEN\" -H 'X-SourceSystem: CRM' \\\n     -H 'X-ClientGroupCode: north' -H 'X-ClientCode: daily' -H 'X-PaperCode: herald' \\\n     \"$URL/v4/Users/auth0%7C6470a\"",
        answer: ("UserAnswer", user_answer),
        examples: &[
            ("whole", || examples::user_answer(ExampleFields::All)),
            ("fewFields", || examples::user_answer(ExampleFields::Few)),
            ("list", || examples::list_answer(ExampleFields::All)),
        ],
        codes: &[
            Code::S200_01,
            Code::S200_02,
            Code::E400_02,
            Code::E400_90,
            Code::E404,
            Code::E500_01,
            Code::E500_02,
        ],
    },
    V4OperationDoc {
        method: "POST",
        path: "/v4/Users/Search",
        id: "searchUsers",
        title: "Search users by a body",
        meaning: "The same as by query string, with the parameters in a JSON object: for clients that must keep addresses \
                  out of URLs and of the logs on the way.",
        label: "Search",
        input: ParameterInput::Body,
        takes: |_| true,
        takes_metadata: true,
        curl: "curl -H \"Authorization: bearer $TOKEN\" -H 'X-SourceSystem: CRM' \\\n     -H 'X-ClientGroupCode: north' -H 'X-ClientCode: daily' -H 'X-PaperCode: herald' \\\n     -H 'Content-Type: application/json' \\\n     -d '{\"metadata\":{\"city\":\"Oslo\"},\"lastName\":\"le\",\"pageSize\":1,\"fields\":\"customerRegistrationId,email,state,metadata.city\"}' \\\n     \"$URL/v4/Users/Search\"",
        answer: LIST_ANSWER,
        examples: LIST_EXAMPLES,
        codes: &[
            Code::S200_02,
            Code::E400_02,
            Code::E400_90,
            Code::E413,
            Code::E415,
            Code::E500_02,
        ],
    },
];

/// The schemas of the successful answers, by name.
pub(super) fn answer_schemas() -> BTreeMap<&'static str, DocNode> {
    let schemas = OPERATIONS.iter().map(|doc| (doc.answer.0, (doc.answer.1)()));
    schemas.collect()
}

/// The operations, each with its path and its method in lower case.
pub(super) fn operations() -> impl Iterator<Item = (&'static str, String, DocNode)> {
    OPERATIONS
        .iter()
        .map(|doc| (doc.path, doc.method.to_ascii_lowercase(), operation(doc)))
}

fn operation(doc: &V4OperationDoc) -> DocNode {
    let operation = object! {
        "tags": list!["Users"],
        "operationId": doc.id,
        "summary": doc.title,
        "description": doc.meaning,
        "parameters": parameters(doc),
    };
    let operation = match doc.input {
        ParameterInput::Query => operation,
        ParameterInput::Body => operation.with("requestBody", search_body()),
    };
    let responses = responses(doc.codes(), doc.answer.0, doc.examples);
    let responses = if doc.has_path_id() {
        responses.with("304", not_modified())
    } else {
        responses
    };
    operation.with("responses", responses)
}

/// The answer to a condition that the user still meets (RFC 9110 §15.4.5).
fn not_modified() -> DocNode {
    object! {
        "description": "the user has the `ETag` of `If-None-Match`: no content (RFC 9110 §15.4.5)",
        "headers": DocNode::object([header("X-RequestId"), header("ETag")]),
    }
}

fn parameters(doc: &V4OperationDoc) -> Vec<DocNode> {
    let mut parameters = required_headers();
    if doc.has_path_id() {
        parameters.push(id_parameter("auth0|6470a"));
        parameters.push(object! {
            "name": "If-None-Match",
            "in": "header",
            "description": "the `ETag` of the user as it is known: if it is still the same, the answer is 304 without content",
            "schema": object! {"type": "string"},
        });
    }
    if doc.input == ParameterInput::Query {
        parameters.extend(
            doc.parameters()
                .map(|row| query_parameter(&row.spec, None, description(&row.spec))),
        );
        parameters.extend(doc.takes_metadata.then(metadata_parameter));
    }
    parameters
}

/// The headers of every call.
pub(super) fn required_headers() -> Vec<DocNode> {
    let required = REQUIRED.iter().filter(|header| header.name != "Authorization");
    let names = required.map(|header| header.name).chain(["X-RequestId"]);
    names.map(|name| reference("parameters", name)).collect()
}

/// The id in a path.
pub(super) fn id_parameter(example: &'static str) -> DocNode {
    object! {
        "name": "customerRegistrationId",
        "in": "path",
        "required": true,
        "description": "the user's id, percent-encoded once",
        "schema": id(),
        "example": example,
    }
}

/// `metadata.{key}`: an object whose keys are complete parameter names, which `form` and `explode` write as they are.
pub(super) fn metadata_parameter() -> DocNode {
    object! {
        "name": "metadata",
        "in": "query",
        "description": format!("`metadata.{{key}}`: {METADATA_MEANING}"),
        "style": "form",
        "explode": true,
        "schema": object! {
            "type": "object",
            "propertyNames": metadata_name(),
            "additionalProperties": metadata_value(),
        },
        "example": object! {"metadata.firstName": "Ann", "metadata.lastName": "Lee"},
    }
}

fn search_body() -> DocNode {
    object! {
        "required": true,
        "content": object! {
            "application/json": object! {
                "schema": schema_ref("Search"),
                "examples": object! {
                    "byAddress": object! {
                        "summary": "One user, by address",
                        "value": object! {"email": "ann@example.com"},
                    },
                    "byMetadata": object! {
                        "summary": "The second page of a town, by last name",
                        "value": object! {
                            "metadata": object! {"city": "Oslo"},
                            "orderBy": 4_u32,
                            "pageSize": 25_u32,
                            "pageNumber": 2_u32,
                        },
                    },
                },
            },
        },
    }
}

/// One response for each status, with an example for each of its codes.
pub(super) fn responses(
    codes: impl Iterator<Item = Code>,
    answer: &'static str,
    successes: &[NamedExample],
) -> DocNode {
    let mut by_status: Vec<(StatusCode, Vec<Code>)> = Vec::new();
    for code in codes {
        let status = code.entry().status;
        match by_status.iter_mut().find(|(known, _)| *known == status) {
            Some((_, codes)) => codes.push(code),
            None => by_status.push((status, vec![code])),
        }
    }
    let own = by_status.into_iter().map(|(status, codes)| {
        (
            status.as_str().to_owned(),
            response_with(status, &codes, answer, successes),
        )
    });
    with_server_responses(own, "ErrorAnswer")
}

fn response_with(status: StatusCode, codes: &[Code], answer: &'static str, successes: &[NamedExample]) -> DocNode {
    let meanings: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`: {}", code.entry().name, code.entry().meaning))
        .collect();
    let headers = match status {
        StatusCode::UNAUTHORIZED => Some(header("WWW-Authenticate")),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT => {
            Some(header("Retry-After"))
        }
        StatusCode::OK if tagged(codes) => Some(header("ETag")),
        _ => None,
    };
    if status == StatusCode::OK {
        let examples = successes.iter().map(|(name, json)| (*name, example(json())));
        return response(meanings.join("; "), headers, answer, examples);
    }
    let errors = codes.iter().filter_map(|code| {
        let json = examples::error_answer(*code)?;
        Some((code.entry().name, example(json)))
    });
    response(meanings.join("; "), headers, "ErrorAnswer", errors)
}

/// Whether one of the answers is one user with its tag.
fn tagged(codes: &[Code]) -> bool {
    codes.iter().any(|code| matches!(code, Code::S200_01 | Code::S200_05))
}

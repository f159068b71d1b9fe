//! The v4 operations in the documents: one row each, and their OpenAPI operations.

use std::borrow::Cow;

use http::StatusCode;

use super::{
    examples::{self, ExampleFields, example},
    node::{DocNode, list, object, reference, schema_ref},
    response::{header, response, with_server_responses},
    schema::{id, metadata_name, metadata_value, query_parameter},
};
use crate::{
    auth::headers::REQUIRED,
    v4::{
        code::Code,
        operation::V4Operation,
        parameters::table::{METADATA_MEANING, TABLE, V4ParameterRow},
    },
};

/// Where an operation takes its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParameterInput {
    Query,
    Body,
}

/// One operation.
#[derive(Debug)]
pub(super) struct V4OperationDoc {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) meaning: &'static str,
    pub(super) operation: V4Operation,
    pub(super) input: ParameterInput,
    /// An example on the command line.
    pub(super) curl: &'static str,
    /// The codes of its responses, the success first.
    pub(super) codes: &'static [Code],
}

impl V4OperationDoc {
    /// Its rows of the table. Get By Id has the id in its path, and becomes a list with a parameter of lists.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &'static V4ParameterRow> {
        let has_all = self.operation == V4Operation::ListUsers;
        TABLE
            .iter()
            .filter(move |row| has_all || row.spec.name != "customerRegistrationId")
    }
}

/// The operations, in the order of the documents.
pub(super) static OPERATIONS: [V4OperationDoc; 3] = [
    V4OperationDoc {
        method: "GET",
        path: "/v4/Users",
        id: "getUsers",
        title: "Get users by query string",
        meaning: "The users that match every filter, a page at a time; no filter lists all. No match is an empty list.",
        operation: V4Operation::ListUsers,
        input: ParameterInput::Query,
        curl: "curl -H \"Authorization: bearer $TOKEN\" -H 'X-SourceSystem: CRM' \\\n     -H 'X-ClientGroupCode: north' -H 'X-ClientCode: daily' -H 'X-PaperCode: herald' \\\n     \"$URL/v4/Users?metadata.city=Oslo&lastName=le&pageSize=1&fields=customerRegistrationId,email,state,metadata.city\"",
        codes: &[
            Code::S200_02,
            Code::E400_00,
            Code::E400_02,
            Code::E400_90,
            Code::E401,
            Code::E403,
            Code::E500,
            Code::E500_02,
            Code::E503,
        ],
    },
    V4OperationDoc {
        method: "GET",
        path: "/v4/Users/{customerRegistrationId}",
        id: "getUserById",
        title: "Get one user by id",
        meaning: "The user with this id, percent-encoded in the path. 404 only when every source that was queried confirmed \
                  that there is none. With any parameter but `ignoreProvider`, `fields`, `explain` and `onProviderFailure` it is \
                  the list, restricted to this id: the envelope of lists, and no match is an empty one.",
        operation: V4Operation::GetUser,
        input: ParameterInput::Query,
        curl: "curl -H \"Authorization: bearer $TOKEN\" -H 'X-SourceSystem: CRM' \\\n     -H 'X-ClientGroupCode: north' -H 'X-ClientCode: daily' -H 'X-PaperCode: herald' \\\n     \"$URL/v4/Users/auth0%7C6470a\"",
        codes: &[
            Code::S200_01,
            Code::S200_02,
            Code::E400_00,
            Code::E400_02,
            Code::E400_90,
            Code::E401,
            Code::E403,
            Code::E404,
            Code::E500,
            Code::E500_01,
            Code::E500_02,
            Code::E503,
        ],
    },
    V4OperationDoc {
        method: "POST",
        path: "/v4/Users/Search",
        id: "searchUsers",
        title: "Search users by a body",
        meaning: "The same as by query string, with the parameters in a JSON object: for clients that must keep addresses \
                  out of URLs and of the logs on the way.",
        operation: V4Operation::ListUsers,
        input: ParameterInput::Body,
        curl: "curl -H \"Authorization: bearer $TOKEN\" -H 'X-SourceSystem: CRM' \\\n     -H 'X-ClientGroupCode: north' -H 'X-ClientCode: daily' -H 'X-PaperCode: herald' \\\n     -H 'Content-Type: application/json' \\\n     -d '{\"metadata\":{\"city\":\"Oslo\"},\"lastName\":\"le\",\"pageSize\":1,\"fields\":\"customerRegistrationId,email,state,metadata.city\"}' \\\n     \"$URL/v4/Users/Search\"",
        codes: &[
            Code::S200_02,
            Code::E400_00,
            Code::E400_02,
            Code::E400_90,
            Code::E401,
            Code::E403,
            Code::E413,
            Code::E415,
            Code::E500,
            Code::E500_02,
            Code::E503,
        ],
    },
];

/// The paths with their operations.
pub(super) fn paths() -> impl Iterator<Item = (&'static str, DocNode)> {
    OPERATIONS.iter().map(|doc| {
        let method = doc.method.to_ascii_lowercase();
        (doc.path, DocNode::object([(method, operation(doc))]))
    })
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
    operation.with("responses", responses(doc))
}

fn parameters(doc: &V4OperationDoc) -> Vec<DocNode> {
    let mut parameters: Vec<DocNode> = REQUIRED
        .iter()
        .filter(|header| header.name != "Authorization")
        .map(|header| reference("parameters", header.name))
        .collect();
    parameters.push(reference("parameters", "X-RequestId"));
    if doc.operation == V4Operation::GetUser {
        parameters.push(id_parameter("auth0|6470a"));
    }
    if doc.input == ParameterInput::Query {
        parameters.extend(doc.parameters().map(|row| query_parameter(&row.spec, None, "")));
        parameters.push(metadata_parameter());
    }
    parameters
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
fn metadata_parameter() -> DocNode {
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
fn responses(doc: &V4OperationDoc) -> DocNode {
    let mut by_status: Vec<(StatusCode, Vec<Code>)> = Vec::new();
    for code in doc.codes {
        let status = code.entry().status;
        match by_status.iter_mut().find(|(known, _)| *known == status) {
            Some((_, codes)) => codes.push(*code),
            None => by_status.push((status, vec![*code])),
        }
    }
    let own = by_status
        .into_iter()
        .map(|(status, codes)| (status.as_str().to_owned(), response_with(doc, status, &codes)));
    with_server_responses(own, "ErrorAnswer")
}

fn response_with(doc: &V4OperationDoc, status: StatusCode, codes: &[Code]) -> DocNode {
    let meanings: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`: {}", code.entry().name, code.entry().meaning))
        .collect();
    let headers = match status {
        StatusCode::UNAUTHORIZED => Some(header("WWW-Authenticate")),
        StatusCode::SERVICE_UNAVAILABLE => Some(header("Retry-After")),
        _ => None,
    };
    let schema = match (status, doc.operation) {
        (StatusCode::OK, V4Operation::GetUser) => "UserAnswer",
        (StatusCode::OK, V4Operation::ListUsers) => "ListAnswer",
        _ => "ErrorAnswer",
    };
    let examples = codes.iter().flat_map(|code| examples_of(doc, *code));
    response(meanings.join("; "), headers, schema, examples)
}

fn examples_of(doc: &V4OperationDoc, code: Code) -> Vec<(Cow<'static, str>, DocNode)> {
    match (examples::error_answer(code), doc.operation) {
        (Some(error), _) => vec![(code.entry().name.into(), example(error))],
        (None, V4Operation::GetUser) if code == Code::S200_02 => {
            vec![("list".into(), example(examples::list_answer(ExampleFields::All)))]
        }
        (None, V4Operation::GetUser) => vec![
            ("whole".into(), example(examples::user_answer(ExampleFields::All))),
            ("fewFields".into(), example(examples::user_answer(ExampleFields::Few))),
        ],
        (None, V4Operation::ListUsers) => vec![
            ("whole".into(), example(examples::list_answer(ExampleFields::All))),
            ("fewFields".into(), example(examples::list_answer(ExampleFields::Few))),
        ],
    }
}

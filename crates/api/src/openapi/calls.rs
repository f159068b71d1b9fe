//! The calls, one row each, and their operations.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::{
    caller::REQUIRED,
    code::Code,
    error::Call,
    export, legacy,
    parameters::table::{METADATA_MEANING, Parameter, Spec, TABLE},
};

use super::{
    examples::{self, Shown},
    node::{Node, list, object},
    transport::with_transport,
    values::{crid, described, metadata_name, metadata_value, of_kind, typed},
};

/// Where a call takes its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// In the query string.
    Query,
    /// In a JSON body.
    Body,
}

/// One call of the API.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallSpec {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) call: Call,
    pub(crate) input: Input,
    /// What it can answer, the success first.
    pub(crate) codes: &'static [Code],
}

impl CallSpec {
    /// The rows of the table that it takes. In the call by id the path has the id, and a parameter of lists makes it a list.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &'static Spec> {
        let all = self.call == Call::List;
        TABLE
            .iter()
            .filter(move |spec| all || spec.id != Parameter::CustomerRegistrationId)
    }
}

/// The calls, in the order in which they are printed.
pub(crate) const CALLS: [CallSpec; 3] = [
    CallSpec {
        method: "GET",
        path: "/v4/Users",
        id: "getUsers",
        title: "Get users by query string",
        meaning: "The users that meet every filter, a page at a time; no filter lists all. No match is an empty list.",
        call: Call::List,
        input: Input::Query,
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
    CallSpec {
        method: "GET",
        path: "/v4/Users/{customerRegistrationId}",
        id: "getUserById",
        title: "Get one user by id",
        meaning: "The user with this id, percent-encoded in the path. 404 only when every source that was asked said that \
                  there is none. With any parameter but `ignoreProvider`, `fields`, `explain` and `onProviderFailure` it is \
                  the list, restricted to this id: the envelope of lists, and no match is an empty one.",
        call: Call::ById,
        input: Input::Query,
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
    CallSpec {
        method: "POST",
        path: "/v4/Users/Search",
        id: "searchUsers",
        title: "Search users by a body",
        meaning: "The same as by query string, with the parameters in a JSON object: for callers who must keep addresses \
                  out of URLs and the logs on the way.",
        call: Call::List,
        input: Input::Body,
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

/// `paths`.
pub(super) fn paths() -> Node {
    let ours = CALLS.iter().map(|call| {
        let method = call.method.to_ascii_lowercase();
        (call.path, Node::object([(method, operation(call))]))
    });
    Node::object(ours.chain(legacy::openapi::paths()).chain(export::openapi::paths()))
}

fn operation(call: &CallSpec) -> Node {
    let operation = object! {
        "tags": list!["Users"],
        "operationId": call.id,
        "summary": call.title,
        "description": call.meaning,
        "parameters": parameters(call),
    };
    let operation = match call.input {
        Input::Query => operation,
        Input::Body => operation.with("requestBody", search_body()),
    };
    operation.with("responses", responses(call))
}

fn parameters(call: &CallSpec) -> Vec<Node> {
    let mut parameters: Vec<Node> = REQUIRED
        .iter()
        .filter(|header| header.name != "Authorization")
        .map(|header| object! {"$ref": format!("#/components/parameters/{}", header.name)})
        .collect();
    parameters.push(object! {"$ref": "#/components/parameters/X-RequestId"});
    if call.call == Call::ById {
        parameters.push(object! {
            "name": "customerRegistrationId",
            "in": "path",
            "required": true,
            "description": "the user's id, percent-encoded once",
            "schema": crid(),
            "example": "auth0|6470a",
        });
    }
    if call.input == Input::Query {
        parameters.extend(call.parameters().map(query_parameter));
        parameters.push(metadata_parameter());
    }
    parameters
}

fn query_parameter(spec: &'static Spec) -> Node {
    object! {
        "name": spec.name,
        "in": "query",
        "description": described(spec.meaning, spec.default),
        "schema": of_kind(spec.kind),
        "example": typed(spec.kind, spec.example),
    }
}

/// `metadata.{key}`: an object whose keys are whole parameter names, which `form` and `explode` write as they are.
fn metadata_parameter() -> Node {
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

fn search_body() -> Node {
    object! {
        "required": true,
        "content": object! {
            "application/json": object! {
                "schema": object! {"$ref": "#/components/schemas/Search"},
                "examples": object! {
                    "byAddress": object! {
                        "summary": "One person, by address",
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

/// One response for each status, with an example for each code that has it.
fn responses(call: &CallSpec) -> Node {
    let mut by_status: Vec<(&str, Vec<Code>)> = Vec::new();
    for code in call.codes {
        let status = match code.entry().status.as_u16() {
            200 => "200",
            400 => "400",
            401 => "401",
            403 => "403",
            404 => "404",
            413 => "413",
            415 => "415",
            503 => "503",
            _ => "500",
        };
        match by_status.iter_mut().find(|(known, _)| *known == status) {
            Some((_, codes)) => codes.push(*code),
            None => by_status.push((status, vec![*code])),
        }
    }
    let own = by_status
        .into_iter()
        .map(|(status, codes)| (status.to_owned(), response(call, status, &codes)));
    with_transport(own, "ErrorAnswer")
}

fn response(call: &CallSpec, status: &str, codes: &[Code]) -> Node {
    let told: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`: {}", code.entry().name, code.entry().meaning))
        .collect();
    let mut headers = vec![("X-RequestId", "#/components/headers/X-RequestId")];
    match status {
        "401" => headers.push(("WWW-Authenticate", "#/components/headers/WWW-Authenticate")),
        "503" => headers.push(("Retry-After", "#/components/headers/Retry-After")),
        _ => {}
    }
    let schema = match (status, call.call) {
        ("200", Call::ById) => "#/components/schemas/UserAnswer",
        ("200", Call::List) => "#/components/schemas/ListAnswer",
        _ => "#/components/schemas/ErrorAnswer",
    };
    let examples = codes.iter().flat_map(|code| examples_of(call, *code));
    object! {
        "description": told.join("; "),
        "headers": Node::object(headers.into_iter().map(|(name, target)| (name, object! {"$ref": target}))),
        "content": object! {
            "application/json": object! {
                "schema": object! {"$ref": schema},
                "examples": Node::object(examples),
            },
        },
    }
}

fn examples_of(call: &CallSpec, code: Code) -> Vec<(Cow<'static, str>, Node)> {
    let example = |text: String| {
        let raw = RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned());
        object! {"value": Node::Raw(raw)}
    };
    match (examples::error(code, false), call.call) {
        (Some(text), _) => vec![(code.entry().name.into(), example(text))],
        (None, Call::ById) if code == Code::S200_02 => {
            vec![("list".into(), example(examples::list(Shown::Whole, false)))]
        }
        (None, Call::ById) => vec![
            ("whole".into(), example(examples::one(Shown::Whole, false))),
            ("fewFields".into(), example(examples::one(Shown::Sparse, false))),
        ],
        (None, Call::List) => vec![
            ("whole".into(), example(examples::list(Shown::Whole, false))),
            ("fewFields".into(), example(examples::list(Shown::Sparse, false))),
        ],
    }
}

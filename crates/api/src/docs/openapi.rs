//! The OpenAPI 3.1 document (ADR 0040).

use std::borrow::Cow;

use super::{
    audit_operation,
    examples::EXAMPLE_REQUEST_ID,
    export_operations, export_schemas, legacy_operations, legacy_schemas, legacy_writes,
    node::{DocNode, list, object},
    report_operation, users_export_operation, v4_operations, v4_schemas, write_operations, write_schemas,
};
use crate::auth::headers::REQUIRED;

/// The version of OpenAPI that the document follows.
const OPENAPI_VERSION: &str = "3.1.0";

/// The document.
pub(super) fn document() -> DocNode {
    object! {
        "openapi": OPENAPI_VERSION,
        "info": object! {
            "title": "Masthead Users Orchestrator",
            "summary": "One request, one merged and truthful answer about a newspaper's reader.",
            "description": "Looks registrations up by id, by address, by name and by metadata, and writes them. Every answer has the same envelope: `message`, `meta`, `data`.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": object! {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": list![object! {"url": "/"}],
        "tags": list![
            object! {"name": "Users", "description": "The registrations of one newspaper."},
            object! {"name": "Legacy", "description": "The same for clients that have not migrated."},
            object! {"name": "Export", "description": "Many users at once, for marketing jobs."},
            object! {"name": "Audit", "description": "Who read or changed a user."},
        ],
        "security": list![object! {"bearer": list![]}],
        "paths": paths(),
        "components": components(),
    }
}

fn paths() -> DocNode {
    let v4 = v4_operations::operations()
        .chain(write_operations::operations())
        .chain([
            users_export_operation::operation(),
            audit_operation::operation(),
            report_operation::operation(),
        ]);
    let legacy = legacy_operations::operations().chain(legacy_writes::operations());
    let mut paths: Vec<(&'static str, DocNode)> = Vec::new();
    for (path, method, operation) in v4.chain(legacy) {
        let method = Cow::Owned(method);
        match paths.iter_mut().find(|(known, _)| *known == path) {
            Some((_, DocNode::Object(methods))) => methods.push((method, operation)),
            _ => paths.push((path, DocNode::Object(vec![(method, operation)]))),
        }
    }
    DocNode::object(paths.into_iter().chain(export_operations::paths()))
}

fn components() -> DocNode {
    let own = legacy_schemas::schemas().into_iter().chain(export_schemas::schemas());
    let writes = write_operations::body_schemas().chain(write_schemas::schemas());
    let own = own
        .chain(writes)
        .chain(legacy_writes::schemas())
        .chain(audit_operation::schemas())
        .chain(report_operation::schemas());
    let schemas = v4_operations::answer_schemas().into_iter().chain(own);
    object! {
        "securitySchemes": object! {
            "bearer": object! {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "claim `scope`: `users:read` for look-ups (and, unless the server divides them, searches and lists), `users:search` for lists with conditions, `users:list` for lists without, `users:write` for writes, `users:authenticate` for sign-in, forgotten passwords and verification (`users:write` includes it), `users:tickets` to be answered links that set passwords, `users:erase` to erase persons, `users:report` to read everything that is held about one, `users:export` to export all users, `audit:read` for the audit log; claim `tenants` with `group/client/paper`, `*` allowed for a part",
            },
            "workspaceKey": export_operations::security_scheme(),
        },
        "parameters": header_parameters(),
        "headers": response_headers(),
        "schemas": schemas.fold(v4_schemas::schemas(), |all, (name, schema)| all.with(name, schema)),
    }
}

fn header_parameters() -> DocNode {
    let code = "^[A-Za-z0-9._-]{1,64}$";
    let printable = "^[!-~]([ -~]{0,62}[!-~])?$";
    let required = REQUIRED.iter().filter(|header| header.name != "Authorization");
    let headers = required.map(|header| {
        let is_code = header.name != "X-SourceSystem";
        let parameter = object! {
            "name": header.name,
            "in": "header",
            "required": true,
            "description": header.meaning,
            "schema": object! {"type": "string", "pattern": if is_code { code } else { printable }},
            "example": header.example,
        };
        (header.name, parameter)
    });
    let request_id = object! {
        "name": "X-RequestId",
        "in": "header",
        "description": "an id that the client chooses: 1 to 128 visible ASCII characters are echoed, and are in logs and events; anything else is replaced by a generated id",
        "schema": object! {"type": "string"},
        "example": EXAMPLE_REQUEST_ID,
    };
    let key = object! {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "1 to 255 visible ASCII characters, perhaps quoted: the same key and content are answered with the stored answer for 24 hours; keys are of the tenant and the calling application",
        "schema": object! {"type": "string", "minLength": 1_u32, "maxLength": 512_u32},
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    };
    DocNode::object(headers.chain([("X-RequestId", request_id), ("Idempotency-Key", key)]))
}

fn response_headers() -> DocNode {
    let text = || object! {"type": "string"};
    object! {
        "X-RequestId": object! {
            "description": "the request's id: the client's, or a generated one",
            "schema": object! {"type": "string", "pattern": "^[!-~]{1,128}$"},
        },
        "ETag": object! {"description": "the tag of the user in `data`, for `If-Match` and `If-None-Match`", "schema": text()},
        "Allow": object! {"description": "the methods of the path", "schema": text()},
        "WWW-Authenticate": object! {"description": "the challenge of RFC 6750", "schema": text()},
        "Retry-After": object! {
            "description": "seconds after which a retry may succeed",
            "schema": object! {"type": "integer", "minimum": 1_u32},
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        docs::{
            examples::{self, ExampleFields},
            v4_operations::{OPERATIONS, V4OperationDoc},
            write_operations::WriteOperationDoc,
        },
        v4::fields::UserField,
    };

    fn parsed() -> Value {
        serde_json::from_str(&document().to_text()).unwrap()
    }

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    match (key.as_str(), value) {
                        ("$ref", Value::String(target)) => found.push(target.clone()),
                        _ => references(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_resolves() {
        let document = parsed();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for target in found {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }

    #[test]
    fn operations_have_all_parameters_and_codes() {
        let document = parsed();
        for doc in OPERATIONS {
            let operation = &document["paths"][doc.path][doc.method.to_ascii_lowercase()];
            for code in doc.codes() {
                let response = &operation["responses"][code.entry().status.as_str()];
                let text = response.to_string();
                assert!(text.contains(code.entry().name), "{} {}", doc.path, code.entry().name);
            }
            for row in doc.parameters() {
                let in_query = operation["parameters"]
                    .to_string()
                    .contains(&format!("\"{}\"", row.spec.name));
                let reference = "#/components/schemas/Search";
                let in_body = operation["requestBody"].to_string().contains(reference)
                    && document["components"]["schemas"]["Search"]["properties"][row.spec.name].is_object();
                assert!(in_query || in_body, "{} {}", doc.path, row.spec.name);
            }
        }
    }

    /// Calls `visit` with every object of the document and the pointer that leads to it.
    fn each_object<'a>(value: &'a Value, at: &str, visit: &mut impl FnMut(&str, &'a serde_json::Map<String, Value>)) {
        match value {
            Value::Object(object) => {
                visit(at, object);
                for (key, value) in object {
                    each_object(value, &format!("{at}/{key}"), visit);
                }
            }
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    each_object(item, &format!("{at}/{n}"), visit);
                }
            }
            _ => {}
        }
    }

    /// openapi-python-client 0.29.1 writes invalid Python for `const: true`, and expects one type per enum.
    #[test]
    fn enums_have_one_type_and_no_const() {
        let document = parsed();
        let mut enums = 0;
        each_object(&document, "", &mut |at, object| {
            if at.contains("/examples/") || at.ends_with("/example") {
                return;
            }
            assert!(!object.contains_key("const"), "{at}");
            // The enum of an `if` is a condition, not a type.
            if let (Some(Value::Array(values)), false) = (object.get("enum"), at.contains("/if/")) {
                let fits = |value: &Value| match object["type"].as_str() {
                    Some("string") => value.is_string(),
                    Some("integer") => value.is_u64(),
                    _ => false,
                };
                assert!(values.iter().all(fits), "{at}");
                enums += 1;
            }
        });
        assert!(enums > 15, "{enums}");
    }

    /// Generated clients send the defaults that they read: `pageNumber=1` beside a cursor, `pageSize=10` beside an id.
    #[test]
    fn no_parameter_has_a_default() {
        each_object(&parsed(), "", &mut |at, object| {
            assert!(!object.contains_key("default"), "{at}");
        });
    }

    #[test]
    fn operations_document_server_responses() {
        let document = parsed();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for operation in methods.as_object().unwrap().values() {
                for status in ["400", "405", "408", "414", "431", "501"] {
                    assert!(operation["responses"][status].is_object(), "{path} {status}");
                }
            }
        }
    }

    #[test]
    fn export_requires_identifiers() {
        let document = parsed();
        let schemas = &document["components"]["schemas"];
        let required = |name: &str| schemas[name]["required"].to_string();
        assert_eq!(required("ExportRequestAtRoot"), r#"["identifiers"]"#);
        assert_eq!(required("ExportRequestUnderData"), r#"["data"]"#);
        assert_eq!(required("ExportRequestData"), r#"["identifiers"]"#);
    }

    #[test]
    fn user_fields_are_in_published_order() {
        let text = document().to_text();
        let mut from = text.find("\"User\": {").unwrap();
        for field in UserField::ALL {
            let at = text[from..].find(&format!("\"{}\"", field.name())).unwrap();
            from += at;
        }
    }

    #[test]
    fn every_error_code_has_an_example() {
        let reads = OPERATIONS.iter().flat_map(V4OperationDoc::codes);
        let writes = write_operations::OPERATIONS.iter();
        for code in reads.chain(writes.flat_map(WriteOperationDoc::codes)) {
            let is_error = code.entry().status.as_u16() >= 400;
            let example = examples::error_answer(code);
            assert_eq!(example.is_some(), is_error, "{code:?}");
            let text = String::from_utf8(example.transpose().unwrap().unwrap_or_default()).unwrap();
            assert!(!is_error || text.contains(code.entry().name));
        }
        let text = |json: examples::JsonResult| String::from_utf8(json.unwrap()).unwrap();
        assert!(text(examples::user_answer(ExampleFields::All)).contains("ann@example.com"));
        assert!(text(examples::list_answer(ExampleFields::Few)).contains("nextCursor"));
    }
}

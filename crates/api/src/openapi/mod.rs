//! The OpenAPI 3.1 document, made of the same tables as the parser and the answers (ADR 0040).

mod calls;
pub(crate) mod examples;
pub(crate) mod node;
pub(crate) mod schemas;
pub(crate) mod transport;
pub(crate) mod values;

use node::{Node, list, object};

pub(crate) use calls::{CALLS, CallSpec, Input};

/// The version of OpenAPI that the document follows.
const OPENAPI_VERSION: &str = "3.1.0";

/// The document.
pub(crate) fn document() -> Node {
    object! {
        "openapi": OPENAPI_VERSION,
        "info": object! {
            "title": "Masthead Users Orchestrator",
            "summary": "One request, one merged and truthful answer about a newspaper's reader.",
            "description": "Looks registrations up by id, by address, by name and by metadata. Every answer has the same envelope: `message`, `meta`, `data`.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": object! {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": list![object! {"url": "/"}],
        "tags": list![
            object! {"name": "Users", "description": "The registrations of one newspaper."},
            object! {"name": "Legacy", "description": "The same for callers that have not migrated."},
            object! {"name": "Export", "description": "Many users at once, for marketing jobs."},
        ],
        "security": list![object! {"bearer": list![]}],
        "paths": calls::paths(),
        "components": schemas::components(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

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
    fn every_reference_leads_somewhere() {
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
    fn every_parameter_and_every_code_of_a_call_is_in_its_operation() {
        let document = parsed();
        for call in CALLS {
            let operation = &document["paths"][call.path][call.method.to_ascii_lowercase()];
            for code in call.codes {
                let response = &operation["responses"][code.entry().status.as_str()];
                let text = response.to_string();
                assert!(text.contains(code.entry().name), "{} {}", call.path, code.entry().name);
            }
            for spec in call.parameters() {
                let in_query = operation["parameters"]
                    .to_string()
                    .contains(&format!("\"{}\"", spec.name));
                let reference = "#/components/schemas/Search";
                let in_body = operation["requestBody"].to_string().contains(reference)
                    && document["components"]["schemas"]["Search"]["properties"][spec.name].is_object();
                assert!(in_query || in_body, "{} {}", call.path, spec.name);
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

    /// openapi-python-client 0.29.1 writes no valid Python for `const: true`, and takes an enum for one type.
    #[test]
    fn every_enum_has_one_type_and_there_is_no_const() {
        let document = parsed();
        let mut enums = 0;
        each_object(&document, "", &mut |at, object| {
            if at.contains("/examples/") || at.ends_with("/example") {
                return;
            }
            assert!(!object.contains_key("const"), "{at}");
            // What `if` compares with is no type of its own.
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
    fn every_operation_documents_what_the_server_itself_answers() {
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
    fn data_without_identifiers_is_no_export() {
        let document = parsed();
        let schemas = &document["components"]["schemas"];
        let required = |name: &str| schemas[name]["required"].to_string();
        assert_eq!(required("ExportRequestAtRoot"), r#"["identifiers"]"#);
        assert_eq!(required("ExportRequestUnderData"), r#"["data"]"#);
        assert_eq!(required("ExportRequestData"), r#"["identifiers"]"#);
    }

    #[test]
    fn the_user_has_every_published_key_in_order() {
        let text = document().to_text();
        let mut from = text.find("\"User\": {").unwrap();
        for field in crate::fields::Field::ALL {
            let at = text[from..].find(&format!("\"{}\"", field.name())).unwrap();
            from += at;
        }
    }

    #[test]
    fn every_error_has_an_example_of_its_own_code() {
        for code in CALLS.iter().flat_map(|call| call.codes) {
            let is_error = code.entry().status.as_u16() >= 400;
            let example = examples::error(*code, false);
            assert_eq!(example.is_some(), is_error, "{code:?}");
            assert!(example.is_none_or(|text| text.contains(code.entry().name)));
        }
        assert!(examples::one(examples::Shown::Whole, false).contains("ann@example.com"));
        assert!(examples::list(examples::Shown::Sparse, true).contains("nextCursor"));
    }
}

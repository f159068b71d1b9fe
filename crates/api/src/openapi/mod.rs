//! The OpenAPI 3.1 document, made of the same tables as the parser and the answers (ADR 0040).

mod calls;
pub(crate) mod examples;
pub(crate) mod node;
pub(crate) mod schemas;

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

//! Merges a change into a JSON object.

use serde_json::{Map, Value};

/// Merges a change into an object, level by level; null removes.
pub(crate) fn merge(into: &mut Value, change: Map<String, Value>) {
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    for (name, value) in change {
        match value {
            Value::Null => {
                into.as_object_mut().map(|members| members.remove(&name));
            }
            Value::Object(deeper) if into.get(&name).is_some_and(Value::is_object) => merge(&mut into[&name], deeper),
            other => into[&name] = other,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn change_merges_by_level_and_null_removes() {
        let mut data = json!({"a": {"x": 1, "y": 2}, "b": 1});
        let change = json!({"a": {"x": null, "z": 3}, "b": null, "c": {"d": 1}});
        merge(&mut data, change.as_object().unwrap().clone());
        assert_eq!(data, json!({"a": {"y": 2, "z": 3}, "c": {"d": 1}}));
    }
}

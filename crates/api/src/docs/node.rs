//! A JSON value that keeps the order of its keys, and the macros that write one down.
//!
//! No OpenAPI library takes its place: the document has `if`, `not`, `propertyNames` and boolean schemas, which the typed
//! builders cannot express (ADR 0105).

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

/// An object with its keys in this order.
macro_rules! object {
    ($($key:literal : $value:expr),* $(,)?) => {
        $crate::docs::node::DocNode::Object(vec![
            $((std::borrow::Cow::Borrowed($key), $crate::docs::node::DocNode::from($value))),*
        ])
    };
}

/// A list.
macro_rules! list {
    ($($value:expr),* $(,)?) => {
        $crate::docs::node::DocNode::List(vec![$($crate::docs::node::DocNode::from($value)),*])
    };
}

pub(super) use {list, object};

/// A JSON value.
#[derive(Debug, Clone)]
pub(super) enum DocNode {
    Text(Cow<'static, str>),
    Number(i64),
    Flag(bool),
    List(Vec<Self>),
    Object(Vec<(Cow<'static, str>, Self)>),
    /// JSON from another writer.
    Raw(Box<RawValue>),
}

impl DocNode {
    /// The text of the document.
    pub(super) fn to_text(&self) -> String {
        // Texts and numbers are always writable.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// An object with these pairs.
    pub(super) fn object<K: Into<Cow<'static, str>>>(pairs: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Object(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// The object with one more pair.
    pub(super) fn with(self, key: &'static str, value: impl Into<Self>) -> Self {
        match self {
            Self::Object(mut pairs) => {
                pairs.push((Cow::Borrowed(key), value.into()));
                Self::Object(pairs)
            }
            other => other,
        }
    }
}

impl Serialize for DocNode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(items) => items.serialize(serializer),
            Self::Object(pairs) => {
                let mut object = serializer.serialize_map(Some(pairs.len()))?;
                for (key, value) in pairs {
                    object.serialize_entry(key, value)?;
                }
                object.end()
            }
            Self::Raw(raw) => raw.serialize(serializer),
        }
    }
}

impl From<&'static str> for DocNode {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for DocNode {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<bool> for DocNode {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// A reference to a component.
pub(super) fn reference(kind: &str, name: &str) -> DocNode {
    object! {"$ref": format!("#/components/{kind}/{name}")}
}

/// A reference to a schema.
pub(super) fn schema_ref(name: &str) -> DocNode {
    reference("schemas", name)
}

/// A list of texts.
pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a &'static str>) -> DocNode {
    DocNode::List(texts.into_iter().map(|text| DocNode::from(*text)).collect())
}

impl From<u32> for DocNode {
    fn from(number: u32) -> Self {
        Self::Number(i64::from(number))
    }
}

impl From<usize> for DocNode {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Vec<Self>> for DocNode {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}

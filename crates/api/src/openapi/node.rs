//! JSON that keeps the order in which it is written down.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

/// A piece of a document.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(Cow<'static, str>),
    Number(i64),
    Flag(bool),
    List(Vec<Self>),
    Object(Vec<(Cow<'static, str>, Self)>),
    /// JSON as another writer wrote it.
    Raw(Box<RawValue>),
}

impl Node {
    /// The document as it is served.
    pub(crate) fn to_text(&self) -> String {
        // Texts and numbers cannot fail to be written.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// An object of these pairs.
    pub(crate) fn object<K: Into<Cow<'static, str>>>(pairs: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Object(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// The same object with one more pair.
    pub(crate) fn with(self, key: &'static str, value: impl Into<Self>) -> Self {
        match self {
            Self::Object(mut pairs) => {
                pairs.push((Cow::Borrowed(key), value.into()));
                Self::Object(pairs)
            }
            other => other,
        }
    }
}

impl Serialize for Node {
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

impl From<&'static str> for Node {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<bool> for Node {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u32> for Node {
    fn from(number: u32) -> Self {
        Self::Number(i64::from(number))
    }
}

impl From<usize> for Node {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Vec<Self>> for Node {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}

/// Writes an object down, its keys in this order.
macro_rules! object {
    ($($key:literal : $value:expr),* $(,)?) => {
        $crate::openapi::node::Node::Object(vec![
            $((std::borrow::Cow::Borrowed($key), $crate::openapi::node::Node::from($value))),*
        ])
    };
}

/// Writes a list down.
macro_rules! list {
    ($($value:expr),* $(,)?) => {
        $crate::openapi::node::Node::List(vec![$($crate::openapi::node::Node::from($value)),*])
    };
}

pub(crate) use {list, object};

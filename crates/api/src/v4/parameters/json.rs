//! Reads the v4 parameters of a JSON body.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, Value};

use super::{
    error::{EchoedName, ParameterError},
    kind::{JsonForm, ParameterKind, ParameterSpec},
    table::{NameMatch, V4Parameters, find},
    value::ParameterValue,
};
use crate::v4::operation::V4Operation;

impl V4Parameters<'static> {
    /// Reads a JSON object: names in any case, `metadata` an object of texts or single `metadata.{key}`s, numbers and
    /// booleans as themselves or as text. An e-mail address is taken as it is.
    pub(crate) fn from_json(body: &[u8], ignore_unknown: bool) -> Result<Self, ParameterError> {
        let mut parameters = Self::default();
        let mut refused = None;
        let mut reader = serde_json::Deserializer::from_slice(body);
        let read = ParameterReader {
            parameters: &mut parameters,
            refused: &mut refused,
            ignore_unknown,
        }
        .deserialize(&mut reader)
        .and_then(|()| reader.end());
        match (refused, read) {
            (Some(error), _) => Err(error),
            (None, Err(error)) => Err(ParameterError::NotJson(error.line(), error.column())),
            (None, Ok(())) => Ok(parameters),
        }
    }
}

struct ParameterReader<'a> {
    parameters: &'a mut V4Parameters<'static>,
    /// Why reading ended, unless the JSON is malformed.
    refused: &'a mut Option<ParameterError>,
    ignore_unknown: bool,
}

impl<'de> DeserializeSeed<'de> for ParameterReader<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ParameterReader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        let mut has_metadata = false;
        while let Some(name) = object.next_key::<String>()? {
            let read = if name.eq_ignore_ascii_case("metadata") {
                let JsonPairs(pairs) = object.next_value()?;
                let repeated = std::mem::replace(&mut has_metadata, true);
                self.add_metadata(repeated, pairs)
            } else {
                match find(&name, V4Operation::ListUsers) {
                    NameMatch::Known(row) => {
                        let value = object.next_value()?;
                        json_to_text(&row.spec, value)
                            .and_then(|text| ParameterValue::from_text(&row.spec, text))
                            .and_then(|value| (row.set)(self.parameters, value))
                    }
                    NameMatch::Metadata(key) => {
                        let value = object.next_value()?;
                        self.add_pair(key, value)
                    }
                    NameMatch::Deprecated(name, successor) => Err(ParameterError::Deprecated(name, successor)),
                    NameMatch::Unknown if self.ignore_unknown => object.next_value::<IgnoredAny>().map(|_| Ok(()))?,
                    NameMatch::Unknown => Err(ParameterError::Unknown(EchoedName::from(&*name))),
                }
            };
            if let Err(error) = read {
                *self.refused = Some(error);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

impl ParameterReader<'_> {
    fn add_metadata(&mut self, repeated: bool, pairs: Option<Vec<(String, Value)>>) -> Result<(), ParameterError> {
        let name = || EchoedName::from("metadata");
        if repeated {
            return Err(ParameterError::Repeated(name()));
        }
        let pairs = pairs.ok_or_else(|| ParameterError::JsonType(name(), "an object of texts"))?;
        if pairs.is_empty() {
            return Err(ParameterError::Empty(name()));
        }
        pairs
            .into_iter()
            .try_for_each(|(key, value)| self.add_pair(&key, value))
    }

    fn add_pair(&mut self, key: &str, value: Value) -> Result<(), ParameterError> {
        match value {
            Value::String(text) => self.parameters.add_metadata(key, &text),
            _ => Err(ParameterError::JsonType(
                EchoedName::from(&*format!("metadata.{key}")),
                "a text",
            )),
        }
    }
}

/// The value as the text of a query string.
fn json_to_text(spec: &ParameterSpec, value: Value) -> Result<Cow<'static, str>, ParameterError> {
    let text = match (spec.kind.json_form(), value) {
        (_, Value::String(text)) if matches!(spec.kind, ParameterKind::EmailText { .. }) => text.trim().to_owned(),
        (_, Value::String(text)) => text,
        (JsonForm::Boolean, Value::Bool(flag)) => flag.to_string(),
        (JsonForm::Integer { .. }, Value::Number(number)) => whole_number(&number),
        (JsonForm::Boolean | JsonForm::Integer { .. }, _) => {
            return Err(ParameterError::BadForm(spec.name, spec.kind));
        }
        (JsonForm::Text { .. } | JsonForm::Words(_), _) => {
            return Err(ParameterError::JsonType(EchoedName::known(spec.name), "a text"));
        }
    };
    Ok(Cow::Owned(text))
}

/// The digits of a number. `2.0` is as whole as `2` (JSON Schema 2020-12, validation §6.1.1); any other fraction is refused
/// later.
fn whole_number(number: &Number) -> String {
    let float = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0);
    float.map_or_else(|| number.to_string(), |float| format!("{float:.0}"))
}

/// The pairs of an object, with repeated keys; `None` for a value that is not an object.
struct JsonPairs(Option<Vec<(String, Value)>>);

impl<'de> Deserialize<'de> for JsonPairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonPairsVisitor)
    }
}

struct JsonPairsVisitor;

impl<'de> Visitor<'de> for JsonPairsVisitor {
    type Value = JsonPairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<JsonPairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = object.next_entry()? {
            pairs.push(pair);
        }
        Ok(JsonPairs(Some(pairs)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<JsonPairs, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(JsonPairs(None))
    }

    fn visit_unit<E>(self) -> Result<JsonPairs, E> {
        Ok(JsonPairs(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<JsonPairs, E> {
        Ok(JsonPairs(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<JsonPairs, E> {
        Ok(JsonPairs(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<JsonPairs, E> {
        Ok(JsonPairs(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<JsonPairs, E> {
        Ok(JsonPairs(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<JsonPairs, E> {
        Ok(JsonPairs(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> String {
        V4Parameters::from_json(body.as_bytes(), false).unwrap_err().to_string()
    }

    #[test]
    fn malformed_body_is_refused_with_its_position() {
        for body in ["", "[]", "7", "{", "{\"email\":}", "{} {}", "\u{feff}{}"] {
            assert!(
                refusal(body).starts_with("the body is not a JSON object (line 1, column "),
                "{body}"
            );
        }
        assert!(V4Parameters::from_json(b"{\"email\":\"\xff\"}", false).is_err());
        let deep = "[".repeat(10_000);
        assert!(refusal(&format!("{{\"email\":{deep}")).starts_with("the body is not"));
        assert!(V4Parameters::from_json(format!("{{\"x\":{deep}").as_bytes(), true).is_err());
    }

    #[test]
    fn whole_number_may_have_a_zero_fraction() {
        for (body, number) in [
            (r#"{"pageSize":2.0}"#, Some(2)),
            (r#"{"pageSize":1e3}"#, Some(1_000)),
            (r#"{"pageSize":1e4}"#, None),
            (r#"{"pageSize":-2.0}"#, None),
            (r#"{"pageSize":0.5}"#, None),
            (r#"{"pageSize":1e300}"#, None),
        ] {
            let parameters = V4Parameters::from_json(body.as_bytes(), false).ok();
            assert_eq!(parameters.and_then(|parameters| parameters.page_size), number, "{body}");
        }
    }

    #[test]
    fn wrong_json_type_is_refused_by_name() {
        for (body, text) in [
            (r#"{"email":null}"#, "email must be a text"),
            (
                r#"{"customerRegistrationId":2937}"#,
                "customerRegistrationId must be a text",
            ),
            (r#"{"pageSize":1.5}"#, "pageSize must be a whole number from 1 to 1000"),
            (r#"{"pageSize":-1}"#, "pageSize must be a whole number from 1 to 1000"),
            (r#"{"pageSize":null}"#, "pageSize must be a whole number from 1 to 1000"),
            (r#"{"explain":1}"#, "explain must be true or false"),
            (r#"{"metadata":"city"}"#, "metadata must be an object of texts"),
            (r#"{"metadata":[1,[2]]}"#, "metadata must be an object of texts"),
            (r#"{"metadata":-1.5}"#, "metadata must be an object of texts"),
            (r#"{"metadata":null}"#, "metadata must be an object of texts"),
            (r#"{"metadata":{}}"#, "metadata is given without a value"),
            (r#"{"metadata":{"age":42}}"#, "metadata.age must be a text"),
            (
                r#"{"metadata":{"a":"1","A":"2"}}"#,
                "metadata.A is given more than once",
            ),
            (
                r#"{"metadata":{"a":"1"},"metadata.a":"2"}"#,
                "metadata.a is given more than once",
            ),
            (
                r#"{"metadata":{"a":"1"},"Metadata":{"b":"2"}}"#,
                "metadata is given more than once",
            ),
            (r#"{"email":"a","EMAIL":"b"}"#, "email is given more than once"),
        ] {
            assert_eq!(refusal(body), text, "{body}");
        }
    }
}

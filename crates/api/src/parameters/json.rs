//! The body of a search: the same parameters as a JSON object.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, Value};

use crate::error::Call;

use super::{
    given::Given,
    invalid::{InvalidParameter, Shown},
    kind::Kind,
    table::{Found, Spec, find},
};

/// Reads the parameters of a JSON object: names in any case, `metadata` an object of texts or single `metadata.{key}`s,
/// numbers and truth values as themselves or as text. An e-mail address is taken as it is.
pub(crate) fn of_json(body: &[u8], ignore_unknown: bool) -> Result<Given<'static>, InvalidParameter> {
    let mut given = Given::default();
    let mut refused = None;
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = Parameters {
        given: &mut given,
        refused: &mut refused,
        ignore_unknown,
    }
    .deserialize(&mut reader)
    .and_then(|()| reader.end());
    match (refused, read) {
        (Some(invalid), _) => Err(invalid),
        (None, Err(error)) => Err(InvalidParameter::NotJson(error.line(), error.column())),
        (None, Ok(())) => Ok(given),
    }
}

struct Parameters<'a> {
    given: &'a mut Given<'static>,
    /// Why reading ended, when it was not the JSON's fault.
    refused: &'a mut Option<InvalidParameter>,
    ignore_unknown: bool,
}

impl<'de> DeserializeSeed<'de> for Parameters<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Parameters<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        let mut metadata_given = false;
        while let Some(name) = object.next_key::<String>()? {
            let taken = if name.eq_ignore_ascii_case("metadata") {
                let Pairs(pairs) = object.next_value()?;
                let repeated = std::mem::replace(&mut metadata_given, true);
                self.put_metadata(repeated, pairs)
            } else {
                match find(&name, Call::List) {
                    Found::Known(spec) => {
                        let value = object.next_value()?;
                        text_of(spec, value).and_then(|text| self.given.put(spec, text))
                    }
                    Found::Metadata(key) => {
                        let value = object.next_value()?;
                        self.put_pair(key, value)
                    }
                    Found::Deprecated(name, successor) => Err(InvalidParameter::Deprecated(name, successor)),
                    Found::Unknown if self.ignore_unknown => object.next_value::<IgnoredAny>().map(|_| Ok(()))?,
                    Found::Unknown => Err(InvalidParameter::Unknown(Shown::from(&*name))),
                }
            };
            if let Err(invalid) = taken {
                *self.refused = Some(invalid);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

impl Parameters<'_> {
    fn put_metadata(&mut self, repeated: bool, pairs: Option<Vec<(String, Value)>>) -> Result<(), InvalidParameter> {
        let name = || Shown::from("metadata");
        if repeated {
            return Err(InvalidParameter::Repeated(name()));
        }
        let pairs = pairs.ok_or_else(|| InvalidParameter::JsonType(name(), "an object of texts"))?;
        if pairs.is_empty() {
            return Err(InvalidParameter::Empty(name()));
        }
        pairs
            .into_iter()
            .try_for_each(|(key, value)| self.put_pair(&key, value))
    }

    fn put_pair(&mut self, key: &str, value: Value) -> Result<(), InvalidParameter> {
        match value {
            Value::String(text) => self.given.put_metadata(key, &text),
            _ => Err(InvalidParameter::JsonType(
                Shown::from(&*format!("metadata.{key}")),
                "a text",
            )),
        }
    }
}

/// The value as the text that a query string would hold.
fn text_of(spec: &'static Spec, value: Value) -> Result<Cow<'static, str>, InvalidParameter> {
    let text = match (spec.kind, value) {
        (Kind::EmailText { .. }, Value::String(text)) => text.trim().to_owned(),
        (_, Value::String(text)) => text,
        (Kind::Flag, Value::Bool(flag)) => flag.to_string(),
        (Kind::Number { .. }, Value::Number(number)) => whole(&number),
        (Kind::Flag | Kind::Number { .. }, _) => return Err(InvalidParameter::BadForm(spec)),
        (Kind::Id | Kind::Text { .. } | Kind::EmailText { .. } | Kind::Fields | Kind::Sealed | Kind::Choice(_), _) => {
            return Err(InvalidParameter::JsonType(spec.into(), "a text"));
        }
    };
    Ok(Cow::Owned(text))
}

/// The digits of a number. `2.0` is as whole as `2` (JSON Schema 2020-12, validation §6.1.1); of any other fraction the text is no
/// number of a parameter.
fn whole(number: &Number) -> String {
    let float = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0);
    float.map_or_else(|| number.to_string(), |float| format!("{float:.0}"))
}

/// The pairs of an object, repeated keys and all; `None` for anything that is no object.
struct Pairs(Option<Vec<(String, Value)>>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = object.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(Some(pairs)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Pairs, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Pairs(None))
    }

    fn visit_unit<E>(self) -> Result<Pairs, E> {
        Ok(Pairs(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Pairs, E> {
        Ok(Pairs(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Pairs, E> {
        Ok(Pairs(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Pairs, E> {
        Ok(Pairs(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Pairs, E> {
        Ok(Pairs(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Pairs, E> {
        Ok(Pairs(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> String {
        of_json(body.as_bytes(), false).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_json_object_is_refused_with_the_place() {
        for body in ["", "[]", "7", "{", "{\"email\":}", "{} {}", "\u{feff}{}"] {
            assert!(
                refusal(body).starts_with("the body is not a JSON object (line 1, column "),
                "{body}"
            );
        }
        assert!(of_json(b"{\"email\":\"\xff\"}", false).is_err());
        let deep = "[".repeat(10_000);
        assert!(refusal(&format!("{{\"email\":{deep}")).starts_with("the body is not"));
        assert!(of_json(format!("{{\"x\":{deep}").as_bytes(), true).is_err());
    }

    #[test]
    fn a_whole_number_may_have_a_fraction_of_zero() {
        use crate::parameters::table::Parameter;
        for (body, number) in [
            (r#"{"pageSize":2.0}"#, Some(2)),
            (r#"{"pageSize":1e3}"#, Some(1_000)),
            (r#"{"pageSize":1e4}"#, None),
            (r#"{"pageSize":-2.0}"#, None),
            (r#"{"pageSize":0.5}"#, None),
            (r#"{"pageSize":1e300}"#, None),
        ] {
            let given = of_json(body.as_bytes(), false).ok();
            assert_eq!(
                given.and_then(|given| given.number(Parameter::PageSize)),
                number,
                "{body}"
            );
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused_by_name() {
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

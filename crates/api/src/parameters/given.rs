//! The parameters that a request gives, each checked against its row of the table.

use std::borrow::Cow;

use masthead_domain::metadata::{MAX_KEY_BYTES, MetadataPair};

use super::{
    invalid::{InvalidParameter, Shown},
    table::{Kind, MAX_METADATA_PAIRS, MAX_METADATA_VALUE_BYTES, Parameter, Spec, TABLE},
};

/// A value of the form that its row names.
#[derive(Debug)]
enum Value<'a> {
    Flag(bool),
    Number(u32),
    Text(Cow<'a, str>),
    /// The place of the word in its row.
    Choice(usize),
}

/// What a request gives: at most one value for each parameter, and pairs of metadata.
#[derive(Debug, Default)]
pub(crate) struct Given<'a> {
    values: [Option<Value<'a>>; TABLE.len()],
    metadata: Vec<MetadataPair>,
}

impl<'a> Given<'a> {
    /// Takes the decoded text of a parameter.
    pub(super) fn put(&mut self, spec: &'static Spec, text: Cow<'a, str>) -> Result<(), InvalidParameter> {
        if text.is_empty() {
            return Err(InvalidParameter::Empty(spec.into()));
        }
        if text.contains('\0') {
            return Err(InvalidParameter::HoldsNul(spec.into()));
        }
        let slot = &mut self.values[spec.id as usize];
        if slot.is_some() {
            return Err(InvalidParameter::Repeated(spec.into()));
        }
        let value = match spec.kind {
            Kind::Flag => flag(&text).map(Value::Flag),
            Kind::Number { min, max } => number(&text)
                .filter(|number| (min..=max).contains(number))
                .map(Value::Number),
            Kind::Text { max_bytes } | Kind::EmailText { max_bytes } => {
                (text.len() <= max_bytes).then_some(Value::Text(text))
            }
            // How long it is, is no secret, but one answer for every cause is simpler to trust.
            Kind::Sealed => Some(Value::Text(text)),
            Kind::Choice(words) => words
                .iter()
                .position(|word| word.eq_ignore_ascii_case(&text))
                .map(Value::Choice),
        };
        *slot = Some(value.ok_or(InvalidParameter::BadForm(spec))?);
        Ok(())
    }

    /// Takes a `metadata.{key}` and its decoded value.
    pub(super) fn put_metadata(&mut self, key: &str, value: &str) -> Result<(), InvalidParameter> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES || key.chars().any(char::is_control) {
            return Err(InvalidParameter::MetadataKey);
        }
        let name = || Shown::from(&*format!("metadata.{key}"));
        if value.is_empty() {
            return Err(InvalidParameter::Empty(name()));
        }
        if value.contains('\0') {
            return Err(InvalidParameter::HoldsNul(name()));
        }
        if value.len() > MAX_METADATA_VALUE_BYTES {
            return Err(InvalidParameter::MetadataTooLong(name()));
        }
        if self.metadata.len() == MAX_METADATA_PAIRS {
            return Err(InvalidParameter::MetadataTooMany);
        }
        let pair = MetadataPair::of(key, value);
        if self.metadata.iter().any(|other| other.key() == pair.key()) {
            return Err(InvalidParameter::Repeated(name()));
        }
        self.metadata.push(pair);
        Ok(())
    }

    pub(super) fn flag(&self, name: Parameter) -> Option<bool> {
        match self.values[name as usize] {
            Some(Value::Flag(flag)) => Some(flag),
            _ => None,
        }
    }

    pub(super) fn number(&self, name: Parameter) -> Option<u32> {
        match self.values[name as usize] {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: Parameter) -> Option<&str> {
        match &self.values[name as usize] {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The chosen word, as the table spells it.
    pub(super) fn choice(&self, name: Parameter) -> Option<&'static str> {
        match (&self.values[name as usize], TABLE[name as usize].kind) {
            (Some(Value::Choice(place)), Kind::Choice(words)) => words.get(*place).copied(),
            _ => None,
        }
    }

    pub(super) fn into_metadata(self) -> Vec<MetadataPair> {
        self.metadata
    }
}

pub(crate) fn flag(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Decimal digits and nothing else; `parse` alone would take a sign.
pub(crate) fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

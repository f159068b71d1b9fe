//! The parameters that a request gives, each checked against its row of the table.

use std::borrow::Cow;

use masthead_domain::metadata::{MAX_KEY_BYTES, MetadataPair};

use super::{
    invalid::{InvalidParameter, Shown},
    kind::Values,
    table::{MAX_METADATA_PAIRS, MAX_METADATA_VALUE_BYTES, Parameter, Spec, TABLE},
};

/// What a request gives: at most one value for each parameter, and pairs of metadata.
#[derive(Debug, Default)]
pub(crate) struct Given<'a> {
    values: Values<'a, { TABLE.len() }>,
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
        if self.values.has(spec.id as usize) {
            return Err(InvalidParameter::Repeated(spec.into()));
        }
        let value = spec.kind.value(text).ok_or(InvalidParameter::BadForm(spec))?;
        self.values.put(spec.id as usize, value);
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
        let pair = MetadataPair::new(key, value);
        if self.metadata.iter().any(|other| other.key() == pair.key()) {
            return Err(InvalidParameter::Repeated(name()));
        }
        self.metadata.push(pair);
        Ok(())
    }

    pub(super) fn flag(&self, name: Parameter) -> Option<bool> {
        self.values.flag(name as usize)
    }

    pub(super) fn number(&self, name: Parameter) -> Option<u32> {
        self.values.number(name as usize)
    }

    pub(super) fn text(&self, name: Parameter) -> Option<&str> {
        self.values.text(name as usize)
    }

    /// The chosen word, as the table spells it.
    pub(super) fn choice(&self, name: Parameter) -> Option<&'static str> {
        self.values.choice(name as usize)
    }

    pub(super) fn into_metadata(self) -> Vec<MetadataPair> {
        self.metadata
    }
}

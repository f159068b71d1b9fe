//! The typed parameters of one v4 request.

use std::borrow::Cow;

use masthead_domain::{
    metadata::{MAX_KEY_BYTES, MetadataPair},
    order::{Direction, SortColumn},
    query::{CountMode, OnProviderFailure},
};

use super::error::{EchoedName, ParameterError};

/// The longest value of a `metadata.{key}`, in bytes.
pub(crate) const MAX_METADATA_VALUE_BYTES: usize = 4096;
/// The most `metadata.{key}` parameters of one request.
pub(crate) const MAX_METADATA_PAIRS: usize = 32;

/// How `email` matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmailMatchMode {
    Exact,
    Prefix,
    Contains,
}

/// The parameters of one request; `None` is an absent one. A field for each row of the table.
#[derive(Debug, Default)]
pub(crate) struct V4Parameters<'a> {
    pub(crate) ignore_provider: Option<bool>,
    pub(crate) email: Option<Cow<'a, str>>,
    pub(crate) email_match: Option<EmailMatchMode>,
    pub(crate) encrypted_email: Option<Cow<'a, str>>,
    pub(crate) customer_registration_id: Option<Cow<'a, str>>,
    pub(crate) encrypted_customer_registration_id: Option<Cow<'a, str>>,
    pub(crate) first_name: Option<Cow<'a, str>>,
    pub(crate) last_name: Option<Cow<'a, str>>,
    pub(crate) page_size: Option<u16>,
    pub(crate) page_number: Option<u32>,
    pub(crate) order_by: Option<SortColumn>,
    pub(crate) order_by_type: Option<Direction>,
    pub(crate) cursor: Option<Cow<'a, str>>,
    pub(crate) count: Option<CountMode>,
    pub(crate) fields: Option<Cow<'a, str>>,
    pub(crate) explain: Option<bool>,
    pub(crate) on_provider_failure: Option<OnProviderFailure>,
    pub(crate) metadata: Vec<MetadataPair>,
}

impl V4Parameters<'_> {
    /// Adds a `metadata.{key}` with its decoded value.
    pub(super) fn add_metadata(&mut self, key: &str, value: &str) -> Result<(), ParameterError> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES || key.chars().any(char::is_control) {
            return Err(ParameterError::MetadataKey);
        }
        let name = || EchoedName::from(&*format!("metadata.{key}"));
        if value.is_empty() {
            return Err(ParameterError::Empty(name()));
        }
        if value.contains('\0') {
            return Err(ParameterError::ContainsNul(name()));
        }
        if value.len() > MAX_METADATA_VALUE_BYTES {
            return Err(ParameterError::TooLong(name(), MAX_METADATA_VALUE_BYTES));
        }
        if self.metadata.len() == MAX_METADATA_PAIRS {
            return Err(ParameterError::TooManyMetadata(MAX_METADATA_PAIRS));
        }
        let pair = MetadataPair::new(key, value);
        if self.metadata.iter().any(|other| other.key() == pair.key()) {
            return Err(ParameterError::Repeated(name()));
        }
        self.metadata.push(pair);
        Ok(())
    }
}

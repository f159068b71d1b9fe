//! What a field of a body takes.

use std::fmt;

use masthead_domain::{customer_registration_id::MAX_ID_BYTES, metadata::MAX_KEY_BYTES};
use masthead_ports::passwords::MAX_PASSWORD_CHARS;

use crate::v4::{code::ContractOrigin, parameters::table::MAX_METADATA_VALUE_BYTES};

/// The most keys of `metadata` in a body.
pub(crate) const MAX_METADATA_KEYS: usize = 1_000;

/// A field: its name and values, and what the documents need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldSpec {
    /// The name as it is printed; it is accepted in any case.
    pub(crate) name: &'static str,
    /// Another published spelling.
    pub(crate) alias: Option<&'static str>,
    pub(crate) kind: FieldKind,
    pub(crate) origin: ContractOrigin,
    pub(crate) meaning: &'static str,
    /// The JSON of an example.
    pub(crate) example: &'static str,
}

/// The values that a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// `true` or `false`, also as a text.
    Flag,
    /// A whole number between two bounds, also as a text.
    Number { min: u32, max: u32 },
    /// A complete e-mail address.
    Email,
    /// A password, taken as it is.
    Password,
    /// A text without control characters, which may be empty.
    Name { max_bytes: usize },
    /// A text of at least one character.
    Text { max_bytes: usize },
    /// A text that may be empty.
    Value { max_bytes: usize },
    /// A customer registration id.
    Id,
    /// A text that this service sealed.
    Sealed,
    /// A moment in RFC 3339.
    Time,
    /// An object of texts; numbers and booleans are taken as their JSON text. `null` removes a key where `removable`.
    Metadata { removable: bool },
}

impl FieldSpec {
    /// Whether this is its name, in any case.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        let mut spellings = [Some(self.name), self.alias].into_iter().flatten();
        spellings.any(|spelling| spelling.eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("true or false"),
            Self::Number { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Email => f.write_str("a complete e-mail address"),
            Self::Password => write!(f, "a text of 1 to {MAX_PASSWORD_CHARS} characters"),
            Self::Name { max_bytes } => write!(f, "a text of at most {max_bytes} bytes without control characters"),
            Self::Text { max_bytes } => write!(f, "a text of 1 to {max_bytes} bytes"),
            Self::Value { max_bytes } => write!(f, "a text of at most {max_bytes} bytes"),
            Self::Id => write!(
                f,
                "a text of 1 to {MAX_ID_BYTES} bytes without invisible characters, and without blanks at its ends"
            ),
            Self::Sealed => f.write_str("a text that was answered by this service"),
            Self::Time => f.write_str("a moment as in RFC 3339"),
            Self::Metadata { .. } => write!(
                f,
                "an object of at most {MAX_METADATA_KEYS} texts of at most {MAX_METADATA_VALUE_BYTES} bytes, with keys of 1 to \
                 {MAX_KEY_BYTES} bytes"
            ),
        }
    }
}

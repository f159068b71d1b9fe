//! Why a parameter is refused, in words that name it and never repeat its value.

use std::borrow::Cow;

use std::fmt;

use masthead_domain::metadata::MAX_KEY_BYTES;

use super::table::{MAX_METADATA_PAIRS, MAX_METADATA_VALUE_BYTES, Spec};

/// How much of a name of the caller's own making is repeated, in characters.
const MAX_NAME_SHOWN: usize = 64;

/// A parameter that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InvalidParameter {
    /// No such parameter in this call.
    Unknown(Shown),
    /// One that older callers send.
    Deprecated(&'static str, &'static str),
    /// Given more than once.
    Repeated(Shown),
    /// Given without a value.
    Empty(Shown),
    /// Not percent-encoded UTF-8.
    BadEncoding(Shown),
    /// A NUL, which nothing that is kept can hold.
    HoldsNul(Shown),
    /// Not of the form that the table names.
    BadForm(&'static Spec),
    /// A value of `metadata.{key}` that is too long.
    MetadataTooLong(Shown),
    /// A key of `metadata` that cannot be one.
    MetadataKey,
    /// Too many keys of `metadata`.
    MetadataTooMany,
    /// Not of the JSON type that it has to be.
    JsonType(Shown, &'static str),
    /// A text that cannot be an id.
    BadCrid,
    /// Ciphertext that is not ours for this tenant and purpose, or holds something else; one error for every cause.
    CannotBeOpened(&'static str),
    /// A cursor that is not ours, or belongs to another list.
    ForeignCursor,
    /// Two ways to say which page.
    CursorAndPageNumber,
    /// `emailMatch` without `email`.
    EmailMatchAlone,
    /// A name in `fields` that is no field.
    NoField,
    /// The path's id is not percent-encoded UTF-8, or cannot be an id.
    PathId,
    /// The body is not a JSON object; where the reader stopped.
    NotJson(usize, usize),
    /// Parameters in the URL of a call that takes them in its body.
    QueryBesideBody,
}

/// A name, perhaps of the caller's own making: cut, and without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown(Cow<'static, str>);

impl From<&str> for Shown {
    fn from(name: &str) -> Self {
        let shown = name
            .chars()
            .take(MAX_NAME_SHOWN)
            .map(|c| if c.is_control() { '\u{fffd}' } else { c });
        Self(Cow::Owned(shown.collect()))
    }
}

impl From<&'static Spec> for Shown {
    fn from(spec: &'static Spec) -> Self {
        Self(Cow::Borrowed(spec.name))
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "{name} is not a parameter of this call"),
            Self::Deprecated(name, successor) => write!(f, "{name} is no longer taken: {successor}"),
            Self::Repeated(name) => write!(f, "{name} is given more than once"),
            Self::Empty(name) => write!(f, "{name} is given without a value"),
            Self::BadEncoding(name) => write!(f, "{name} is not percent-encoded UTF-8"),
            Self::HoldsNul(name) => write!(f, "{name} holds a NUL"),
            Self::BadForm(spec) => write!(f, "{} must be {}", spec.name, spec.kind),
            Self::MetadataTooLong(name) => write!(f, "{name} must be 1 to {MAX_METADATA_VALUE_BYTES} bytes"),
            Self::MetadataKey => write!(
                f,
                "metadata. must be followed by a key of 1 to {MAX_KEY_BYTES} bytes without control characters"
            ),
            Self::MetadataTooMany => write!(f, "metadata may have {MAX_METADATA_PAIRS} keys"),
            Self::JsonType(name, wanted) => write!(f, "{name} must be {wanted}"),
            Self::BadCrid => f.write_str("customerRegistrationId must be 1 to 255 bytes without control characters"),
            Self::CannotBeOpened(name) => write!(f, "{name} cannot be opened"),
            Self::ForeignCursor => f.write_str("cursor is not one of this list; start again without it"),
            Self::CursorAndPageNumber => {
                f.write_str("cursor goes on after the page before: pageNumber must not be given with it, or be 1")
            }
            Self::EmailMatchAlone => f.write_str("emailMatch is given without email"),
            Self::NoField => f.write_str("fields must be names of a user's fields with commas between them"),
            Self::PathId => f.write_str(
                "customerRegistrationId in the path must be 1 to 255 percent-encoded bytes of UTF-8 without control \
                 characters",
            ),
            Self::NotJson(line, column) => {
                write!(f, "the body is not a JSON object (line {line}, column {column})")
            }
            Self::QueryBesideBody => f.write_str("the parameters belong in the body, not in the URL"),
        }
    }
}

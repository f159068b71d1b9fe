//! Why a parameter is refused. The texts name the parameter and never repeat its value.

use std::{borrow::Cow, fmt};

use masthead_domain::metadata::MAX_KEY_BYTES;
use masthead_ports::tokens::UserTokenError;

use super::kind::ParameterKind;

/// How many characters of a client's name are repeated.
const MAX_ECHOED_CHARS: usize = 64;

/// Why a parameter is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParameterError {
    /// The operation has no such parameter.
    Unknown(EchoedName),
    /// A parameter of older versions, and its successor.
    Deprecated(&'static str, &'static str),
    /// Given more than once.
    Repeated(EchoedName),
    /// Given without a value.
    Empty(EchoedName),
    /// Not percent-encoded UTF-8.
    BadEncoding(EchoedName),
    /// Contains a NUL, which no store can hold.
    ContainsNul(EchoedName),
    /// Not of its kind.
    BadForm(&'static str, ParameterKind),
    /// Longer than this many bytes.
    TooLong(EchoedName, usize),
    /// `metadata.` without a valid key.
    MetadataKey,
    /// More than this many keys of `metadata`.
    TooManyMetadata(usize),
    /// Not of this JSON type.
    JsonType(EchoedName, &'static str),
    /// Not a customer registration id.
    BadId,
    /// A sealed text that does not open for this tenant and purpose; one error for every cause.
    CannotOpen(&'static str),
    /// A token of a user that is refused.
    UserToken(UserTokenError),
    /// A cursor of another list, or no cursor.
    ForeignCursor,
    /// A cursor and a page number exclude each other.
    CursorAndPageNumber,
    /// `emailMatch` without `email`.
    EmailMatchWithoutEmail,
    /// `fields` contains a name that is not a field.
    UnknownField,
    /// The path's id is not percent-encoded UTF-8, or not a customer registration id.
    PathId,
    /// The body is not a JSON object; line and column of the error.
    NotJson(usize, usize),
    /// Parameters in the URL of an operation that takes them in its body.
    QueryBesideBody,
}

/// The name of a parameter, perhaps the client's own: shortened, and without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EchoedName(Cow<'static, str>);

impl EchoedName {
    /// The name of a parameter of the table.
    pub(crate) const fn known(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }
}

impl From<&str> for EchoedName {
    fn from(name: &str) -> Self {
        let shown = name
            .chars()
            .take(MAX_ECHOED_CHARS)
            .map(|c| if c.is_control() { '\u{fffd}' } else { c });
        Self(Cow::Owned(shown.collect()))
    }
}

impl fmt::Display for EchoedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "{name} is not a parameter of this call"),
            Self::Deprecated(name, successor) => write!(f, "{name} is no longer taken: {successor}"),
            Self::Repeated(name) => write!(f, "{name} is given more than once"),
            Self::Empty(name) => write!(f, "{name} is given without a value"),
            Self::BadEncoding(name) => write!(f, "{name} is not percent-encoded UTF-8"),
            Self::ContainsNul(name) => write!(f, "{name} holds a NUL"),
            Self::BadForm(name, kind) => write!(f, "{name} must be {kind}"),
            Self::TooLong(name, most) => write!(f, "{name} must be 1 to {most} bytes"),
            Self::MetadataKey => write!(
                f,
                "metadata. must be followed by a key of 1 to {MAX_KEY_BYTES} bytes without control characters"
            ),
            Self::TooManyMetadata(most) => write!(f, "metadata may have {most} keys"),
            Self::JsonType(name, expected) => write!(f, "{name} must be {expected}"),
            Self::BadId => f.write_str("customerRegistrationId must be 1 to 255 bytes without control characters"),
            Self::CannotOpen(name) => write!(f, "{name} cannot be opened"),
            Self::UserToken(error) => write!(f, "token: {error}"),
            Self::ForeignCursor => f.write_str("cursor is not one of this list; start again without it"),
            Self::CursorAndPageNumber => {
                f.write_str("cursor goes on after the page before: pageNumber must not be given with it, or be 1")
            }
            Self::EmailMatchWithoutEmail => f.write_str("emailMatch is given without email"),
            Self::UnknownField => f.write_str("fields must be a comma-separated list of field names"),
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

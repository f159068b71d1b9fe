//! Why a legacy request is refused, and the published texts.

use std::fmt;

use masthead_orchestrator::ReadError;

use crate::{
    auth::error::AuthError,
    http::error::RequestError,
    v4::{
        error::V4Error,
        operation::V4Operation,
        parameters::{error::ParameterError, kind::ParameterKind},
        write_error::WriteRefusal,
        writes::problem::Problems,
    },
};

/// The published texts.
pub(crate) const INVALID_AUTHORIZATION: &str = "Invalid Authorization.";
pub(crate) const INVALID_SOURCE_SYSTEM: &str = "Invalid X-SourceSystem.";
pub(crate) const NO_REQUEST: &str = "request cannot be null.";
pub(crate) const WENT_WRONG: &str = "Something went wrong. Please try again later.";

/// The text of a limit that is reached: the vendor publishes none.
pub(crate) const TOO_MANY_REQUESTS: &str = "Too Many Requests.";

/// Why a legacy request is refused.
#[derive(Debug)]
pub(crate) enum LegacyError {
    /// The request cannot be read, routed or answered.
    Request(RequestError),
    /// The caller is refused.
    Auth(AuthError),
    /// A list operation without any parameter.
    NoParameters,
    /// A parameter is refused.
    Parameter(LegacyParameterError),
    /// Fields of a body are refused.
    Fields(Problems),
    /// A write is refused, or cannot be reported as done.
    Write(WriteRefusal),
    /// The use case failed; with the v4 operation whose code it has.
    Read(V4Operation, ReadError),
}

/// Why a parameter is refused. The texts never repeat its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LegacyParameterError {
    /// As in v4.
    Parameter(ParameterError),
    /// The operation requires it.
    Missing(&'static str),
    /// The type in the path is not one of these.
    PathType(&'static [&'static str]),
    /// `Type` and `LookupInUserProvider` select different sources.
    Contradiction,
}

impl fmt::Display for LegacyParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(error) => error.fmt(f),
            Self::Missing(name) => write!(f, "{name} is missing"),
            Self::PathType(words) => write!(f, "type in the path must be {}", ParameterKind::Choice(words)),
            Self::Contradiction => f.write_str("Type and LookupInUserProvider contradict each other"),
        }
    }
}

impl From<ParameterError> for LegacyParameterError {
    fn from(error: ParameterError) -> Self {
        Self::Parameter(error)
    }
}

impl From<RequestError> for LegacyError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<V4Error> for LegacyError {
    fn from(error: V4Error) -> Self {
        match error {
            // The audit log and exports of registrations have no legacy call.
            V4Error::Audit(_) | V4Error::Export(_) => Self::Request(RequestError::BadRequest),
            V4Error::Request(error) => Self::Request(error),
            V4Error::Auth(error) => Self::Auth(error),
            V4Error::Parameter(_, error) => Self::Parameter(error.into()),
            V4Error::Read(operation, error) => Self::Read(operation, error),
            V4Error::Write(refusal) => Self::Write(refusal),
        }
    }
}

impl From<WriteRefusal> for LegacyError {
    fn from(refusal: WriteRefusal) -> Self {
        Self::Write(refusal)
    }
}

impl From<AuthError> for LegacyError {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl From<LegacyParameterError> for LegacyError {
    fn from(error: LegacyParameterError) -> Self {
        Self::Parameter(error)
    }
}

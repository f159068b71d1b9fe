//! Why a v4 request is refused, with the code and the text of each error.

use std::{borrow::Cow, time::Duration};

use http::StatusCode;
use masthead_domain::answer::Completeness;
use masthead_orchestrator::{ExportError, ReadError};
use masthead_ports::{rate_limit::RateExceeded, source::SourceName, tokens::TokenError};

use super::{
    audit_error::AuditParameterError, code::Code, operation::V4Operation, parameters::error::ParameterError,
    write_error::WriteRefusal,
};
use crate::{auth::error::AuthError, http::error::RequestError};

/// When to try again while other exports run.
const EXPORT_RETRY: Duration = Duration::from_secs(10);

/// Why a v4 request is refused.
#[derive(Debug)]
pub(crate) enum V4Error {
    /// The request cannot be read, routed or answered.
    Request(RequestError),
    /// The caller is refused.
    Auth(AuthError),
    /// A parameter is refused, in query, path or body.
    Parameter(V4Operation, ParameterError),
    /// A parameter of the audit log is refused.
    Audit(AuditParameterError),
    /// The use case failed.
    Read(V4Operation, ReadError),
    /// An export is refused.
    Export(ExportError),
    /// A write is refused, or cannot be reported as done.
    Write(WriteRefusal),
}

impl V4Error {
    /// The published code.
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::Request(error) => code_of_request_error(*error),
            Self::Auth(error) => match error {
                AuthError::Header(_) => Code::E400_00,
                AuthError::Token(TokenError::KeysUnavailable | TokenError::RulesUnavailable)
                | AuthError::TenantsUnavailable => Code::E503,
                AuthError::NotBearer
                | AuthError::UnknownSourceSystem
                | AuthError::SourceSystemNotGranted
                | AuthError::Token(_) => Code::E401,
                AuthError::MissingScope(_) | AuthError::NotGranted | AuthError::UnknownTenant => Code::E403,
                AuthError::RateLimited(_) => Code::E429,
            },
            Self::Parameter(operation, _) => operation.parameter_code(),
            Self::Audit(_) => Code::E400_02,
            Self::Read(operation, error) => code_of_read_error(*operation, error),
            Self::Export(error) => match error {
                ExportError::Busy => Code::E429,
                ExportError::RemoteStore => Code::E400_90,
                ExportError::Read(error) => code_of_read_error(V4Operation::ExportUsers, error),
            },
            Self::Write(refusal) => refusal.code,
        }
    }

    /// The part of the text that depends on the case; `""` where the code has none.
    pub(crate) fn detail(&self) -> Cow<'_, str> {
        match self {
            Self::Request(error) => error.detail(),
            Self::Auth(error) => error.detail(),
            Self::Parameter(_, error) => error.to_string().into(),
            Self::Audit(error) => error.detail(),
            Self::Read(_, error) => read_error_detail(error),
            Self::Export(ExportError::RemoteStore) => {
                "the registrations of this tenant are in a remote Users API, which is where they are exported".into()
            }
            Self::Export(_) => "".into(),
            Self::Write(refusal) => refusal.detail.as_ref().into(),
        }
    }

    /// When a retry may succeed, where a source named a time.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Read(_, ReadError::Unavailable { retry_after, .. }) => *retry_after,
            Self::Export(ExportError::Busy) => Some(EXPORT_RETRY),
            Self::Write(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// The limit that refuses the caller, if one does.
    pub(crate) const fn rate_exceeded(&self) -> Option<&RateExceeded> {
        match self {
            Self::Auth(AuthError::RateLimited(exceeded)) => Some(exceeded),
            _ => None,
        }
    }

    /// The side that may have been written, or will be.
    pub(crate) const fn pending(&self) -> Option<SourceName> {
        match self {
            Self::Write(refusal) => refusal.pending,
            _ => None,
        }
    }

    /// The state of the sources, where the use case reports it.
    pub(crate) const fn completeness(&self) -> Option<&Completeness> {
        match self {
            Self::Read(_, ReadError::NoSuchUser { completeness } | ReadError::Unavailable { completeness, .. }) => {
                completeness.as_ref()
            }
            _ => None,
        }
    }

    /// The HTTP status; `miss_as_400` is the tenant's switch for an absent user.
    pub(crate) const fn status(&self, miss_as_400: bool) -> StatusCode {
        match self {
            Self::Read(_, ReadError::NoSuchUser { .. }) | Self::Write(WriteRefusal { code: Code::E404, .. })
                if miss_as_400 =>
            {
                StatusCode::BAD_REQUEST
            }
            _ => self.code().entry().status,
        }
    }
}

/// The code of an error that does not depend on the operation.
pub(crate) const fn code_of_request_error(error: RequestError) -> Code {
    match error {
        RequestError::BadRequest => Code::E400,
        RequestError::ContentType | RequestError::ContentEncoding => Code::E415,
        RequestError::BodyTooLarge(_) => Code::E413,
        RequestError::BodyIncomplete => Code::E400_02,
        RequestError::BodyTimeout => Code::E408,
        RequestError::NotImplemented => Code::E501,
        RequestError::Unavailable => Code::E503,
        RequestError::UnknownPath => Code::E404,
        RequestError::MethodNotAllowed => Code::E405,
        RequestError::UriTooLong => Code::E414,
        RequestError::HeadersTooLarge => Code::E431,
        RequestError::Internal => Code::E500,
    }
}

/// The code of a failed use case.
pub(crate) const fn code_of_read_error(operation: V4Operation, error: &ReadError) -> Code {
    match error {
        ReadError::NoSuchUser { .. } => Code::E404,
        ReadError::Unavailable { .. } => Code::E503,
        ReadError::TooBroad | ReadError::TooDeep { .. } => Code::E400_90,
        ReadError::Corrupt => operation.corrupt_code(),
    }
}

/// The text of a failed use case for the client; `""` where the code is enough.
pub(crate) fn read_error_detail(error: &ReadError) -> Cow<'static, str> {
    match error {
        ReadError::NoSuchUser { .. } => "there is no such user".into(),
        ReadError::TooBroad => "the search timed out; add filters".into(),
        ReadError::TooDeep { limit } => format!("pageNumber reaches {limit} rows deep; use cursor to go on").into(),
        ReadError::Unavailable { .. } | ReadError::Corrupt => "".into(),
    }
}

impl From<RequestError> for V4Error {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<WriteRefusal> for V4Error {
    fn from(refusal: WriteRefusal) -> Self {
        Self::Write(refusal)
    }
}

impl From<AuthError> for V4Error {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

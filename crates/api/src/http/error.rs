//! Refusals that every API has: a request that cannot be read, routed or answered.

use std::borrow::Cow;

use http::StatusCode;

/// A refusal by the server, before or beside the routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerRefusal {
    /// The request is not valid HTTP: 400.
    BadRequest,
    /// The body has a content coding: 415, with `Accept-Encoding` (RFC 9110 §15.5.16).
    ContentEncoding,
    /// The request has a transfer coding that the server does not know: 501 (RFC 9112 §6.1).
    TransferEncoding,
    /// Path and query are longer than the server accepts: 414.
    UriTooLong,
    /// The headers are larger than the server accepts: 431.
    HeadersTooLarge,
    /// A handler panicked: 500, without the cause.
    Internal,
    /// The process cannot take the request now: 503 (500 in the legacy API, which has no 503), with `Retry-After`.
    Unavailable,
}

/// Why a request ends without an answer, as far as it does not depend on the API. Each API renders it in its own shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestError {
    /// The request is not valid HTTP.
    BadRequest,
    /// The body is not declared as JSON.
    ContentType,
    /// The body has a content coding.
    ContentEncoding,
    /// The body is larger than this many bytes.
    BodyTooLarge(usize),
    /// The body broke off.
    BodyIncomplete,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The request needs a feature that the server lacks.
    NotImplemented,
    /// A dependency did not answer in time.
    Unavailable,
    /// No route has this path.
    UnknownPath,
    /// The route does not have this method.
    MethodNotAllowed,
    /// Path and query are too long.
    UriTooLong,
    /// The headers are too large.
    HeadersTooLarge,
    /// A bug.
    Internal,
}

impl RequestError {
    /// The HTTP status that fits the error.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::BodyIncomplete => StatusCode::BAD_REQUEST,
            Self::ContentType | Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What a client can do about it; `""` where the status is enough.
    pub(crate) fn detail(self) -> Cow<'static, str> {
        match self {
            Self::ContentType => "the Content-Type must be application/json".into(),
            Self::ContentEncoding => "a Content-Encoding is not supported".into(),
            Self::BodyTooLarge(limit) => format!("the body may have {limit} bytes").into(),
            Self::BodyIncomplete => "the body did not arrive whole".into(),
            Self::UnknownPath => "there is no such address".into(),
            Self::BadRequest
            | Self::BodyTimeout
            | Self::NotImplemented
            | Self::Unavailable
            | Self::MethodNotAllowed
            | Self::UriTooLong
            | Self::HeadersTooLarge
            | Self::Internal => "".into(),
        }
    }
}

impl From<ServerRefusal> for RequestError {
    fn from(refusal: ServerRefusal) -> Self {
        match refusal {
            ServerRefusal::BadRequest => Self::BadRequest,
            ServerRefusal::ContentEncoding => Self::ContentEncoding,
            ServerRefusal::TransferEncoding => Self::NotImplemented,
            ServerRefusal::UriTooLong => Self::UriTooLong,
            ServerRefusal::HeadersTooLarge => Self::HeadersTooLarge,
            ServerRefusal::Internal => Self::Internal,
            ServerRefusal::Unavailable => Self::Unavailable,
        }
    }
}

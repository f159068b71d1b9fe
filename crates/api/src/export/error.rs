//! Why an export is refused, and the one match that makes status, type and message of it.

use std::{borrow::Cow, time::Duration};

use http::{
    HeaderValue, StatusCode,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;

use crate::{
    envelope::{json, whole_seconds, written},
    error::ApiError,
    request::RequestId,
    routes::ApiResponse,
};

/// What is wrong with a part of a body. None repeats what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NotAnObject,
    NotAList,
    NotAListOfTexts,
    NotAnIdentifier,
    UnknownType,
    Empty,
    NoCrid,
    NoAddress,
    NoNumber,
}

impl Fault {
    const fn text(self) -> &'static str {
        match self {
            Self::NotAnObject => "must be an object without repeated keys",
            Self::NotAList => "must be a list",
            Self::NotAListOfTexts => "must be a list of texts",
            Self::NotAnIdentifier => "must be an object with the texts identifier_type and identifier, each once",
            Self::UnknownType => "must be one of customer_id, id, moengage_id, email",
            Self::Empty => "must not be empty",
            Self::NoCrid => "must be 1 to 255 bytes without control characters",
            Self::NoAddress => "must be an e-mail address of 1 to 320 bytes without NUL",
            Self::NoNumber => "must be the number of a registration as it is answered: digits without leading zeros",
        }
    }
}

/// Everything that ends an export without its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExportError {
    /// No Basic credentials.
    NoCredentials,
    /// No workspace has this name and key.
    WrongKey,
    /// The workspace is suspended.
    Suspended,
    /// Neither path nor query names the workspace.
    NoAppId,
    /// Path, query and credentials name different ones.
    AppIdDiffers,
    /// A query parameter that cannot be.
    Parameter(&'static str),
    /// The body is not declared as JSON.
    MediaType,
    /// The body is larger than so many units of 1,024 bytes.
    TooLarge(u32),
    /// The body is no JSON object, not UTF-8, repeats a key, or did not arrive whole.
    Malformed,
    /// A part of the body that must be there.
    Missing(&'static str),
    /// A part of the body, by its place, that cannot be.
    Invalid(Box<str>, Fault),
    /// More identifiers than the workspace may give.
    TooMany(u32),
    /// More users than the workspace may ask for in a minute.
    TooOften(Duration),
    /// A strict workspace, and somebody of whom nobody can tell.
    Unresolved(Option<Duration>),
    /// Somebody we depend on did not answer in time.
    Unavailable,
    /// The request is not valid HTTP.
    BadRequest,
    /// The body did not arrive in time.
    Timeout,
    /// The request needs what the server does not have.
    NotImplemented,
    /// No such address.
    NoRoute,
    /// The address takes other methods.
    Method,
    /// Path and query are too long.
    UriTooLong,
    /// The headers are too large.
    HeadersTooLarge,
    /// A bug.
    Internal,
}

/// An error as it is answered, its keys in the published order.
#[derive(Serialize)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
    /// None is published for a workspace that differs.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    request_id: String,
}

#[derive(Serialize)]
pub(super) struct Failure {
    status: &'static str,
    error: Told,
}

impl ExportError {
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::NoCredentials | Self::WrongKey => StatusCode::UNAUTHORIZED,
            Self::Suspended => StatusCode::FORBIDDEN,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::AppIdDiffers => StatusCode::CONFLICT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unresolved(_) | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::BadRequest
            | Self::NoAppId
            | Self::Parameter(_)
            | Self::Malformed
            | Self::Missing(_)
            | Self::Invalid(..)
            | Self::TooMany(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// The published type, or ours where nothing is published; `None` where the published error has none.
    pub(crate) const fn kind(&self) -> Option<&'static str> {
        Some(match self {
            Self::AppIdDiffers => return None,
            Self::Missing(_) => "MissingAttributeError",
            Self::Malformed => "Malformed JSON",
            Self::TooMany(_) => "LimitBreached",
            Self::NoAppId => "ParamsRequired",
            Self::NoCredentials | Self::WrongKey => "Authentication required",
            Self::Suspended => "Account Suspended",
            Self::TooLarge(_) => "PayloadTooLarge",
            Self::MediaType => "MediaTypeError",
            Self::TooOften(_) => "RateLimitError",
            Self::Internal => "ServerError",
            // Ours.
            Self::Parameter(_) => "InvalidParams",
            Self::Invalid(..) => "InvalidAttributeError",
            Self::BadRequest => "BadRequest",
            Self::Timeout => "RequestTimeout",
            Self::NotImplemented => "NotImplemented",
            Self::NoRoute => "NotFound",
            Self::Method => "MethodNotAllowed",
            Self::UriTooLong => "UriTooLong",
            Self::HeadersTooLarge => "HeadersTooLarge",
            Self::Unresolved(_) | Self::Unavailable => "ServiceUnavailable",
        })
    }

    pub(crate) fn message(&self) -> Cow<'static, str> {
        match self {
            Self::NoCredentials => "Authentication Header Required".into(),
            Self::WrongKey => "App Secret key mismatch. Please login to the dashboard to verify key".into(),
            Self::Suspended => "Your account is suspended.".into(),
            Self::NoAppId => "app_id is required in path/query params.".into(),
            Self::AppIdDiffers => "App key mismatch in params and authentication".into(),
            Self::Parameter(name) => format!("{name} cannot be understood").into(),
            Self::MediaType => "Unsupported Media Type".into(),
            Self::TooLarge(kilobytes) => format!("Payload size exceeds {kilobytes} KB").into(),
            Self::Malformed => {
                "Could not decode the request body. The JSON was incorrect or not encoded as UTF-8.".into()
            }
            Self::Missing(attribute) => format!("{attribute} is not found in the payload").into(),
            Self::Invalid(place, fault) => format!("{place} {}", fault.text()).into(),
            Self::TooMany(most) => format!("max limit allowed is {most}").into(),
            Self::TooOften(_) => "Rate limit exceeded".into(),
            Self::Unresolved(_) => "A source that should know did not answer".into(),
            Self::Unavailable => "Service Unavailable".into(),
            Self::BadRequest => "Bad Request".into(),
            Self::Timeout => "Request Timeout".into(),
            Self::NotImplemented => "Not Implemented".into(),
            Self::NoRoute => "Not Found".into(),
            Self::Method => "Method Not Allowed".into(),
            Self::UriTooLong => "URI Too Long".into(),
            Self::HeadersTooLarge => "Request Header Fields Too Large".into(),
            Self::Internal => "Internal Server Error".into(),
        }
    }

    pub(crate) fn attribute(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Missing(attribute) => Some(Cow::Borrowed(attribute)),
            Self::Invalid(place, _) => Some(Cow::Owned(place.to_string())),
            Self::TooMany(_) => Some(Cow::Borrowed("users")),
            _ => None,
        }
    }

    pub(super) fn told(&self, request_id: &RequestId) -> Failure {
        Failure {
            status: "fail",
            error: Told {
                attribute: self.attribute(),
                message: self.message(),
                kind: self.kind(),
                request_id: request_id.short(),
            },
        }
    }

    /// When coming back makes sense; `None` where it makes none.
    fn retry_after(&self, usual: Duration) -> Option<Duration> {
        match self {
            Self::TooOften(wait) => Some(*wait),
            Self::Unresolved(wait) => Some(wait.unwrap_or(usual)),
            Self::Unavailable => Some(usual),
            _ => None,
        }
    }

    /// The refusal as it is answered; `usual` is what `Retry-After` says where nobody knows better.
    pub(super) fn response(&self, request_id: &RequestId, usual: Duration) -> ApiResponse {
        // Texts cannot fail to be written; an empty body is still the right status.
        let body = written(&self.told(request_id), 256).unwrap_or_default();
        let mut response = json(self.status(), body, request_id.clone());
        let headers = response.headers_mut();
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"masthead\", charset=\"UTF-8\""),
            );
        }
        if let Some(wait) = self.retry_after(usual) {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        response
    }
}

impl From<ApiError> for ExportError {
    /// What the parts that all APIs share refuse; what only the others can meet is a bug here.
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::BadRequest => Self::BadRequest,
            ApiError::BodyTimeout => Self::Timeout,
            ApiError::NotImplemented => Self::NotImplemented,
            ApiError::ContentType | ApiError::ContentEncoding => Self::MediaType,
            ApiError::BodyCut => Self::Malformed,
            ApiError::BodyTooLarge(bytes) => Self::TooLarge(u32::try_from(bytes / 1_024).unwrap_or(u32::MAX)),
            ApiError::Unavailable => Self::Unavailable,
            ApiError::NoRoute => Self::NoRoute,
            ApiError::Method => Self::Method,
            ApiError::UriTooLong => Self::UriTooLong,
            ApiError::HeadersTooLarge => Self::HeadersTooLarge,
            ApiError::Header(_)
            | ApiError::NotBearer
            | ApiError::Token(_)
            | ApiError::SourceSystem
            | ApiError::NotGranted
            | ApiError::Parameter(..)
            | ApiError::Read(..)
            | ApiError::Internal => Self::Internal,
        }
    }
}

/// An error of the parts that all APIs share, in the shape of the export.
pub(crate) fn refuse(error: ApiError, request_id: &RequestId, retry_after: Duration) -> ApiResponse {
    ExportError::from(error).response(request_id, retry_after)
}

//! Why an export is refused, with the status, type and message of each error.

use std::{borrow::Cow, time::Duration};

use http::{
    HeaderValue, StatusCode,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};
use masthead_ports::rate_limit::RateExceeded;
use serde::Serialize;

use crate::http::{
    error::RequestError,
    rate_limit::insert_rate_limit,
    request::RequestId,
    response::{ApiResponse, json_response, retry_after_seconds, to_json},
};

/// What is wrong with a part of a body. The texts never repeat a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    NotAnObject,
    NotAList,
    NotAListOfTexts,
    NotAnIdentifier,
    UnknownType,
    Empty,
    NotAnId,
    NotAnAddress,
    NotANumber,
}

impl BodyError {
    const fn text(self) -> &'static str {
        match self {
            Self::NotAnObject => "must be an object without repeated keys",
            Self::NotAList => "must be a list",
            Self::NotAListOfTexts => "must be a list of texts",
            Self::NotAnIdentifier => "must be an object with the texts identifier_type and identifier, each once",
            Self::UnknownType => "must be one of customer_id, id, moengage_id, email",
            Self::Empty => "must not be empty",
            Self::NotAnId => "must be 1 to 255 bytes without control characters",
            Self::NotAnAddress => "must be an e-mail address of 1 to 320 bytes without NUL",
            Self::NotANumber => "must be the number of a registration as it is answered: digits without leading zeros",
        }
    }
}

/// Why an export is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExportError {
    /// The request cannot be read, routed or answered.
    Request(RequestError),
    /// There are no Basic credentials.
    NoCredentials,
    /// No workspace has this name and key.
    WrongKey,
    /// The workspace is suspended.
    Suspended,
    /// Neither path nor query names the workspace.
    NoAppId,
    /// Path, query and credentials name different workspaces.
    AppIdDiffers,
    /// A query parameter has no valid value.
    Parameter(&'static str),
    /// The body is not a JSON object, not UTF-8, repeats a key, or broke off.
    Malformed,
    /// The body lacks a required part.
    Missing(&'static str),
    /// A part of the body, by its position, is not valid.
    Invalid(Box<str>, BodyError),
    /// More identifiers than the workspace may send.
    TooMany(u32),
    /// More users than the workspace may request in a minute.
    TooOften(Duration),
    /// A limit of the server on requests or rows a minute is reached.
    RateLimited(RateExceeded),
    /// The answer is strict, and not every user is resolved.
    Unresolved(Option<Duration>),
}

/// The published body of an error, its keys in order.
#[derive(Serialize)]
pub(crate) struct ErrorBody {
    status: &'static str,
    error: ErrorDetail,
}

#[derive(Serialize)]
struct ErrorDetail {
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    request_id: String,
}

impl ExportError {
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::Request(error) => error.status(),
            Self::NoCredentials | Self::WrongKey => StatusCode::UNAUTHORIZED,
            Self::Suspended => StatusCode::FORBIDDEN,
            Self::AppIdDiffers => StatusCode::CONFLICT,
            Self::TooOften(_) | Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unresolved(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoAppId
            | Self::Parameter(_)
            | Self::Malformed
            | Self::Missing(_)
            | Self::Invalid(..)
            | Self::TooMany(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// The published type, or an extension where none is published; `None` where the published error has none.
    pub(crate) const fn kind(&self) -> Option<&'static str> {
        Some(match self {
            Self::AppIdDiffers => return None,
            Self::Missing(_) => "MissingAttributeError",
            Self::Malformed | Self::Request(RequestError::BodyIncomplete) => "Malformed JSON",
            Self::TooMany(_) => "LimitBreached",
            Self::NoAppId => "ParamsRequired",
            Self::NoCredentials | Self::WrongKey => "Authentication required",
            Self::Suspended => "Account Suspended",
            Self::TooOften(_) | Self::RateLimited(_) => "RateLimitError",
            // Extensions.
            Self::Parameter(_) => "InvalidParams",
            Self::Invalid(..) => "InvalidAttributeError",
            Self::Unresolved(_) => "ServiceUnavailable",
            Self::Request(error) => match error {
                RequestError::BodyTooLarge(_) => "PayloadTooLarge",
                RequestError::ContentType | RequestError::ContentEncoding => "MediaTypeError",
                RequestError::Internal => "ServerError",
                // Extensions.
                RequestError::BadRequest | RequestError::BodyIncomplete => "BadRequest",
                RequestError::BodyTimeout => "RequestTimeout",
                RequestError::NotImplemented => "NotImplemented",
                RequestError::UnknownPath => "NotFound",
                RequestError::MethodNotAllowed => "MethodNotAllowed",
                RequestError::UriTooLong => "UriTooLong",
                RequestError::HeadersTooLarge => "HeadersTooLarge",
                RequestError::Unavailable => "ServiceUnavailable",
            },
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
            Self::Malformed | Self::Request(RequestError::BodyIncomplete) => {
                "Could not decode the request body. The JSON was incorrect or not encoded as UTF-8.".into()
            }
            Self::Missing(attribute) => format!("{attribute} is not found in the payload").into(),
            Self::Invalid(place, error) => format!("{place} {}", error.text()).into(),
            Self::TooMany(most) => format!("max limit allowed is {most}").into(),
            Self::TooOften(_) | Self::RateLimited(_) => "Rate limit exceeded".into(),
            Self::Unresolved(_) => "A source that should know did not answer".into(),
            Self::Request(RequestError::BodyTooLarge(bytes)) => {
                format!("Payload size exceeds {} KB", bytes / 1_024).into()
            }
            Self::Request(error) => error.status().canonical_reason().unwrap_or_default().into(),
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

    /// The published body.
    pub(crate) fn body(&self, request_id: &RequestId) -> ErrorBody {
        ErrorBody {
            status: "fail",
            error: ErrorDetail {
                attribute: self.attribute(),
                message: self.message(),
                kind: self.kind(),
                request_id: request_id.short(),
            },
        }
    }

    /// When a retry may succeed; `None` where it makes no difference.
    fn retry_after(&self, usual: Duration) -> Option<Duration> {
        match self {
            Self::TooOften(wait) => Some(*wait),
            Self::Unresolved(wait) => Some(wait.unwrap_or(usual)),
            Self::Request(RequestError::Unavailable) => Some(usual),
            _ => None,
        }
    }

    /// The response; `usual` is the usual value of `Retry-After`.
    pub(crate) fn response(&self, request_id: &RequestId, usual: Duration) -> ApiResponse {
        // Texts are always writable.
        let body = to_json(&self.body(request_id), 256).unwrap_or_default();
        let mut response = json_response(self.status(), body, request_id.clone());
        let headers = response.headers_mut();
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"masthead\", charset=\"UTF-8\""),
            );
        }
        if let Some(wait) = self.retry_after(usual) {
            headers.insert(RETRY_AFTER, retry_after_seconds(wait));
        }
        if let Self::RateLimited(exceeded) = self {
            insert_rate_limit(headers, exceeded);
        }
        response
    }
}

impl From<RequestError> for ExportError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

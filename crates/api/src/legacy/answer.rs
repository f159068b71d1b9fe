//! The envelopes of the legacy API: answers and business errors with 200, infrastructure errors with their own status.

use std::{borrow::Cow, time::Duration};

use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use masthead_orchestrator::ReadError;
use masthead_ports::tokens::TokenError;
use serde::Serialize;

use crate::{
    caller::SOURCE_SYSTEM,
    code::{Code, PLACEHOLDER},
    envelope::{json, whole_seconds, written},
    error::{ApiError, HeaderFault},
    request::RequestId,
    routes::Answer,
};

/// The published texts.
pub(super) const INVALID_AUTHORIZATION: &str = "Invalid Authorization.";
pub(super) const INVALID_SOURCE_SYSTEM: &str = "Invalid X-SourceSystem.";
pub(super) const NO_REQUEST: &str = "request cannot be null.";
pub(super) const WENT_WRONG: &str = "Something went wrong. Please try again later.";

/// What a refusal comes down to.
pub(super) enum Refusal {
    /// 200, with `Errors` filled: what the caller asks for cannot be asked.
    Business(BusinessError),
    /// `{"error":"…"}` with this status.
    Infrastructure(StatusCode, Cow<'static, str>),
}

/// One of `Errors`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BusinessError {
    message: String,
    /// The code that v4 has for the same refusal.
    code: &'static str,
    #[serde(rename = "Type")]
    kind: ErrorType,
    /// Always null.
    error_source: (),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorType {
    id: u8,
    code: &'static str,
}

/// An answer before it is written.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a, R> {
    code: u16,
    errors: &'a [BusinessError],
    result: Option<R>,
    session_id: &'a str,
    request_id: &'a str,
}

#[derive(Serialize)]
struct Infrastructure<'a> {
    error: &'a str,
}

impl BusinessError {
    /// An error with the code that v4 has for it.
    pub(super) fn new(code: Code, what: &str) -> Self {
        let entry = code.entry();
        Self {
            message: entry.text.replace(PLACEHOLDER, what),
            code: entry.name,
            kind: ErrorType {
                id: 0,
                code: "Validation",
            },
            error_source: (),
        }
    }
}

impl Refusal {
    fn of(error: &ApiError) -> Self {
        let infrastructure = |status, text: &'static str| Self::Infrastructure(status, text.into());
        match error {
            ApiError::Parameter(..) | ApiError::Read(_, ReadError::TooBroad | ReadError::TooDeep { .. }) => {
                Self::Business(BusinessError::new(error.code(), &error.what()))
            }
            ApiError::Header(HeaderFault::NoName(name)) if *name == SOURCE_SYSTEM.name => {
                infrastructure(StatusCode::UNAUTHORIZED, INVALID_SOURCE_SYSTEM)
            }
            ApiError::Header(fault) => Self::Infrastructure(StatusCode::BAD_REQUEST, fault.text().into()),
            ApiError::SourceSystem => infrastructure(StatusCode::UNAUTHORIZED, INVALID_SOURCE_SYSTEM),
            ApiError::Token(TokenError::KeysUnavailable)
            | ApiError::Read(_, ReadError::NoSuchUser { .. } | ReadError::Unavailable { .. } | ReadError::Corrupt)
            | ApiError::Unavailable
            | ApiError::Internal => infrastructure(StatusCode::INTERNAL_SERVER_ERROR, WENT_WRONG),
            ApiError::NotBearer | ApiError::Token(_) | ApiError::NotGranted => {
                infrastructure(StatusCode::UNAUTHORIZED, INVALID_AUTHORIZATION)
            }
            ApiError::NoRoute => infrastructure(StatusCode::NOT_FOUND, "Not Found."),
            ApiError::Method => infrastructure(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed."),
            ApiError::BadRequest
            | ApiError::ContentType
            | ApiError::ContentEncoding
            | ApiError::BodyTimeout
            | ApiError::NotImplemented
            | ApiError::BodyTooLarge(_)
            | ApiError::BodyCut
            | ApiError::UriTooLong
            | ApiError::HeadersTooLarge => {
                let entry = error.code().entry();
                Self::Infrastructure(entry.status, entry.text.replace(PLACEHOLDER, &error.what()).into())
            }
        }
    }
}

/// An error in the shape of the legacy API; `retry_after` is what a 500 says where nobody knows better.
pub(crate) fn refuse(error: &ApiError, request_id: &RequestId, retry_after: Duration) -> Answer {
    let mut response = refused(&Refusal::of(error), request_id);
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        let wait = match error {
            ApiError::Read(_, ReadError::Unavailable { retry_after, .. }) => *retry_after,
            _ => None,
        };
        let wait = whole_seconds(wait.unwrap_or(retry_after));
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
    }
    response
}

/// A refusal as it is answered.
pub(super) fn refused(refusal: &Refusal, request_id: &RequestId) -> Answer {
    // Texts cannot fail to be written; an empty body is still the right status.
    match refusal {
        Refusal::Business(error) => {
            let body = enveloped(std::slice::from_ref(error), None::<()>, request_id, 512);
            json(StatusCode::OK, body.unwrap_or_default(), request_id.clone())
        }
        Refusal::Infrastructure(status, text) => {
            let body = written(&Infrastructure { error: text }, 128).unwrap_or_default();
            json(*status, body, request_id.clone())
        }
    }
}

/// The text of an envelope. The legacy API's sessions are one request long: both ids are the request's.
pub(super) fn enveloped<R: Serialize>(
    errors: &[BusinessError],
    result: Option<R>,
    request_id: &RequestId,
    size_hint: usize,
) -> serde_json::Result<Vec<u8>> {
    let envelope = Envelope {
        code: StatusCode::OK.as_u16(),
        errors,
        result,
        session_id: request_id.as_str(),
        request_id: request_id.as_str(),
    };
    written(&envelope, size_hint)
}

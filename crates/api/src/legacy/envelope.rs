//! The response envelopes of the legacy API. Successes and business errors have status 200 with an envelope;
//! infrastructure errors have their own status and `{"error":"…"}`.

use std::{borrow::Cow, time::Duration};

use http::{StatusCode, header::RETRY_AFTER};
use masthead_orchestrator::ReadError;
use masthead_ports::tokens::TokenError;
use serde::Serialize;

use super::error::{
    INVALID_AUTHORIZATION, INVALID_SOURCE_SYSTEM, LegacyError, NO_REQUEST, TOO_MANY_REQUESTS, WENT_WRONG,
};
use crate::{
    auth::error::{AuthError, HeaderError},
    http::{
        error::RequestError,
        rate_limit::insert_rate_limit,
        request::RequestId,
        response::{ApiResponse, json_response, retry_after_seconds, to_json},
    },
    v4::{
        code::Code,
        error::{code_of_read_error, code_of_request_error, read_error_detail},
    },
};

/// The form in which an error is returned.
enum PublishedError {
    /// Status 200, in `Errors`.
    Business(Vec<BusinessError>),
    /// `{"error":"…"}` with this status.
    Infrastructure(StatusCode, Cow<'static, str>),
}

/// An item of `Errors`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BusinessError {
    message: Cow<'static, str>,
    /// The code of the same error in v4.
    code: &'static str,
    #[serde(rename = "Type")]
    kind: BusinessErrorType,
    /// Always null.
    error_source: (),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct BusinessErrorType {
    id: u8,
    code: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LegacyEnvelope<'a, R> {
    code: u16,
    errors: &'a [BusinessError],
    result: Option<R>,
    session_id: &'a str,
    request_id: &'a str,
}

#[derive(Serialize)]
struct InfrastructureError<'a> {
    error: &'a str,
}

impl BusinessError {
    /// The error with this code in v4.
    pub(crate) fn new(code: Code, detail: &str) -> Self {
        let entry = code.entry();
        Self {
            message: entry.message(detail),
            code: entry.name,
            kind: BusinessErrorType {
                id: 0,
                code: "Validation",
            },
            error_source: (),
        }
    }

    /// The error of a refused parameter.
    pub(crate) fn for_parameter(error: &impl ToString) -> Self {
        Self::new(Code::E400_02, &error.to_string())
    }
}

impl From<&LegacyError> for PublishedError {
    fn from(error: &LegacyError) -> Self {
        let infrastructure = |status, text: &'static str| Self::Infrastructure(status, text.into());
        match error {
            LegacyError::Parameter(error) => Self::Business(vec![BusinessError::for_parameter(error)]),
            LegacyError::Fields(problems) => {
                let errors = problems.texts().map(|text| BusinessError::new(Code::E400_00, &text));
                Self::Business(errors.collect())
            }
            LegacyError::Write(refusal) if refusal.code.entry().status.is_server_error() => {
                infrastructure(StatusCode::INTERNAL_SERVER_ERROR, WENT_WRONG)
            }
            LegacyError::Write(refusal) => Self::Business(vec![BusinessError::new(refusal.code, &refusal.detail)]),
            LegacyError::NoParameters => infrastructure(StatusCode::BAD_REQUEST, NO_REQUEST),
            LegacyError::Read(operation, error) => match error {
                ReadError::TooBroad | ReadError::TooDeep { .. } => {
                    let code = code_of_read_error(*operation, error);
                    Self::Business(vec![BusinessError::new(code, &read_error_detail(error))])
                }
                ReadError::NoSuchUser { .. } | ReadError::Unavailable { .. } | ReadError::Corrupt => {
                    infrastructure(StatusCode::INTERNAL_SERVER_ERROR, WENT_WRONG)
                }
            },
            LegacyError::Auth(error) => match error {
                AuthError::Header(HeaderError::NotPrintable(_))
                | AuthError::UnknownSourceSystem
                | AuthError::SourceSystemNotGranted => infrastructure(StatusCode::UNAUTHORIZED, INVALID_SOURCE_SYSTEM),
                AuthError::Header(error) => Self::Infrastructure(StatusCode::BAD_REQUEST, error.detail()),
                AuthError::Token(TokenError::KeysUnavailable | TokenError::RulesUnavailable)
                | AuthError::TenantsUnavailable => infrastructure(StatusCode::INTERNAL_SERVER_ERROR, WENT_WRONG),
                AuthError::RateLimited(_) => infrastructure(StatusCode::TOO_MANY_REQUESTS, TOO_MANY_REQUESTS),
                AuthError::NotBearer | AuthError::Token(_) | AuthError::NotGranted => {
                    infrastructure(StatusCode::UNAUTHORIZED, INVALID_AUTHORIZATION)
                }
            },
            LegacyError::Request(error) => match error {
                RequestError::Unavailable | RequestError::Internal => {
                    infrastructure(StatusCode::INTERNAL_SERVER_ERROR, WENT_WRONG)
                }
                RequestError::UnknownPath => infrastructure(error.status(), "Not Found."),
                RequestError::MethodNotAllowed => infrastructure(error.status(), "Method Not Allowed."),
                RequestError::BadRequest
                | RequestError::ContentType
                | RequestError::ContentEncoding
                | RequestError::BodyTimeout
                | RequestError::NotImplemented
                | RequestError::BodyTooLarge(_)
                | RequestError::BodyIncomplete
                | RequestError::UriTooLong
                | RequestError::HeadersTooLarge => {
                    let text = code_of_request_error(*error).entry().message(&error.detail());
                    Self::Infrastructure(error.status(), text)
                }
            },
        }
    }
}

/// The response to an error; `retry_after` is the `Retry-After` of a 500 where the error reports no time of its own.
pub(crate) fn error_response(error: &LegacyError, request_id: &RequestId, retry_after: Duration) -> ApiResponse {
    // Serialising strings does not fail.
    let (status, body) = match PublishedError::from(error) {
        PublishedError::Business(errors) => {
            let body = envelope_json(&errors, None::<()>, request_id, 512);
            (StatusCode::OK, body.unwrap_or_default())
        }
        PublishedError::Infrastructure(status, text) => {
            let body = to_json(&InfrastructureError { error: &text }, 128);
            (status, body.unwrap_or_default())
        }
    };
    let mut response = json_response(status, body, request_id.clone());
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        let reported = match error {
            LegacyError::Read(_, ReadError::Unavailable { retry_after, .. }) => *retry_after,
            LegacyError::Write(refusal) => refusal.retry_after,
            _ => None,
        };
        let wait = retry_after_seconds(reported.unwrap_or(retry_after));
        response.headers_mut().insert(RETRY_AFTER, wait);
    }
    if let LegacyError::Auth(AuthError::RateLimited(exceeded)) = error {
        insert_rate_limit(response.headers_mut(), exceeded);
    }
    response
}

/// The JSON of an envelope. A legacy session lasts one request, so both ids are the request's.
pub(crate) fn envelope_json<R: Serialize>(
    errors: &[BusinessError],
    result: Option<R>,
    request_id: &RequestId,
    size_hint: usize,
) -> serde_json::Result<Vec<u8>> {
    let envelope = LegacyEnvelope {
        code: StatusCode::OK.as_u16(),
        errors,
        result,
        session_id: request_id.as_str(),
        request_id: request_id.as_str(),
    };
    to_json(&envelope, size_hint)
}

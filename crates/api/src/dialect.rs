//! Which API's shape a refusal has: the address decides, also of what no handler ever sees.

use std::time::Duration;

use http::{HeaderValue, header::ACCEPT_ENCODING};

use crate::{
    envelope::{self, Shape},
    error::ApiError,
    export, legacy,
    request::RequestId,
    routes::ApiResponse,
};

/// A refusal of the server's own, before or beside the route table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerRefusal {
    /// The request is not valid HTTP: 400.
    BadRequest,
    /// The body has a content coding: 415, with `Accept-Encoding` (RFC 9110 §15.5.16).
    ContentEncoding,
    /// The request has a transfer coding that the server does not know: 501 (RFC 9112 §6.1).
    TransferEncoding,
    /// Path and query are longer than the server takes: 414.
    UriTooLong,
    /// The headers are larger than the server takes: 431.
    HeadersTooLarge,
    /// A handler ended in a panic: 500, and nothing of the cause.
    Internal,
    /// The process cannot take the request now: 503 (500 in the legacy API, which has no other), with `Retry-After`.
    Unavailable,
}

/// The answer to a request for this path, in the shape of the API that the path belongs to; `retry_after` is what the
/// answer says where it says when to come back.
#[must_use]
pub fn refuse_at(path: &str, refusal: ServerRefusal, request_id: RequestId, retry_after: Duration) -> ApiResponse {
    let error = match refusal {
        ServerRefusal::BadRequest => ApiError::BadRequest,
        ServerRefusal::ContentEncoding => ApiError::ContentEncoding,
        ServerRefusal::TransferEncoding => ApiError::NotImplemented,
        ServerRefusal::UriTooLong => ApiError::UriTooLong,
        ServerRefusal::HeadersTooLarge => ApiError::HeadersTooLarge,
        ServerRefusal::Internal => ApiError::Internal,
        ServerRefusal::Unavailable => ApiError::Unavailable,
    };
    let mut answer = refuse_error_at(path, error, request_id, retry_after);
    if refusal == ServerRefusal::ContentEncoding {
        answer
            .headers_mut()
            .insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    answer
}

/// The same for any error of the parts that all APIs share.
pub(crate) fn refuse_error_at(
    path: &str,
    error: ApiError,
    request_id: RequestId,
    retry_after: Duration,
) -> ApiResponse {
    if export::is_address(path) {
        export::refuse(error, &request_id, retry_after)
    } else if legacy::is_address(path) {
        legacy::refuse(&error, &request_id, retry_after)
    } else {
        envelope::refuse(error, Shape::default(), request_id, retry_after)
    }
}

/// Whether what is asked at this path depends on where it is asked from ([`CallerAddress`](crate::CallerAddress)).
#[must_use]
pub fn wants_caller_address(path: &str) -> bool {
    export::is_address(path)
}

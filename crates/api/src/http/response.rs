//! JSON responses, and the values that every API writes alike.

use std::time::Duration;

use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use serde::Serialize;
use time::{OffsetDateTime, UtcOffset, macros::format_description};

use super::{
    api_body::ApiBody,
    request::{REQUEST_ID, RequestId},
};

/// A response.
pub type ApiResponse = Response<ApiBody>;

/// A JSON response; caches must not store it, since it is about persons, and browsers must not take it for anything else.
pub(crate) fn json_response(status: StatusCode, body: Vec<u8>, request_id: RequestId) -> ApiResponse {
    let length = body.len();
    let mut response = ApiResponse::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REQUEST_ID, request_id.into_header());
    response
}

/// 304: the client has the representation already (RFC 9110 §15.4.5).
pub(crate) fn not_modified(request_id: RequestId) -> ApiResponse {
    let mut response = ApiResponse::default();
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REQUEST_ID, request_id.into_header());
    response
}

/// The JSON of a value, in a buffer of about the right size.
pub(crate) fn to_json(value: &impl Serialize, size_hint: usize) -> serde_json::Result<Vec<u8>> {
    let mut body = Vec::with_capacity(size_hint);
    serde_json::to_writer(&mut body, value)?;
    Ok(body)
}

/// Logs that a response cannot be written, which is a bug.
pub(crate) fn log_unwritable(error: &serde_json::Error) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "the response cannot be written"
    );
}

/// The value of `Retry-After`: whole seconds, rounded up, at least one.
pub(crate) fn retry_after_seconds(time: Duration) -> HeaderValue {
    HeaderValue::from(whole_seconds(time))
}

/// Whole seconds, rounded up, at least one.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

/// `yyyy-MM-ddTHH:mm:ss.fffZ`; `None` for a year without four digits.
pub(crate) fn published_time(at: OffsetDateTime) -> Option<String> {
    const FORM: &[time::format_description::BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.checked_to_offset(UtcOffset::UTC)?.format(FORM).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn retry_after_is_whole_seconds_and_never_zero() {
        for (millis, seconds) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (30_000, "30")] {
            assert_eq!(retry_after_seconds(Duration::from_millis(millis)), seconds);
        }
    }

    #[test]
    fn times_are_utc_with_milliseconds() {
        assert_eq!(
            published_time(datetime!(2026-03-01 14:00:00.1239 +2)).as_deref(),
            Some("2026-03-01T12:00:00.123Z")
        );
    }
}

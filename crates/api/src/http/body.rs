//! Reads the body of a request: JSON, bounded in size and in time.

use std::{error::Error, fmt, time::Instant};

use bytes::Bytes;
use http::{
    HeaderMap,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::error::RequestError;

/// The body of a request, as it arrives.
pub trait RequestBody: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send {}

impl<B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send> RequestBody for B {}

/// The error of a [`RequestBody`] that did not arrive in time: the response is 408.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyTimeoutError;

impl fmt::Display for BodyTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body did not arrive in time")
    }
}

impl Error for BodyTimeoutError {}

/// Reads the whole body.
///
/// # Errors
/// It is not declared as JSON, has more than `limit` bytes, breaks off, or does not arrive by the deadline.
pub(crate) async fn read_json_body<B: RequestBody>(
    limit: usize,
    deadline: Instant,
    headers: &HeaderMap,
    body: B,
) -> Result<Bytes, RequestError> {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|text| text.split(';').next().unwrap_or_default().trim());
    if !media_type.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Err(RequestError::ContentType);
    }
    // A body that is announced as too large is refused before it is sent.
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > limit) {
        return Err(RequestError::BodyTooLarge(limit));
    }
    let collected = Limited::new(body, limit).collect();
    match tokio::time::timeout_at(deadline.into(), collected).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(RequestError::BodyTooLarge(limit)),
        Ok(Err(error)) if error.is::<BodyTimeoutError>() => Err(RequestError::BodyTimeout),
        Ok(Err(_)) => Err(RequestError::BodyIncomplete),
        Err(_) => Err(RequestError::BodyTimeout),
    }
}

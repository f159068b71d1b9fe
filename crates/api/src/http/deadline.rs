//! Ends a use case that does not answer by the deadline of its request.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;

use super::error::RequestError;

/// How long after the deadline a use case is cut off. Sources give up *by* the deadline; this leaves the time to report the
/// reason and to write the read event.
const GRACE: Duration = Duration::from_millis(50);

/// Resolves to the result of `answer`, or to [`RequestError::Unavailable`] shortly after the deadline. It is no `async fn`,
/// which would store the future twice.
pub(crate) fn by_deadline<T, E: From<RequestError>>(
    deadline: Instant,
    answer: impl Future<Output = Result<T, E>> + Send,
) -> impl Future<Output = Result<T, E>> + Send {
    tokio::time::timeout_at((deadline + GRACE).into(), answer).map(|answer| {
        answer.unwrap_or_else(|_| {
            tracing::warn!("a use case ran past the deadline and was cut off");
            Err(RequestError::Unavailable.into())
        })
    })
}

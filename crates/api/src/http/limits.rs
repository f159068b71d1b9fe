//! The bounds of a request.

use std::time::Duration;

/// The bounds of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiLimits {
    /// The largest body, in bytes; a larger one is 413.
    pub body_bytes: usize,
    /// How long a request without a [`RequestContext`](crate::RequestContext) may take.
    pub deadline: Duration,
    /// The usual value of `Retry-After`, rounded up to whole seconds.
    pub retry_after: Duration,
}

impl Default for ApiLimits {
    /// 64 KiB, ten seconds, one second.
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            deadline: Duration::from_secs(10),
            retry_after: Duration::from_secs(1),
        }
    }
}

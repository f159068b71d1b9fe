//! A call, and why an adapter refuses its reply.

use std::time::Duration;

use masthead_http_client::{HttpError, HttpReply};
use masthead_ports::source::{CallContext, CallCount, Priority, ReadHandle, SourceErrorKind};
use tokio::time::Instant;

use crate::{breaker::Admission, budget::RateHint, error_kind::Effect};

/// The operation, its priority and its deadline.
#[derive(Debug, Clone)]
pub struct ProviderCall {
    /// The name of the operation in errors, logs and metrics.
    pub operation: &'static str,
    /// Whether it changes data.
    pub effect: Effect,
    /// Its priority.
    pub priority: Priority,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// Counts each request that is sent.
    pub calls: CallCount,
    /// The read that it belongs to: the circuit breaker admits whole reads.
    pub read: ReadHandle,
    /// When the first call of that read must have been sent, if there is a limit.
    pub start_by: Option<Instant>,
    /// Whether it is sent with the upstream's token, where it has one.
    pub with_token: bool,
}

impl ProviderCall {
    /// A reading call.
    #[must_use]
    pub fn read(operation: &'static str, cx: &CallContext) -> Self {
        Self {
            operation,
            effect: Effect::Read,
            priority: cx.priority,
            deadline: Instant::from_std(cx.deadline),
            calls: cx.calls.clone(),
            read: cx.read.clone(),
            start_by: cx.start_by.map(Instant::from_std),
            with_token: true,
        }
    }

    /// A writing call: it is sent once, or twice after a refused token.
    #[must_use]
    pub fn write(operation: &'static str, cx: &CallContext) -> Self {
        Self {
            effect: Effect::Write,
            ..Self::read(operation, cx)
        }
    }

    /// The same without the upstream's token: the request has its own credentials.
    #[must_use]
    pub fn without_token(self) -> Self {
        Self {
            with_token: false,
            ..self
        }
    }
}

/// Why an adapter refuses a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyError {
    /// By its status: see [`kind_of_status`](crate::error_kind::kind_of_status). 401 and 403 renew the token once.
    ByStatus,
    /// For this reason.
    For(SourceErrorKind),
    /// It has not the documented form.
    Unreadable(HttpError),
    /// The provider did not process the request, and the adapter has corrected the cause (a clock, a nonce): the call is
    /// repeated once at once, also when it writes; then it fails for this reason.
    Corrected(SourceErrorKind),
}

impl From<HttpError> for ReplyError {
    fn from(failure: HttpError) -> Self {
        Self::Unreadable(failure)
    }
}

/// Reports a call without a usable answer to the breaker. An unreadable reply counts as an answer: one odd user must not open
/// the breaker for all others.
pub(crate) fn note(admission: Admission<'_>, provider_works: bool) {
    if provider_works {
        admission.answered();
    } else {
        admission.failed();
    }
}

/// Parses the rate headers (`providers.md` §1.5): the limit, the remaining calls, and the UNIX second of the reset.
pub(crate) fn rate_hint(reply: &HttpReply, now: i64) -> RateHint {
    let number = |name| reply.headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let reset = number("x-ratelimit-reset").map(|at| u64::try_from(at.saturating_sub(now)).unwrap_or(0));
    RateHint {
        limit: number("x-ratelimit-limit").and_then(|limit| u32::try_from(limit).ok()),
        remaining: number("x-ratelimit-remaining").and_then(|remaining| u32::try_from(remaining).ok()),
        reset: reset.map(Duration::from_secs),
    }
}

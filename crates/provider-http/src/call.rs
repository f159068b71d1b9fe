//! What an adapter says of a call and of its reply.

use std::time::Duration;

use masthead_ports::source::{CallContext, CallCount, Priority, Read, SourceErrorKind};
use tokio::time::Instant;

use crate::{
    breaker::Admission,
    budget::RateHint,
    failure::{Effect, HttpError},
    reply::HttpReply,
};

/// What is called, for whom, and until when.
#[derive(Debug, Clone)]
pub struct ProviderCall {
    /// The name of the operation in errors, logs and metrics.
    pub operation: &'static str,
    /// Whether it changes anything.
    pub effect: Effect,
    /// Who waits.
    pub priority: Priority,
    /// When the answer is of no more use.
    pub deadline: Instant,
    /// Where each request that leaves us is counted.
    pub calls: CallCount,
    /// The read that it belongs to: the circuit breaker admits reads.
    pub read: Read,
    /// When the first call of that read must have left us, if at all.
    pub leave_by: Option<Instant>,
}

impl ProviderCall {
    /// A call that only reads.
    #[must_use]
    pub fn read(operation: &'static str, cx: &CallContext) -> Self {
        Self {
            operation,
            effect: Effect::Read,
            priority: cx.priority,
            deadline: Instant::from_std(cx.deadline),
            calls: cx.calls.clone(),
            read: cx.read.clone(),
            leave_by: cx.leave_by.map(Instant::from_std),
        }
    }

    /// A call that writes: it is made once, or once more after a refused token.
    #[must_use]
    pub fn write(operation: &'static str, cx: &CallContext) -> Self {
        Self {
            effect: Effect::Write,
            ..Self::read(operation, cx)
        }
    }
}

/// Why an adapter cannot take a reply for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyError {
    /// For what its status says, as everywhere: see [`HttpReply::refusal`]. 401 and 403 renew the token once.
    ByStatus,
    /// For this reason.
    For(SourceErrorKind),
    /// It is not of the form that the provider documents.
    Unreadable(HttpError),
    /// It was refused unread, for what the adapter has mended in the requests that it writes from now on (a clock, a nonce):
    /// it is made once more at once, also when it writes, and after that refused for this reason.
    Mended(SourceErrorKind),
}

impl From<HttpError> for ReplyError {
    fn from(failure: HttpError) -> Self {
        Self::Unreadable(failure)
    }
}

/// Tells the breaker of a call without a usable answer. One that cannot be read is an answer still: a single odd user must not
/// open the breaker for all others.
pub(crate) fn note(admission: Admission<'_>, is_answer: bool) {
    if is_answer {
        admission.answered();
    } else {
        admission.failed();
    }
}

/// The rate headers (`providers.md` §1.5): a limit, what remains of it, and the UNIX second at which it is whole again.
pub(crate) fn rate_hint(reply: &HttpReply, now: i64) -> RateHint {
    let number = |name| reply.headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let reset = number("x-ratelimit-reset").map(|at| u64::try_from(at.saturating_sub(now)).unwrap_or(0));
    RateHint {
        limit: number("x-ratelimit-limit").and_then(|limit| u32::try_from(limit).ok()),
        remaining: number("x-ratelimit-remaining").and_then(|remaining| u32::try_from(remaining).ok()),
        reset: reset.map(Duration::from_secs),
    }
}

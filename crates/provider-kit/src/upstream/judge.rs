//! Decides what follows a reply without a usable answer.

use std::time::Duration;

use masthead_http_client::HttpReply;
use masthead_ports::source::{SourceError, SourceErrorKind};
use time::OffsetDateTime;

use crate::{
    call::{ProviderCall, ReplyError, rate_hint},
    error_kind::{kind_of_status, source_error},
};

/// The pause after a 429 that does not state one.
pub(super) const UNNAMED_PAUSE: Duration = Duration::from_secs(1);

/// A failed attempt, and what may follow.
pub(super) struct FailedAttempt {
    pub(super) error: SourceError,
    pub(super) next: NextStep,
}

/// What may follow a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextStep {
    /// The same call may be repeated after a pause.
    TryLater,
    /// The same call may be repeated when the budget allows it.
    TryInTurn,
    /// The token was refused; the call may be repeated with a new one.
    TryWithNewToken,
    TryCorrected,
    GiveUp,
}

/// What a reply without a usable answer means.
pub(super) struct Judgement {
    pub(super) failed: FailedAttempt,
    /// Whether the provider works; the breaker counts the other replies as failures.
    pub(super) provider_works: bool,
    /// How long this tenant must not call the provider.
    pub(super) pause: Option<Duration>,
}

pub(super) const fn give_up(error: SourceError) -> FailedAttempt {
    FailedAttempt {
        error,
        next: NextStep::GiveUp,
    }
}

/// Decides what a reply means that the adapter refused for this reason.
pub(super) fn judge(call: &ProviderCall, reply: &HttpReply, refused: ReplyError, now: OffsetDateTime) -> Judgement {
    let judgement = |error, next, provider_works| Judgement {
        failed: FailedAttempt { error, next },
        provider_works,
        pause: None,
    };
    let kind = match refused {
        ReplyError::Unreadable(error) => {
            let error = source_error(error, call.operation, call.effect);
            return judgement(error, NextStep::TryLater, reply.status.is_success());
        }
        ReplyError::Corrected(kind) => {
            return judgement(SourceError::new(call.operation, kind), NextStep::TryCorrected, true);
        }
        ReplyError::For(kind) => kind,
        ReplyError::ByStatus => kind_of_status(reply, call.effect, now).unwrap_or(SourceErrorKind::Unavailable),
    };
    let error = |kind| SourceError::new(call.operation, kind);
    match kind {
        SourceErrorKind::RateLimited { retry_after } => {
            let reset = rate_hint(reply, now.unix_timestamp()).reset;
            let pause = retry_after.or(reset).unwrap_or(UNNAMED_PAUSE);
            let kind = SourceErrorKind::RateLimited {
                retry_after: Some(pause),
            };
            Judgement {
                pause: Some(pause),
                ..judgement(error(kind), NextStep::TryInTurn, true)
            }
        }
        SourceErrorKind::Unavailable => Judgement {
            // 503 with Retry-After: no call of this tenant before then.
            pause: reply.retry_after(now),
            ..judgement(error(kind), NextStep::TryLater, false)
        },
        SourceErrorKind::OutcomeUnknown => judgement(error(kind), NextStep::GiveUp, false),
        SourceErrorKind::Misconfigured if matches!(refused, ReplyError::ByStatus) => {
            judgement(error(kind), NextStep::TryWithNewToken, true)
        }
        SourceErrorKind::TooBroad
        | SourceErrorKind::Refused
        | SourceErrorKind::Misconfigured
        | SourceErrorKind::Corrupt => judgement(error(kind), NextStep::GiveUp, true),
    }
}

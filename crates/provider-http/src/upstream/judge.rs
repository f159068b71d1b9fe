//! What a reply that is no answer says of the provider, and what may follow it.

use std::{sync::Arc, time::Duration};

use masthead_ports::source::{SourceError, SourceErrorKind};

use super::Upstream;
use crate::{
    breaker::Admission,
    call::{ProviderCall, ReplyError, note, rate_hint},
    client_credentials::AccessToken,
    reply::HttpReply,
};

/// How long a provider is left alone that says 429 without saying for how long.
pub(super) const UNNAMED_PAUSE: Duration = Duration::from_secs(1);

/// A try that failed, and what may follow.
pub(super) struct FailedAttempt {
    pub(super) error: SourceError,
    pub(super) then: NextStep,
}

pub(super) enum NextStep {
    /// The same call may be tried again after a pause.
    TryLater,
    /// The same call may be tried again when the budget lets it.
    TryInTurn,
    /// The token was refused, and a new one may be fetched.
    TryWithNewToken,
    /// The adapter has mended what was wrong with the request.
    TryMended,
    GiveUp,
}

pub(super) const fn give_up(error: SourceError) -> FailedAttempt {
    FailedAttempt {
        error,
        then: NextStep::GiveUp,
    }
}

impl Upstream {
    /// What a reply that the adapter cannot take for an answer says of the provider, and what may follow.
    pub(super) fn judge(
        &self,
        call: &ProviderCall,
        reply: &HttpReply,
        refusal: ReplyError,
        token: Option<&Arc<AccessToken>>,
        admission: Admission<'_>,
    ) -> FailedAttempt {
        let now = self.clock.now();
        let kind = match refusal {
            ReplyError::Unreadable(failure) => {
                note(admission, reply.status.is_success());
                return FailedAttempt {
                    error: failure.into_error(call.operation, call.effect),
                    then: NextStep::TryLater,
                };
            }
            ReplyError::For(kind) => kind,
            ReplyError::Mended(kind) => {
                admission.answered();
                return FailedAttempt {
                    error: SourceError::new(call.operation, kind),
                    then: NextStep::TryMended,
                };
            }
            ReplyError::ByStatus => reply.refusal(call.effect, now).unwrap_or(SourceErrorKind::Unavailable),
        };
        let provider_failed = matches!(kind, SourceErrorKind::Unavailable | SourceErrorKind::OutcomeUnknown);
        note(admission, !provider_failed);
        let mut error = SourceError::new(call.operation, kind);
        let then = match kind {
            SourceErrorKind::RateLimited { retry_after } => {
                let reset = rate_hint(reply, now.unix_timestamp()).reset;
                let pause = retry_after.or(reset).unwrap_or(UNNAMED_PAUSE);
                self.budget.pause(pause);
                error.kind = SourceErrorKind::RateLimited {
                    retry_after: Some(pause),
                };
                NextStep::TryInTurn
            }
            SourceErrorKind::Unavailable => {
                // 503 + Retry-After: nobody of this tenant calls before.
                if let Some(pause) = reply.retry_after(now) {
                    self.budget.pause(pause);
                }
                NextStep::TryLater
            }
            SourceErrorKind::Misconfigured if matches!(refusal, ReplyError::ByStatus) => {
                let renewed = self
                    .credentials
                    .as_ref()
                    .zip(token)
                    .is_some_and(|(credentials, token)| credentials.reject(token));
                if renewed {
                    NextStep::TryWithNewToken
                } else {
                    NextStep::GiveUp
                }
            }
            SourceErrorKind::TooBroad
            | SourceErrorKind::OutcomeUnknown
            | SourceErrorKind::Refused
            | SourceErrorKind::Misconfigured
            | SourceErrorKind::Corrupt => NextStep::GiveUp,
        };
        FailedAttempt { error, then }
    }
}

//! What a reply that is no answer says of the provider, and what may follow it.

use std::{sync::Arc, time::Duration};

use masthead_ports::source::{SourceError, SourceErrorKind};

use super::Upstream;
use crate::{
    breaker::Admission,
    call::{Call, Refusal, note, rate_hint},
    client_credentials::AccessToken,
    reply::Reply,
};

/// How long a provider is left alone that says 429 without saying for how long.
pub(super) const UNNAMED_PAUSE: Duration = Duration::from_secs(1);

/// A try that failed, and what may follow.
pub(super) struct Failed {
    pub(super) error: SourceError,
    pub(super) then: Then,
}

pub(super) enum Then {
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

pub(super) const fn give_up(error: SourceError) -> Failed {
    Failed {
        error,
        then: Then::GiveUp,
    }
}

impl Upstream {
    /// What a reply that the adapter cannot take for an answer says of the provider, and what may follow.
    pub(super) fn judge(
        &self,
        call: &Call,
        reply: &Reply,
        refusal: Refusal,
        token: Option<&Arc<AccessToken>>,
        admission: Admission<'_>,
    ) -> Failed {
        let now = self.clock.now();
        let kind = match refusal {
            Refusal::Unreadable(failure) => {
                note(admission, reply.status.is_success());
                return Failed {
                    error: failure.into_error(call.operation, call.effect),
                    then: Then::TryLater,
                };
            }
            Refusal::For(kind) => kind,
            Refusal::Mended(kind) => {
                admission.answered();
                return Failed {
                    error: SourceError::new(call.operation, kind),
                    then: Then::TryMended,
                };
            }
            Refusal::ByStatus => reply.refusal(call.effect, now).unwrap_or(SourceErrorKind::Unavailable),
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
                Then::TryInTurn
            }
            SourceErrorKind::Unavailable => {
                // 503 + Retry-After: nobody of this tenant calls before.
                if let Some(pause) = reply.retry_after(now) {
                    self.budget.pause(pause);
                }
                Then::TryLater
            }
            SourceErrorKind::Misconfigured if matches!(refusal, Refusal::ByStatus) => {
                let renewed = self
                    .credentials
                    .as_ref()
                    .zip(token)
                    .is_some_and(|(credentials, token)| credentials.reject(token));
                if renewed { Then::TryWithNewToken } else { Then::GiveUp }
            }
            SourceErrorKind::TooBroad
            | SourceErrorKind::OutcomeUnknown
            | SourceErrorKind::Refused
            | SourceErrorKind::Misconfigured
            | SourceErrorKind::Corrupt => Then::GiveUp,
        };
        Failed { error, then }
    }
}

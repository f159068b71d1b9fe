//! Why a provider's answer is unusable; the texts repeat nothing of it.

use masthead_ports::source::SourceErrorKind;
use masthead_provider_kit::{HttpError, ReplyError, TransportError};
use thiserror::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum GenericAnswerError {
    #[error("the answer's status is {0}")]
    Status(u16),
    /// Its status is one of `Retry.Statuses`.
    #[error("the answer's status is {0}, which means: retry later")]
    TryLater(u16),
    /// A JSON 404 that is not the configured not-found signal.
    #[error("the answer's status is {0}, which is not the NotFound signal: is the path right?")]
    NoSuchPath(u16),
    #[error(transparent)]
    Form(#[from] HttpError),
    /// The configured URL or path is wrong.
    #[error("the answer has no {expected} at the place in {setting}")]
    NotThere {
        setting: &'static str,
        expected: &'static str,
    },
    #[error("the envelope reports a failure{}", reported(*.code))]
    Failed {
        /// What the caller can do about it.
        kind: SourceErrorKind,
        /// The code, where it is a number of three digits.
        code: Option<u16>,
    },
    /// A not-found signal in answer to a list.
    #[error("the answer to a list is the NotFound signal: is the path right?")]
    Absent,
    #[error("the answer contains another user")]
    OtherUser,
    /// It has a user with an invalid or missing id.
    #[error("the answer has a user without a usable id at the place in Field.Id")]
    UnusableId,
    /// It has an unreadable row where every row must be known.
    #[error("the answer has a row that cannot be read")]
    UnreadableRow,
    /// Its total and its users, or its pages, contradict each other.
    #[error("the answer contradicts itself: its total, its users and its pages do not agree")]
    Contradiction,
}

fn reported(code: Option<u16>) -> String {
    code.map_or_else(String::new, |code| format!(" with code {code}"))
}

impl GenericAnswerError {
    pub(crate) const fn refusal(self) -> ReplyError {
        match self {
            Self::Status(_) => ReplyError::ByStatus,
            Self::TryLater(_) => ReplyError::For(SourceErrorKind::Unavailable),
            Self::NoSuchPath(_) | Self::Absent => ReplyError::For(SourceErrorKind::Misconfigured),
            Self::Form(failure) => ReplyError::Unreadable(failure),
            Self::NotThere { .. } => ReplyError::Unreadable(HttpError::sent(TransportError::BadJson)),
            Self::Failed { kind, .. } => ReplyError::For(kind),
            Self::OtherUser | Self::UnusableId | Self::UnreadableRow | Self::Contradiction => {
                ReplyError::For(SourceErrorKind::Corrupt)
            }
        }
    }

    /// The same for a write: what may have been done is of unknown outcome.
    pub(crate) const fn refusal_of_write(self) -> ReplyError {
        match self {
            Self::TryLater(_) => ReplyError::ByStatus,
            Self::Failed {
                kind: SourceErrorKind::Unavailable,
                ..
            } => ReplyError::For(SourceErrorKind::OutcomeUnknown),
            other => other.refusal(),
        }
    }
}

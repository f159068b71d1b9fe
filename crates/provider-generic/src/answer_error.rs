//! Why an answer of a directory is none, in words that repeat nothing of it.

use masthead_ports::source::SourceErrorKind;
use masthead_provider_kit::{HttpError, ReplyError, TransportError};
use thiserror::Error;

/// An answer that cannot be taken for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum GenericAnswerError {
    /// Its status says so.
    #[error("the answer's status is {0}")]
    Status(u16),
    /// Its status is one of `Retry.Statuses`.
    #[error("the answer's status is {0}, which asks to come back later")]
    TryLater(u16),
    /// It says in JSON that there is nothing at this path, and that is not the word for an absent user.
    #[error("the answer's status is {0}, which is not what NotFound describes: is the path right?")]
    NoSuchPath(u16),
    /// It is no JSON.
    #[error(transparent)]
    Form(#[from] HttpError),
    /// Something is not where the settings say.
    #[error("there is {expected} expected in the answer where {setting} says, and there is none")]
    NotThere {
        /// The setting with the pointer.
        setting: &'static str,
        /// What should be there.
        expected: &'static str,
    },
    /// Its envelope says that the call failed.
    #[error("the envelope says that the call failed{}", reported(*.code))]
    Failed {
        /// What the caller can do about it.
        kind: SourceErrorKind,
        /// The code, where it is a number of three digits.
        code: Option<u16>,
    },
    /// It says "nobody" where a list was asked for.
    #[error("the answer says that there is nobody, where a list was asked for: is the path right?")]
    Absent,
    /// It is about somebody else.
    #[error("the answer is about somebody else")]
    OtherUser,
    /// It has a user whose id cannot be one, or none.
    #[error("the answer has a user without a usable id where Field.Id says")]
    UnusableId,
    /// It has such a user where each must be known.
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
    /// What it means for the call.
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
}

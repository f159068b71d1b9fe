//! Why an answer of the far side is none, in words that repeat nothing of it.

use masthead_ports::source::SourceErrorKind;
use masthead_provider_kit::{HttpError, ReplyError, TransportError};
use thiserror::Error;

/// What makes an answer, or a user in it, unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RemoteAnswerError {
    /// Its status says so.
    #[error("the answer's status is {0}")]
    Status(u16),
    /// There is no such address or method there.
    #[error("the answer's status is {0}: is the address right, and the API?")]
    NoSuchPath(u16),
    /// The token was refused, and there is a newer one.
    #[error("the token was refused, and a newer one is at its place")]
    OldToken,
    /// The search is too broad for the far side.
    #[error("the far side says that the search is too broad")]
    TooBroad,
    /// The far side understood and will not.
    #[error("the far side refuses the request")]
    Refused,
    /// The far side itself does without one of its sources.
    #[error("the far side's own answer is incomplete")]
    Incomplete,
    /// It is no JSON.
    #[error(transparent)]
    Form(#[from] HttpError),
    /// It is JSON, but not what the API answers with.
    #[error("the answer is not of the API's form")]
    Shape,
    /// A user has an id, a name of a state, a time or metadata that cannot be.
    #[error("a user's {0} cannot be one")]
    Field(&'static str),
    /// It has users who do not meet what was asked for.
    #[error("the answer is about somebody else")]
    OtherUser,
    /// It has a row that cannot be read, where every row must be known.
    #[error("the answer has a row that cannot be read")]
    UnreadableRow,
    /// The same user occurs twice.
    #[error("the answer has a user twice")]
    Twice,
    /// It has fewer or more users than its total or its cursor leave room for.
    #[error("the answer contradicts itself: its users are not as many as it says")]
    Contradiction,
}

impl RemoteAnswerError {
    /// What it means for the call.
    pub(crate) const fn refusal(self) -> ReplyError {
        match self {
            Self::Status(_) => ReplyError::ByStatus,
            Self::NoSuchPath(_) => ReplyError::For(SourceErrorKind::Misconfigured),
            Self::OldToken => ReplyError::Corrected(SourceErrorKind::Misconfigured),
            Self::TooBroad => ReplyError::For(SourceErrorKind::TooBroad),
            Self::Refused => ReplyError::For(SourceErrorKind::Refused),
            Self::Incomplete => ReplyError::For(SourceErrorKind::Unavailable),
            Self::Form(failure) => ReplyError::Unreadable(failure),
            Self::Shape | Self::Field(_) => ReplyError::Unreadable(HttpError::sent(TransportError::BadJson)),
            Self::OtherUser | Self::UnreadableRow | Self::Twice | Self::Contradiction => {
                ReplyError::For(SourceErrorKind::Corrupt)
            }
        }
    }
}

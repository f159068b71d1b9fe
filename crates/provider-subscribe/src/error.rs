//! Why an answer of the remote API is unusable; the texts repeat nothing of it.

use masthead_ports::source::SourceErrorKind;
use masthead_provider_kit::{Effect, HttpError, ReplyError, TransportError};
use thiserror::Error;

/// What makes an answer, or a user in it, unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RemoteAnswerError {
    /// Classified by its status.
    #[error("the answer's status is {0}")]
    Status(u16),
    /// The remote API has no such path or method.
    #[error("the answer's status is {0}: are the URL and the API right?")]
    NoSuchPath(u16),
    /// The token was rejected, and a newer one is available.
    #[error("the token was rejected, and a newer one is available")]
    OldToken,
    /// The search is too broad for the remote API.
    #[error("the remote API reports that the search is too broad")]
    TooBroad,
    /// The remote API rejected the request.
    #[error("the remote API rejects the request")]
    Refused,
    /// One of the remote API's own sources is unavailable.
    #[error("the remote API's own answer is incomplete")]
    Incomplete,
    /// A write there is not settled yet.
    #[error("the remote API does not know yet whether the write was done")]
    Pending,
    /// It is no JSON.
    #[error(transparent)]
    Form(#[from] HttpError),
    /// It is JSON in another format than the API's.
    #[error("the answer's format is not the API's")]
    Shape,
    /// A user has an invalid id, state, time or metadata.
    #[error("a user's {0} is invalid")]
    Field(&'static str),
    /// It contains users who do not match the request.
    #[error("the answer contains another user")]
    OtherUser,
    /// It has a row that cannot be read, where every row must be known.
    #[error("the answer has a row that cannot be read")]
    UnreadableRow,
    /// The same user occurs twice.
    #[error("the answer has a user twice")]
    Twice,
    /// Its number of users does not match its total or cursor.
    #[error("the answer contradicts itself: its number of users does not match its total")]
    Contradiction,
}

impl RemoteAnswerError {
    pub(crate) const fn refusal(self, effect: Effect) -> ReplyError {
        let after_a_write = matches!(effect, Effect::Write);
        match self {
            Self::Pending => ReplyError::For(SourceErrorKind::OutcomeUnknown),
            Self::Incomplete if after_a_write => ReplyError::For(SourceErrorKind::OutcomeUnknown),
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

//! Answers that contradict the request or themselves.

use masthead_ports::source::{SourceError, SourceErrorKind, SourceName};
use thiserror::Error;

use crate::call::ReplyError;

/// Why an answer is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// It is about another user.
    #[error("the answer is about another user")]
    OtherUser,
    /// A user has an invalid id.
    #[error("the answer has a user with an unusable id")]
    UnusableId,
    /// A row is unreadable.
    #[error("the answer has a row that cannot be read")]
    UnreadableRow,
    /// A user has no identities, so that the tenant of the user is unknown.
    #[error("the answer has a user without identities")]
    NoIdentities,
    /// The numbers of a page contradict each other.
    #[error("the page contradicts itself")]
    Contradiction,
}

impl AnswerError {
    /// Logs the refusal once, without data of the answer, and returns the error of the source.
    #[must_use]
    pub fn refuse(self, source: SourceName, operation: &'static str) -> SourceError {
        self.log(source, operation);
        SourceError::with_cause(operation, SourceErrorKind::Corrupt, self)
    }

    /// Like [`Self::refuse`], for a reply that is being read.
    #[must_use]
    pub fn refuse_reply(self, source: SourceName, operation: &'static str) -> ReplyError {
        self.log(source, operation);
        ReplyError::For(SourceErrorKind::Corrupt)
    }

    fn log(self, source: SourceName, operation: &'static str) {
        tracing::error!(source.name = source, operation, flaw = %self, "the provider's answer is refused");
    }
}

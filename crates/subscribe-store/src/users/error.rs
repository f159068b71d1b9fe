//! Errors of writing users, and the time limits from which some of them follow.

use std::time::Instant;

use masthead_domain::tenant::PoolId;
use masthead_ports::{
    source::{CallContext, SourceError, SourceErrorKind},
    users::UserWriteError,
};

use crate::{
    database::Transaction,
    field_error::UnstorableFieldError,
    mirror::MirrorError,
    repeatable::STALE_TRIES,
    row::RowError,
    sqlstate::{PgErrorKind, redacted, source_error},
};

/// Why a write was not done, or may not have been.
#[derive(Debug, thiserror::Error)]
pub(super) enum PgWriteError {
    /// The database is unavailable.
    #[error("the database is unavailable")]
    Database(#[from] sqlx::Error),
    /// A row is corrupt.
    #[error(transparent)]
    Row(#[from] RowError),
    /// A value cannot be stored.
    #[error(transparent)]
    Field(#[from] UnstorableFieldError),
    /// The mirror cannot follow.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// The write is refused.
    #[error(transparent)]
    Refused(#[from] UserWriteError),
    /// Another request has claimed the idempotency key.
    #[error("another request has claimed the idempotency key")]
    KeyPassed,
    /// The intent was settled or abandoned, so that the write may have been done.
    #[error("the intent has ended")]
    IntentEnded,
    /// The call's deadline is over; nothing is written.
    #[error("the database did not answer in time")]
    Late,
    /// The deadline is over, or the connection broke, during the commit.
    #[error("the answer to the commit was lost")]
    CommitUnanswered,
    /// No free id was found.
    #[error("no number is free as an id")]
    NoFreeNumber,
}

impl PgWriteError {
    pub(super) fn into_write_error(self, operation: &'static str) -> UserWriteError {
        match self {
            Self::Refused(refused) => refused,
            Self::Field(UnstorableFieldError { field, problem }) => UserWriteError::Unstorable { field, problem },
            other => UserWriteError::Source(other.into_source_error(operation)),
        }
    }

    pub(super) fn into_source_error(self, operation: &'static str) -> SourceError {
        let kind = match self {
            Self::Database(error) => return source_error(operation)(error),
            Self::Mirror(error) => return MirrorError::to_source_error(operation)(error),
            Self::Refused(UserWriteError::Source(error)) => return error,
            Self::Refused(_) | Self::Field(_) => SourceErrorKind::Refused,
            Self::Row(_) => SourceErrorKind::Corrupt,
            Self::KeyPassed | Self::Late | Self::NoFreeNumber => SourceErrorKind::Unavailable,
            Self::IntentEnded | Self::CommitUnanswered => SourceErrorKind::OutcomeUnknown,
        };
        SourceError::with_cause(operation, kind, self)
    }
}

/// Gives work up at the call's deadline; its transaction must not have been committed. Work that met a stale statement is
/// done again: its transaction is rolled back, and the next one is on another connection.
pub(super) async fn in_time<T, F>(cx: &CallContext, work: impl Fn() -> F) -> Result<T, PgWriteError>
where
    F: Future<Output = Result<T, PgWriteError>>,
{
    let repeated = async {
        let mut done = work().await;
        for _ in 1..STALE_TRIES {
            match &done {
                Err(PgWriteError::Database(error)) if PgErrorKind::from_error(error) == PgErrorKind::StalePlan => {
                    done = work().await;
                }
                _ => break,
            }
        }
        done
    };
    tokio::time::timeout_at(cx.deadline.max(Instant::now()).into(), repeated)
        .await
        .unwrap_or(Err(PgWriteError::Late))
}

/// Commits a change of what reads of the pool return.
pub(super) async fn commit_write(cx: &CallContext, transaction: Transaction, pool: PoolId) -> Result<(), PgWriteError> {
    answered(cx, transaction.commit_write(pool)).await
}

/// Commits what no read of the pool returns.
pub(super) async fn commit(cx: &CallContext, transaction: Transaction) -> Result<(), PgWriteError> {
    answered(cx, transaction.commit()).await
}

async fn answered(
    cx: &CallContext,
    committed: impl Future<Output = Result<(), sqlx::Error>>,
) -> Result<(), PgWriteError> {
    match tokio::time::timeout_at(cx.deadline.into(), committed).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if PgErrorKind::from_error(&error) == PgErrorKind::Connection => {
            tracing::warn!(cause = %redacted(error), "the answer to a commit was lost");
            Err(PgWriteError::CommitUnanswered)
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(PgWriteError::CommitUnanswered),
    }
}

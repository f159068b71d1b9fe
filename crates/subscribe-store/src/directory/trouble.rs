//! What goes wrong while the directory is read or written.

use masthead_ports::{
    mirror::RunError,
    source::{SourceError, SourceErrorKind},
};

use crate::{record::InvalidField, row::BadRow, sqlstate::silence};

/// What goes wrong while the directory is read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The database gives no answer.
    #[error("the database gave no answer")]
    Database(#[from] sqlx::Error),
    /// A row does not hold what it must.
    #[error(transparent)]
    Row(#[from] BadRow),
    /// Two good sides make a user who cannot be kept.
    #[error(transparent)]
    Field(#[from] InvalidField),
    /// The run is another's.
    #[error("the run is another's")]
    Lost,
    /// A write took longer than it may.
    #[error("no answer in time")]
    Late,
    /// So did what only reads.
    #[error("no answer in time")]
    LateToRead,
}

impl Trouble {
    /// What the caller of a source is told.
    pub(crate) fn of(operation: &'static str) -> impl Fn(Self) -> SourceError {
        move |trouble| match trouble {
            Self::Database(error) => silence(operation)(error),
            Self::Late => SourceError::with_cause(operation, SourceErrorKind::OutcomeUnknown, trouble),
            Self::LateToRead => SourceError::with_cause(operation, SourceErrorKind::Unavailable, trouble),
            Self::Row(_) | Self::Field(_) | Self::Lost => {
                SourceError::with_cause(operation, SourceErrorKind::Corrupt, trouble)
            }
        }
    }

    /// What the caller of a run is told.
    pub(super) fn of_run(operation: &'static str) -> impl Fn(Self) -> RunError {
        move |trouble| match trouble {
            Self::Lost => RunError::Lost,
            other => RunError::Source(Self::of(operation)(other)),
        }
    }
}

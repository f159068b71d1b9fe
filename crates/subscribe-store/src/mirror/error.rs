//! Errors of reading and writing the mirror.

use masthead_ports::{
    mirror::RunError,
    source::{SourceError, SourceErrorKind},
};

use crate::{field_error::UnstorableFieldError, row::RowError, sqlstate::source_error};

/// Why the mirror could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MirrorError {
    /// The database is unavailable.
    #[error("the database is unavailable")]
    Database(#[from] sqlx::Error),
    /// A row is corrupt.
    #[error(transparent)]
    Row(#[from] RowError),
    /// Two valid accounts merge into a user who cannot be stored.
    #[error(transparent)]
    Field(#[from] UnstorableFieldError),
    /// Another holder has taken over the run.
    #[error("another holder has taken over the run")]
    Lost,
    /// A write exceeded its time limit: its outcome is unknown.
    #[error("the database did not answer in time")]
    WriteTimeout,
    /// A read exceeded its time limit.
    #[error("the database did not answer in time")]
    ReadTimeout,
}

impl MirrorError {
    pub(crate) fn to_source_error(operation: &'static str) -> impl Fn(Self) -> SourceError {
        move |trouble| match trouble {
            Self::Database(error) => source_error(operation)(error),
            Self::WriteTimeout => SourceError::with_cause(operation, SourceErrorKind::OutcomeUnknown, trouble),
            Self::ReadTimeout => SourceError::with_cause(operation, SourceErrorKind::Unavailable, trouble),
            Self::Row(_) | Self::Field(_) | Self::Lost => {
                SourceError::with_cause(operation, SourceErrorKind::Corrupt, trouble)
            }
        }
    }

    pub(super) fn to_run_error(operation: &'static str) -> impl Fn(Self) -> RunError {
        move |trouble| match trouble {
            Self::Lost => RunError::Lost,
            other => RunError::Source(Self::to_source_error(operation)(other)),
        }
    }
}

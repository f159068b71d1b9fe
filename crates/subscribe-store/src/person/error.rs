//! Why a source of a report cannot be read.

use masthead_ports::source::{SourceError, SourceErrorKind};

use crate::{row::RowError, sqlstate::source_error};

/// The name of the reads in errors.
pub(super) const OPERATION: &str = "person records";

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum PersonError {
    #[error("the database is unavailable")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Row(#[from] RowError),
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl PersonError {
    pub(super) fn into_source_error(self) -> SourceError {
        match self {
            Self::Database(error) => source_error(OPERATION)(error),
            Self::Row(error) => SourceError::with_cause(OPERATION, SourceErrorKind::Corrupt, error),
            Self::Source(error) => error,
        }
    }
}

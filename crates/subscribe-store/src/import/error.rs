//! Why an import stops.

use thiserror::Error;

use crate::{field_error::UnstorableFieldError, mirror::MirrorError, sqlstate::redacted};

use super::result::Imported;

/// What is wrong with a line. Values are never contained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ImportLineError {
    /// The line is not a JSON object of known fields.
    #[error("not a JSON object of the known fields ({0})")]
    Malformed(&'static str),
    /// A field cannot be stored.
    #[error(transparent)]
    Field(#[from] UnstorableFieldError),
    /// The id occurs twice in the batch.
    #[error("customerRegistrationId: occurs twice")]
    CridTwice,
    /// The address is used by another registration or line, where it must be unique.
    #[error("email: in use by another registration")]
    EmailTaken,
}

/// A stopped import. The registrations counted in [`Self::before`] are stored; a repeated import skips them.
#[derive(Debug, Error)]
#[error("{reason}")]
pub struct ImportError {
    /// What was stored before the error.
    pub before: Imported,
    /// The reason.
    #[source]
    pub reason: ImportStopError,
}

/// Why an import stopped.
#[derive(Debug, Error)]
pub enum ImportStopError {
    /// A line is rejected, with its whole batch.
    #[error("line {line}: {problem}")]
    Line {
        /// The line number, from 1.
        line: u64,
        /// What is wrong with the line.
        problem: ImportLineError,
    },
    /// The lines could not be read.
    #[error("line {line} cannot be read")]
    Read {
        /// The line number, from 1.
        line: u64,
        /// The I/O error.
        #[source]
        source: std::io::Error,
    },
    /// The database is unavailable.
    #[error("the database is unavailable")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<MirrorError> for ImportStopError {
    fn from(trouble: MirrorError) -> Self {
        match trouble {
            MirrorError::Database(error) => error.into(),
            other => Self::Database(Box::new(other)),
        }
    }
}

impl From<sqlx::Error> for ImportStopError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(redacted(error))
    }
}

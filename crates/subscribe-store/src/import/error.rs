//! Why an import stops.

use thiserror::Error;

use super::result::Imported;
use crate::{
    mirror::MirrorError,
    row,
    sqlstate::{PgErrorKind, redacted},
};

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
    /// The database is unavailable.
    #[error("the database is unavailable")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Other writers take ids or addresses of the batch again and again.
    #[error("concurrent writes take the ids or addresses of the batch")]
    Contention,
    /// The database server has crashed meanwhile, which empties the table in which the hashes are put aside.
    #[error("the database has lost the hashes of the second file; start the import again")]
    HashesLost,
    /// Another process has gone on with the run, or has ended it.
    #[error("another process has gone on with this import")]
    RunTaken,
}

/// Why a batch was not written.
pub(super) enum BatchError {
    /// A concurrent write outside of any import has taken an id or address.
    Conflict,
    /// The import stops.
    Stop(ImportStopError),
}

impl From<sqlx::Error> for ImportStopError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(redacted(error))
    }
}

impl From<row::RowError> for ImportStopError {
    fn from(error: row::RowError) -> Self {
        Self::Database(Box::new(error))
    }
}

impl From<sqlx::Error> for BatchError {
    fn from(error: sqlx::Error) -> Self {
        match PgErrorKind::from_error(&error) {
            PgErrorKind::CridTaken | PgErrorKind::EmailTaken | PgErrorKind::Contention => Self::Conflict,
            _ => Self::Stop(error.into()),
        }
    }
}

impl From<ImportStopError> for BatchError {
    fn from(error: ImportStopError) -> Self {
        Self::Stop(error)
    }
}

impl From<MirrorError> for BatchError {
    fn from(trouble: MirrorError) -> Self {
        match trouble {
            MirrorError::Database(error) => error.into(),
            other => Self::Stop(ImportStopError::Database(Box::new(other))),
        }
    }
}

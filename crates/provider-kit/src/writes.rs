//! The errors of writes at a provider, and of checks of passwords.

use std::error::Error;

use masthead_ports::{
    accounts::WriteError,
    source::{SourceError, SourceErrorKind},
};

/// The error of a write that was not done: a refusal is an answer, other errors leave the provider without one.
#[must_use]
pub fn not_written(error: SourceError) -> WriteError {
    match error.kind {
        SourceErrorKind::Refused => WriteError::Refused { message: None },
        _ => WriteError::Source(error),
    }
}

/// The error of a write that was done, at least in part, and whose result is unknown.
#[must_use]
pub fn outcome_unknown(operation: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> WriteError {
    SourceError::with_cause(operation, SourceErrorKind::OutcomeUnknown, cause).into()
}

/// The error of a check of a password, which is called like a write so that it is tried once: nothing was to be changed, so
/// an unknown outcome is no answer like any other.
#[must_use]
pub fn not_answered(error: SourceError) -> SourceError {
    match error.kind {
        SourceErrorKind::OutcomeUnknown => {
            SourceError::with_cause(error.operation, SourceErrorKind::Unavailable, error)
        }
        _ => error,
    }
}

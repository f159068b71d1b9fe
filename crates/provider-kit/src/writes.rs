//! The errors of writes at a provider.

use std::error::Error;

use masthead_ports::{
    accounts::WriteError,
    source::{SourceError, SourceErrorKind},
};

/// The error of a write that was not done: a refusal is an answer, other errors leave the provider without one.
#[must_use]
pub fn not_written(error: SourceError) -> WriteError {
    match error.kind {
        SourceErrorKind::Refused => WriteError::Refused { told: None },
        _ => WriteError::Silent(error),
    }
}

/// The error of a write that was done, at least in part, and whose result is unknown.
#[must_use]
pub fn outcome_unknown(operation: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> WriteError {
    SourceError::because(operation, SourceErrorKind::OutcomeUnknown, cause).into()
}

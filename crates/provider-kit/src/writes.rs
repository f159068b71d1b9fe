//! What writes at providers share: their errors, and the password of an account that gets none.

use std::error::Error;

use masthead_ports::{
    accounts::WriteError,
    passwords::PlainPassword,
    source::{SourceError, SourceErrorKind},
};
use ring::rand::{SystemRandom, generate};

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

/// What a look-up after a successful write has found; without a usable answer the state of the account is unknown.
///
/// # Errors
/// The look-up failed, or the provider has no such user any more.
pub fn found_after_write<T>(operation: &'static str, found: Result<Option<T>, SourceError>) -> Result<T, WriteError> {
    let found = found.map_err(|error| outcome_unknown(operation, error))?;
    found.ok_or(WriteError::NoSuchUser)
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

/// A password of 128 random bits with every kind of character, for a provider that requires one; it is kept nowhere.
///
/// # Errors
/// The system gives no random bytes; then nothing was sent.
pub fn random_password(operation: &'static str) -> Result<PlainPassword, SourceError> {
    let random = generate::<[u8; 16]>(&SystemRandom::new())
        .map_err(|_| SourceError::new(operation, SourceErrorKind::Unavailable))?;
    let number = u128::from_be_bytes(random.expose());
    Ok(PlainPassword::new(format!("Aa1-{number:032x}")))
}

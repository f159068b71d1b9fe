//! A number that every row of an answer carries, so that no other statement's rows are taken for it (ADR 0086).

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
};

use masthead_ports::source::{SourceError, SourceErrorKind};
use sqlx::postgres::PgRow;
use thiserror::Error;

use crate::row;

/// The number of one question. No other of any process has it, but by a chance of one in 2^63.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Question(i64);

/// Rows, or the lack of one, that cannot be the answer to the question: the connection is not to be trusted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Foreign {
    #[error("a row was read that answers another question")]
    Row,
    #[error("the row that ends every answer is missing")]
    Missing,
}

impl Question {
    pub(crate) fn new() -> Self {
        // Every `RandomState` has keys of its own.
        Self((RandomState::new().build_hasher().finish() >> 1).cast_signed())
    }

    pub(crate) const fn number(self) -> i64 {
        self.0
    }

    /// Whether a row with this number is of this question.
    ///
    /// # Errors
    /// It is not, as an error of the connection.
    pub(crate) fn check(self, number: i64) -> Result<(), sqlx::Error> {
        if number == self.0 {
            Ok(())
        } else {
            Err(Foreign::Row.into())
        }
    }

    /// Whether all of these rows, whose first column is the number, are of this question.
    pub(crate) fn verify(self, rows: &[PgRow]) -> Result<(), Foreign> {
        let is_ours = |row| row::number(row, 0, "question").is_ok_and(|number| number == self.0);
        if rows.iter().all(is_ours) {
            Ok(())
        } else {
            Err(Foreign::Row)
        }
    }
}

/// As after a conversation that broke off.
impl From<Foreign> for sqlx::Error {
    fn from(foreign: Foreign) -> Self {
        tracing::error!(reason = %foreign, "an answer was refused");
        Self::Protocol(foreign.to_string())
    }
}

impl Foreign {
    /// The store's silence, not its word: the same again, on another connection, may well have an answer.
    pub(crate) fn silence(self, operation: &'static str) -> SourceError {
        tracing::error!(reason = %self, operation, "an answer was refused");
        SourceError::with_cause(operation, SourceErrorKind::Unavailable, self)
    }
}

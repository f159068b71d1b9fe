//! A tag in every row of an answer, so that rows of another statement are never taken for it (ADR 0086).

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
};

use masthead_ports::source::{SourceError, SourceErrorKind};
use sqlx::{Row as _, postgres::PgRow};
use thiserror::Error;

/// The random tag of one query; two queries share one with a chance of 1 in 2^63.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueryTag(i64);

/// The rows, or their absence, are not an answer to the query: the connection cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum ForeignRowError {
    #[error("a row belongs to another query")]
    Row,
    #[error("the row that every answer has is missing")]
    Missing,
}

impl QueryTag {
    pub(crate) fn new() -> Self {
        // Each `RandomState` has its own random keys.
        Self((RandomState::new().build_hasher().finish() >> 1).cast_signed())
    }

    pub(crate) const fn number(self) -> i64 {
        self.0
    }

    /// Checks that a row with this tag belongs to the query.
    ///
    /// # Errors
    /// It does not, as a connection error.
    pub(crate) fn check(self, number: i64) -> Result<(), sqlx::Error> {
        if number == self.0 {
            Ok(())
        } else {
            Err(ForeignRowError::Row.into())
        }
    }

    /// Checks that all rows, whose first column is the tag, belong to the query.
    pub(crate) fn verify(self, rows: &[PgRow]) -> Result<(), ForeignRowError> {
        let has_tag = |row: &PgRow| row.try_get_unchecked::<i64, _>(0).is_ok_and(|number| number == self.0);
        if rows.iter().all(has_tag) {
            Ok(())
        } else {
            Err(ForeignRowError::Row)
        }
    }
}

/// As after a broken connection.
impl From<ForeignRowError> for sqlx::Error {
    fn from(foreign: ForeignRowError) -> Self {
        tracing::error!(reason = %foreign, "an answer was rejected");
        Self::Protocol(foreign.to_string())
    }
}

impl ForeignRowError {
    /// Unavailable, not absent: a retry on another connection may succeed.
    pub(crate) fn to_source_error(self, operation: &'static str) -> SourceError {
        tracing::error!(reason = %self, operation, "an answer was rejected");
        SourceError::with_cause(operation, SourceErrorKind::Unavailable, self)
    }
}

//! Statements that can be executed more than once.

use sqlx::{
    Execute, Postgres, SqlStr,
    error::BoxDynError,
    postgres::{PgArguments, PgStatement},
};

/// How often work is tried when prepared statements no longer fit the schema; after the first failure all older connections of
/// its pool are replaced.
pub(crate) const STALE_TRIES: usize = 3;

/// A statement with its values, which can be executed more than once.
#[derive(Clone)]
pub(crate) struct Repeatable {
    pub(crate) sql: SqlStr,
    arguments: Option<PgArguments>,
    /// Whether the statement gets a name, and is kept by its connection.
    pub(crate) is_persistent: bool,
}

impl Repeatable {
    pub(crate) fn new<'q>(mut query: impl Execute<'q, Postgres>) -> Result<Self, sqlx::Error> {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
        let is_persistent = query.persistent();
        Ok(Self {
            sql: query.sql(),
            arguments,
            is_persistent,
        })
    }

    /// Whether it is executed by the extended protocol, which reports its end before it commits.
    pub(crate) const fn has_values(&self) -> bool {
        self.arguments.is_some()
    }
}

impl Execute<'_, Postgres> for Repeatable {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&PgStatement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.is_persistent
    }
}

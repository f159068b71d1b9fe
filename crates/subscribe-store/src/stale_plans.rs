//! Connections whose prepared statements no longer fit the schema, after a migration beside this server.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{
    Execute, Postgres, SqlStr,
    error::BoxDynError,
    postgres::{PgArguments, PgStatement},
};

/// How often a statement is tried when plans are stale; after the first failure all older connections of its pool are replaced.
pub(crate) const STALE_TRIES: usize = 3;

/// When a stale plan was last met in a pool.
#[derive(Clone, Default)]
pub(crate) struct StalePlans(Arc<Mutex<Option<Instant>>>);

impl StalePlans {
    /// From now on, connections that are open are not used again.
    pub(crate) fn met(&self) {
        tracing::info!("prepared statements no longer fit the schema: connections are replaced");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection of this age was opened before.
    pub(crate) fn affect(&self, age: Duration) -> bool {
        let met = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        met.is_some_and(|met| met.elapsed() <= age)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_opened_before_are_affected() {
        let plans = StalePlans::default();
        assert!(!plans.affect(Duration::from_hours(1)));
        plans.met();
        assert!(plans.affect(Duration::from_hours(1)));
        std::thread::sleep(Duration::from_millis(1));
        assert!(!plans.affect(Duration::ZERO));
    }
}

//! Connections that are not used again once they are older than a change of the database.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::sqlstate::{PgErrorKind, is_read_only};

/// When the connections of a pool were last found outdated: a migration has changed the columns of a prepared statement, which
/// then fails on its connection for ever, or the server has stopped to accept writes.
#[derive(Clone)]
pub(crate) struct OlderConnections {
    replaced: Arc<Mutex<Option<Instant>>>,
    /// Whether new connections lead to a server that accepts writes.
    must_write: bool,
}

impl OlderConnections {
    pub(crate) fn new(must_write: bool) -> Self {
        Self {
            replaced: Arc::default(),
            must_write,
        }
    }

    /// Replaces the connections if another one may do better after this error.
    pub(crate) fn replace_after(&self, error: &sqlx::Error) {
        if PgErrorKind::from_error(error) == PgErrorKind::StalePlan || self.must_write && is_read_only(error) {
            self.replace();
        }
    }

    /// From now on, connections that are open are not used again.
    pub(crate) fn replace(&self) {
        *self.replaced.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection of this age is one of them.
    pub(crate) fn include(&self, age: Duration) -> bool {
        let replaced = *self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        replaced.is_some_and(|replaced| replaced.elapsed() <= age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_opened_before_are_replaced() {
        let older = OlderConnections::new(false);
        assert!(!older.include(Duration::from_hours(1)));
        older.replace();
        assert!(older.include(Duration::from_hours(1)));
        std::thread::sleep(Duration::from_millis(1));
        assert!(!older.include(Duration::ZERO));
    }
}

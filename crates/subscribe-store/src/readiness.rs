//! Whether the database is available, takes writes, and is at the version of this program.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use masthead_ports::readiness::Readiness;

use crate::{
    database::PgDatabase,
    schema::{self, SchemaError},
};

const TIME_LIMIT: Duration = Duration::from_millis(1500);

/// The database's readiness.
pub struct PgReadiness {
    pool: PgDatabase,
    /// Checked once: a schema that was right stays right.
    version_seen: AtomicBool,
}

impl PgReadiness {
    pub(crate) const fn new(pool: PgDatabase) -> Self {
        Self {
            pool,
            version_seen: AtomicBool::new(false),
        }
    }

    async fn answers(&self) -> Result<(), &'static str> {
        if !self.version_seen.load(Ordering::Relaxed) {
            match schema::check(&self.pool).await {
                Ok(()) => self.version_seen.store(true, Ordering::Relaxed),
                Err(SchemaError::Pooler(_)) => return Err("a connection pooler is set up wrongly"),
                Err(error) if error.is_other_schema() => return Err("wrong schema version"),
                Err(_) => return Err("unavailable"),
            }
        }
        self.takes_writes().await
    }

    /// Whether a write would be tried at all: not on a standby, and not where transactions are read-only, which is how some
    /// operators and hosting services stop writes on a full disk.
    async fn takes_writes(&self) -> Result<(), &'static str> {
        let state: Result<(bool, String), _> =
            sqlx::query_as("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')")
                .persistent(false)
                .fetch_one(&self.pool)
                .await;
        match state {
            Err(_) => Err("unavailable"),
            Ok((true, _)) => Err("a standby, which takes no writes"),
            Ok((false, read_only)) if read_only == "on" => Err("read-only (default_transaction_read_only)"),
            Ok((false, _)) => Ok(()),
        }
    }
}

#[async_trait]
impl Readiness for PgReadiness {
    fn name(&self) -> &'static str {
        "database"
    }

    async fn check(&self) -> Result<(), &'static str> {
        tokio::time::timeout(TIME_LIMIT, self.answers())
            .await
            .unwrap_or(Err("no answer in time"))
    }
}

//! Whether the database is available and at the version of this program.

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
        if self.version_seen.load(Ordering::Relaxed) {
            let one = sqlx::query("SELECT 1").persistent(false).execute(&self.pool).await;
            return one.map(|_| ()).map_err(|_| "unavailable");
        }
        match schema::check(&self.pool).await {
            Ok(()) => {
                self.version_seen.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(SchemaError::Pooler(_)) => Err("a connection pooler is set up wrongly"),
            Err(error) if error.is_other_schema() => Err("wrong schema version"),
            Err(_) => Err("unavailable"),
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

//! Planner statistics after an import.

use sqlx::Connection as _;

use super::{error::ImportStopError, parts::ImportParts};
use crate::totals;

impl ImportParts {
    /// A growing table has no statistics until autovacuum runs; until then the planner may look up ids by any index on the
    /// pool, and read all of it for each. Statistics of a table that had more rows than were added are still good.
    pub(super) async fn take_statistics(&self, inserted: u64) -> Result<(), ImportStopError> {
        if !self.keeps {
            return Ok(());
        }
        // -1 if none were ever taken.
        let counted = sqlx::query_scalar!(
            r#"SELECT reltuples::bigint AS "rows!" FROM pg_class WHERE oid = 'registrations'::regclass"#
        )
        .fetch_one(&self.pool)
        .await?;
        if i64::try_from(inserted).is_ok_and(|inserted| inserted <= counted) {
            return Ok(());
        }
        self.at_leisure("SELECT take_user_statistics()").await
    }

    /// Vacuums and analyses the tables that an import fills.
    pub(super) async fn tidy(&self) -> Result<(), ImportStopError> {
        if !self.keeps {
            return Ok(());
        }
        totals::fold_all(&self.pool).await?;
        let is_owner = sqlx::query_scalar!(
            r#"SELECT pg_has_role(relowner, 'USAGE') AS "owner!" FROM pg_class WHERE oid = 'registrations'::regclass"#
        );
        if !is_owner.fetch_one(&self.pool).await? {
            // Autovacuum does the rest.
            return self.at_leisure("SELECT take_user_statistics()").await;
        }
        self.at_leisure(
            "VACUUM (ANALYZE, SKIP_LOCKED) registrations, mirror_entries, registration_totals, mirror_totals",
        )
        .await
    }

    /// Runs a statement without a time limit: it reads a large table once. `VACUUM` cannot run in a transaction; sent as one
    /// simple-protocol message it passes a pooler.
    async fn at_leisure(&self, statement: &'static str) -> Result<(), ImportStopError> {
        let mut connection = self.maintenance.connect().await?;
        sqlx::raw_sql(statement).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }
}

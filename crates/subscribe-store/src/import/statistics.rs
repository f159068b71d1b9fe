//! What an import tells the planner of the rows that it brought.

use sqlx::Connection as _;

use super::{ImportStop, Importer};

impl Importer {
    /// A table that fills has no statistics until autovacuum comes by; until then the planner may look known ids up by any
    /// index of the pool, and read all of it for each. A table that had more rows than were added has statistics that hold.
    pub(super) async fn take_statistics(&self, inserted: u64) -> Result<(), ImportStop> {
        if !self.keeps {
            return Ok(());
        }
        // Minus one where none were ever taken.
        let counted = sqlx::query_scalar!(
            r#"SELECT reltuples::bigint AS "rows!" FROM pg_class WHERE oid = 'registrations'::regclass"#
        )
        .fetch_one(&self.pool)
        .await?;
        if i64::try_from(inserted).is_ok_and(|inserted| inserted <= counted) {
            return Ok(());
        }
        self.at_leisure("ANALYZE (SKIP_LOCKED) registrations, directory_entries")
            .await
    }

    /// Marks the new rows as visible to all, takes statistics, and merges what waits in the index of tokens, which
    /// autovacuum would do a minute later: for the end of an import that came in many parts. A long one does so itself.
    ///
    /// # Errors
    /// The database gives no answer.
    pub async fn tidy(&self) -> Result<(), ImportStop> {
        if !self.keeps {
            return Ok(());
        }
        self.at_leisure("VACUUM (ANALYZE, SKIP_LOCKED) registrations, directory_entries")
            .await
    }

    /// Runs a statement that may take as long as it takes: it reads a large table once. `VACUUM` refuses a transaction; as
    /// one message of the simple protocol it goes whole through a pooler, and without a limit of ours.
    async fn at_leisure(&self, statement: &'static str) -> Result<(), ImportStop> {
        let mut connection = self.maintenance.connect().await?;
        sqlx::raw_sql(statement).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }
}

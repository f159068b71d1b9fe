//! The statements of the watch, and what they return.

use std::time::Duration;

use sqlx::{PgConnection, Row as _, postgres::PgRow};
use tokio::time::timeout;

use crate::connect::Connector;

/// How long a server may take to answer. With the interval of the watch, one that stalls is left within a second.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);
/// How long a connection may take to open: nothing is read from the server meanwhile.
const CONNECTS_WITHIN: Duration = Duration::from_secs(2);

/// One message of the simple protocol, so that a pooler cannot split it; values are text.
const PRIMARY: &str = "SELECT CASE WHEN pg_is_in_recovery() THEN NULL \
                              ELSE (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint END, \
                       current_setting('wal_block_size')::bigint, pg_size_bytes(current_setting('wal_segment_size')), \
                       (SELECT system_identifier FROM pg_control_system()), pg_postmaster_start_time()::text";
const REPLICA: &str = "SELECT CASE WHEN pg_is_in_recovery() THEN \
                              (coalesce(pg_last_wal_replay_lsn(), '0/0') - '0/0'::pg_lsn)::bigint END, \
                       (SELECT system_identifier FROM pg_control_system()), pg_postmaster_start_time()::text";

/// A run of a server: two connections with the same value lead to the same server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerIdentity {
    /// The same for all copies of a cluster.
    pub(super) cluster: i64,
    /// When the server started, to the microsecond.
    started: String,
}

/// What the primary shows.
pub(super) struct PrimaryPosition {
    /// The end of its log; `None` for a server in recovery.
    pub(super) position: Option<u64>,
    pub(super) identity: ServerIdentity,
}

/// What a replica shows.
pub(super) struct ReplicaPosition {
    /// The end of what it has replayed; `None` for a server that is not in recovery.
    pub(super) replayed: Option<u64>,
    pub(super) identity: ServerIdentity,
}

/// A connection of a watch, reopened after a failure.
pub(super) struct WatchedServer {
    connector: Connector,
    connection: Option<PgConnection>,
}

impl WatchedServer {
    pub(super) const fn new(connector: Connector) -> Self {
        Self {
            connector,
            connection: None,
        }
    }

    pub(super) async fn primary(&mut self) -> Result<PrimaryPosition, sqlx::Error> {
        let row = self.row(PRIMARY).await?;
        let (block, segment) = (position(row.try_get(1)?), position(row.try_get(2)?));
        let inserted: Option<i64> = row.try_get(0)?;
        Ok(PrimaryPosition {
            position: inserted.map(|inserted| record_end(position(inserted), block, segment)),
            identity: ServerIdentity {
                cluster: row.try_get(3)?,
                started: row.try_get(4)?,
            },
        })
    }

    pub(super) async fn replica(&mut self) -> Result<ReplicaPosition, sqlx::Error> {
        let row = self.row(REPLICA).await?;
        let replayed: Option<i64> = row.try_get(0)?;
        Ok(ReplicaPosition {
            replayed: replayed.map(position),
            identity: ServerIdentity {
                cluster: row.try_get(1)?,
                started: row.try_get(2)?,
            },
        })
    }

    async fn row(&mut self, statement: &'static str) -> Result<PgRow, sqlx::Error> {
        // Taken out of `self` during use: a failed or late one is dropped.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => in_time(CONNECTS_WITHIN, self.connector.connect()).await?,
        };
        let row = in_time(ANSWERS_WITHIN, sqlx::raw_sql(statement).fetch_one(&mut connection)).await?;
        self.connection = Some(connection);
        Ok(row)
    }
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(limit, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

const fn position(number: i64) -> u64 {
    number.cast_unsigned()
}

/// The end of the last record, for a position at which the next record is inserted. The two differ after a record that ends
/// with a page: the next one begins after the header of the next page, which is longer for the first page of a segment
/// (`SizeOfXLogShortPHD` and `SizeOfXLogLongPHD` in PostgreSQL's `xlog_internal.h`). Without this a replica of an idle
/// primary may never reach its position.
const fn record_end(inserted: u64, block: u64, segment: u64) -> u64 {
    const SHORT_HEADER: u64 = 24;
    const LONG_HEADER: u64 = 40;
    if block == 0 || segment == 0 {
        return inserted;
    }
    if inserted % segment == LONG_HEADER {
        inserted - LONG_HEADER
    } else if inserted % segment > block && inserted % block == SHORT_HEADER {
        inserted - SHORT_HEADER
    } else {
        inserted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_header_is_not_part_of_the_record() {
        const SEGMENT: u64 = 16 << 20;
        let end = |inserted| record_end(inserted, 8192, SEGMENT);
        assert_eq!(end(SEGMENT + 3 * 8192 + 24), SEGMENT + 3 * 8192);
        assert_eq!(end(2 * SEGMENT + 40), 2 * SEGMENT);
        for unchanged in [
            SEGMENT + 3 * 8192 + 40,
            SEGMENT + 3 * 8192 + 32,
            SEGMENT + 100,
            2 * SEGMENT,
            0,
        ] {
            assert_eq!(end(unchanged), unchanged, "{unchanged}");
        }
    }
}

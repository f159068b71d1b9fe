//! The partitions of the audit log: added ahead, summarised, and dropped when their rows may go (ADR 0126).

use std::collections::BTreeSet;

use masthead_domain::settings::EventDays;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use time::{Date, Duration};

use crate::{
    connect::Connector,
    settings_json,
    sqlstate::{is_undefined_table, redacted},
};

/// How far ahead partitions are added: the server may be away for so long.
const AHEAD: Duration = Duration::days(31);

/// Adds, summarises and drops the partitions of the audit log.
#[derive(Clone)]
pub struct EventPartitions {
    pub(crate) connect: Connector,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PartitionsKept {
    /// New partitions.
    pub added: usize,
    /// Partitions whose rows have all expired.
    pub dropped: usize,
}

/// Why the partitions cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("the partitions of the audit log cannot be kept")]
pub struct EventPartitionsError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl EventPartitions {
    /// Does what is due on this day. Several servers may do so at once.
    ///
    /// # Errors
    /// The database is unavailable, or its role does not own the tables.
    pub async fn keep(&self, today: Date) -> Result<PartitionsKept, EventPartitionsError> {
        let kept = async {
            let mut connection = self.connect.connect().await?;
            let kept = self.keep_on(&mut connection, today).await?;
            connection.close().await?;
            Ok(kept)
        };
        kept.await
            .map_err(|error: sqlx::Error| EventPartitionsError(redacted(error)))
    }

    async fn keep_on(&self, connection: &mut PgConnection, today: Date) -> Result<PartitionsKept, sqlx::Error> {
        let mut kept = PartitionsKept::default();
        // Statements with parameters are in transactions: a pooler may send the messages of others to different servers.
        let mut transaction = self.connect.begin_on(connection).await?;
        let retentions = retentions(&mut transaction).await?;
        let mut months = months_of_default(&mut transaction, first_of_month(today)).await?;
        transaction.commit().await?;
        for days in &retentions {
            let expires = today + Duration::days(i64::from(*days));
            months.extend([expires, expires + AHEAD].map(first_of_month));
        }
        for month in months {
            let mut transaction = self.connect.begin_on(connection).await?;
            let added: bool = sqlx::query_scalar("SELECT add_event_partition($1)")
                .bind(month)
                .persistent(false)
                .fetch_one(&mut *transaction)
                .await?;
            transaction.commit().await?;
            kept.added += usize::from(added);
        }
        let longest = retentions.last().copied().unwrap_or(EventDays::default().0);
        let mut transaction = self.connect.begin_on(connection).await?;
        // A row for each start of a process: few.
        sqlx::query("DELETE FROM event_writers WHERE flushed_at < $1")
            .bind((today - Duration::days(i64::from(longest))).midnight().assume_utc())
            .persistent(false)
            .execute(&mut *transaction)
            .await?;
        let partitions = partitions(&mut transaction).await?;
        transaction.commit().await?;
        for partition in partitions {
            let done = if partition.may_go(today, longest) {
                let dropped = self.drop_partition(connection, &partition.name).await;
                kept.dropped += usize::from(dropped.is_ok());
                dropped
            } else {
                self.index(connection, &partition).await
            };
            // Another server may have dropped it meanwhile.
            if !done.as_ref().is_err_and(is_undefined_table) {
                done?;
            }
        }
        Ok(kept)
    }

    /// Waits only shortly for the lock: every writer of events waits behind it.
    async fn drop_partition(&self, connection: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
        let mut transaction = self.connect.begin_on(connection).await?;
        let drop = format!("SELECT drop_event_partition('{name}')");
        for statement in ["SET LOCAL lock_timeout = 2000".to_owned(), drop] {
            sqlx::query(AssertSqlSafe(statement))
                .persistent(false)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }

    /// Summarises new blocks; gives the rows of earlier versions, which have no such index, one without holding writers off.
    async fn index(&self, connection: &mut PgConnection, partition: &Partition) -> Result<(), sqlx::Error> {
        let name = &partition.name;
        let statement = match partition.reads_index.as_deref() {
            Some("brin") => format!("SELECT summarize_event_partition('{name}')"),
            // Not through a pooler, which may give the session to others; no function can do it, so only the owner does.
            None if partition.migrated_on.is_some() && partition.is_owned && !self.connect.is_pooled() => format!(
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS {name}_reads_idx ON {name} USING brin (at, \
                 registration_id int8_bloom_ops (n_distinct_per_range = 4096, false_positive_rate = 0.005)) \
                 WITH (pages_per_range = 64)"
            ),
            Some(_) | None => return Ok(()),
        };
        // One message: it is whole through a pooler as well.
        let statement = sqlx::raw_sql(AssertSqlSafe(statement));
        statement.execute(connection).await.map(|_| ())
    }
}

/// A partition, by its name.
struct Partition {
    name: String,
    /// The month until which its rows are kept; `None` for the rows of earlier versions.
    month: Option<Date>,
    /// When the rows of earlier versions were migrated.
    migrated_on: Option<Date>,
    /// The access method of its index of reads, if it is valid.
    reads_index: Option<String>,
    /// Whether this role owns it.
    is_owned: bool,
}

impl Partition {
    /// Rows of earlier versions are kept for the longest time of any tenant.
    fn may_go(&self, today: Date, longest: u16) -> bool {
        match (self.month, self.migrated_on) {
            (Some(month), _) => month < first_of_month(today),
            (None, Some(migrated_on)) => migrated_on + Duration::days(i64::from(longest)) < today,
            (None, None) => false,
        }
    }
}

async fn partitions(connection: &mut PgConnection) -> Result<Vec<Partition>, sqlx::Error> {
    type Row = (String, Option<Date>, Option<Date>, Option<String>, bool);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT c.relname::text,
                CASE WHEN c.relname ~ '^events_until_[0-9]{4}_[0-9]{2}$' THEN to_date(right(c.relname, 7), 'YYYY_MM') END,
                CASE WHEN c.relname = 'events_before_partitions' THEN obj_description(c.oid, 'pg_class')::date END,
                (SELECT a.amname::text FROM pg_class AS i
                   JOIN pg_index AS x ON x.indexrelid = i.oid AND x.indisvalid JOIN pg_am AS a ON a.oid = i.relam
                  WHERE x.indrelid = c.oid AND i.relname = c.relname || '_reads_idx'),
                pg_has_role(c.relowner, 'USAGE')
           FROM pg_inherits AS p JOIN pg_class AS c ON c.oid = p.inhrelid
          WHERE p.inhparent = 'events'::regclass AND c.relname ~ '^events_(until_[0-9]{4}_[0-9]{2}|before_partitions)$'
          ORDER BY c.relname",
    )
    .persistent(false)
    .fetch_all(connection)
    .await?;
    let partition = |(name, month, migrated_on, reads_index, is_owned)| Partition {
        name,
        month,
        migrated_on,
        reads_index,
        is_owned,
    };
    Ok(rows.into_iter().map(partition).collect())
}

/// How many days the tenants keep their events, and the default.
async fn retentions(connection: &mut PgConnection) -> Result<BTreeSet<u16>, sqlx::Error> {
    let tenants: Vec<(String,)> = sqlx::query_as("SELECT settings::text FROM tenants")
        .persistent(false)
        .fetch_all(connection)
        .await?;
    let of_tenant = |(settings,): &(String,)| {
        // Unreadable settings have the default, as they have for requests.
        let stored = settings_json::parse(settings).unwrap_or_default();
        settings_json::evaluate(&stored).0.event_days.0
    };
    let default = EventDays::default().0;
    Ok(tenants.iter().map(of_tenant).chain([default]).collect())
}

/// The months of rows that came before their partition. Those that have expired are deleted: they are few, of clocks that were
/// wrong.
async fn months_of_default(connection: &mut PgConnection, from: Date) -> Result<BTreeSet<Date>, sqlx::Error> {
    sqlx::query("DELETE FROM events_default WHERE expires_on < $1")
        .bind(from)
        .persistent(false)
        .execute(&mut *connection)
        .await?;
    let months: Vec<(Date,)> =
        sqlx::query_as("SELECT DISTINCT date_trunc('month', expires_on)::date FROM events_default LIMIT 100")
            .persistent(false)
            .fetch_all(connection)
            .await?;
    Ok(months.into_iter().map(|(month,)| month).collect())
}

fn first_of_month(date: Date) -> Date {
    date.replace_day(1).unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn partition_goes_after_its_month() {
        let partition = |month, migrated_on| Partition {
            name: String::new(),
            month,
            migrated_on,
            reads_index: None,
            is_owned: true,
        };
        let november = partition(Some(date!(2026 - 11 - 01)), None);
        assert!(!november.may_go(date!(2026 - 11 - 30), 30));
        assert!(november.may_go(date!(2026 - 12 - 01), 30));
        let older = partition(None, Some(date!(2026 - 11 - 29)));
        assert!(!older.may_go(date!(2026 - 12 - 29), 30));
        assert!(older.may_go(date!(2026 - 12 - 30), 30));
    }
}

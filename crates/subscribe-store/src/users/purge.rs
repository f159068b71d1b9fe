//! Deletes what has ended, a bounded number of rows at a time.

use std::collections::BTreeMap;

use masthead_domain::{
    settings::TenantSettings,
    tenant::{Tenant, TenantId},
};
use masthead_ports::{attempts::KNOWN_FOR, source::SourceError};
use time::{Duration, OffsetDateTime};

use super::PgUsers;
use crate::{
    database::PgDatabase,
    settings_json,
    sqlstate::{PgErrorKind, source_error},
};

const OPERATION: &str = "purge";

/// How long a dead letter is kept for an operator to see.
const DEAD_LETTERS_KEPT: Duration = Duration::days(30);

/// How long an import that was stopped can be resumed.
const IMPORTS_KEPT: Duration = Duration::days(7);

/// How many rows were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Deleted users whose tenants keep them no longer.
    pub registrations: u64,
    /// Pending registrations, codes, links, keys, counters, addresses and dead letters that have ended.
    pub others: u64,
}

/// A kind of rows that end at a time.
struct Expiring {
    /// Its name for operators: the table.
    kind: &'static str,
    /// `$1` is a time, `$2` the maximum number of rows.
    delete: &'static str,
    /// `$1` is a time, `$2` the pools, or NULL for all; `None` for rows that are of no pool.
    count: Option<&'static str>,
    /// How long its rows are kept after that time.
    kept_for: Duration,
}

macro_rules! expiring {
    ($table:literal, $condition:literal, $order:literal, $kept_for:expr) => {
        Expiring {
            count: Some(concat!(
                "SELECT count(*) FROM ",
                $table,
                " WHERE ",
                $condition,
                " AND ($2::bigint[] IS NULL OR pool = ANY ($2))"
            )),
            ..expiring!(poolless $table, $condition, $order, $kept_for)
        }
    };
    (poolless $table:literal, $condition:literal, $order:literal, $kept_for:expr) => {
        Expiring {
            kind: $table,
            delete: concat!(
                "DELETE FROM ",
                $table,
                " WHERE ctid = ANY (ARRAY (SELECT ctid FROM ",
                $table,
                " WHERE ",
                $condition,
                " ORDER BY ",
                $order,
                " LIMIT $2 FOR UPDATE SKIP LOCKED))"
            ),
            count: None,
            kept_for: $kept_for,
        }
    };
}

const EXPIRING: [Expiring; 9] = [
    expiring!(
        "pending_registrations",
        "expires_at <= $1",
        "expires_at",
        Duration::ZERO
    ),
    expiring!("verification_codes", "ends_at <= $1", "ends_at", Duration::ZERO),
    expiring!("reset_links", "expires_at <= $1", "expires_at", Duration::ZERO),
    expiring!("sign_in_attempts", "ends_at <= $1", "ends_at", Duration::ZERO),
    // An open intent keeps its key. `OFFSET 0`: one index scan per key, instead of a join with all intents.
    expiring!(
        "idempotency_keys",
        "expires_at <= $1 AND NOT EXISTS (SELECT FROM write_intents AS i \
          WHERE i.pool = idempotency_keys.pool AND i.idempotency_id = idempotency_keys.id OFFSET 0)",
        "expires_at",
        Duration::ZERO
    ),
    expiring!(poolless "rate_usage", "reported_at <= $1", "reported_at", Duration::minutes(10)),
    expiring!("known_addresses", "seen_at <= $1", "seen_at", KNOWN),
    expiring!("mail_outbox", "dead_at <= $1", "dead_at", DEAD_LETTERS_KEPT),
    expiring!(poolless "import_runs", "changed_at <= $1", "changed_at", IMPORTS_KEPT),
];

/// Deletes at most `$1` rows of each of at most 100 runs that have ended without removing what they had put aside. The names of the runs
/// are found by one step of the index for each, not by all of their rows.
const SCRATCH: &str = "WITH RECURSIVE runs AS (
        (SELECT run FROM import_scratch ORDER BY run LIMIT 1)
        UNION ALL
        SELECT (SELECT s.run FROM import_scratch AS s WHERE s.run > runs.run ORDER BY s.run LIMIT 1) FROM runs WHERE runs.run IS NOT NULL),
    ended AS (SELECT run FROM runs WHERE run IS NOT NULL AND NOT EXISTS (SELECT FROM import_runs AS i WHERE i.id = runs.run) LIMIT 100)
    DELETE FROM import_scratch WHERE ctid = ANY (ARRAY (
        SELECT s.place FROM ended CROSS JOIN LATERAL (SELECT ctid AS place FROM import_scratch WHERE run = ended.run LIMIT $1) AS s))";

const KNOWN: Duration = Duration::seconds(KNOWN_FOR.as_secs().cast_signed());

impl PgUsers {
    /// Deletes at most `limit` rows of each kind that have ended: pending registrations, codes, links, counters and idempotency
    /// keys, known addresses after [`KNOWN_FOR`], dead letters after 30 days, the state of imports after 7 days, and deleted users after the longest
    /// [`purge_after`](masthead_domain::user_rules::UserRules::purge_after) of their pool's tenants. Tombstones stay.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn purge_expired(&self, at: OffsetDateTime, limit: u32) -> Result<Purged, SourceError> {
        let purged = self.purge(at, i64::from(limit)).await;
        purged.map_err(source_error(OPERATION))
    }

    async fn purge(&self, at: OffsetDateTime, limit: i64) -> Result<Purged, sqlx::Error> {
        let (mut purged, mut failed) = (Purged::default(), None);
        // A kind that fails keeps no other from being deleted.
        let mut count = |kind: &str, deleted: Result<u64, sqlx::Error>| {
            deleted.unwrap_or_else(|error| {
                let reason = PgErrorKind::from_error(&error);
                tracing::warn!(kind, ?reason, "rows that have ended cannot be deleted");
                failed.get_or_insert(error);
                0
            })
        };
        for Expiring {
            kind, delete, kept_for, ..
        } in EXPIRING
        {
            let query = sqlx::query(delete).bind(at - kept_for).bind(limit);
            let deleted = query.execute(&self.service).await;
            purged.others += count(kind, deleted.map(|deleted| deleted.rows_affected()));
        }
        let scratch = sqlx::query(SCRATCH).bind(limit).execute(&self.service).await;
        purged.others += count("import_scratch", scratch.map(|deleted| deleted.rows_affected()));
        purged.registrations = count("registrations", self.purge_registrations(at, limit).await);
        match failed {
            // The caller repeats it as long as something is deleted.
            Some(error) if purged == Purged::default() => Err(error),
            _ => Ok(purged),
        }
    }

    async fn purge_registrations(&self, at: OffsetDateTime, limit: i64) -> Result<u64, sqlx::Error> {
        let (pools, until) = self.kept_until(at).await?;
        let deleted = sqlx::query_scalar!(
            r#"WITH gone AS (
                   DELETE FROM registrations
                    WHERE ctid = ANY (ARRAY (SELECT d.place FROM unnest($1::bigint[], $2::timestamptz[]) AS p (pool, until)
                                              CROSS JOIN LATERAL (SELECT d.ctid AS place FROM registrations AS d
                                                                   WHERE d.pool = p.pool AND d.deleted_at <= p.until
                                                                   ORDER BY d.deleted_at LIMIT $3) AS d
                                              LIMIT $3))
                      AND deleted_at IS NOT NULL
                RETURNING pool, id),
               days AS (DELETE FROM last_sign_ins AS s USING gone WHERE s.pool = gone.pool AND s.registration_id = gone.id)
               SELECT count(*) AS "deleted!" FROM gone"#,
            &pools,
            &until,
            limit,
        )
        .fetch_one(&self.service)
        .await?;
        Ok(deleted.unsigned_abs())
    }

    /// Each pool, and the time before which its deleted users go: after the longest time of its tenants.
    async fn kept_until(&self, at: OffsetDateTime) -> Result<(Vec<i64>, Vec<OffsetDateTime>), sqlx::Error> {
        let mut kept_for: BTreeMap<i64, std::time::Duration> = BTreeMap::new();
        for (pool, _, settings) in stored_rules(&self.service).await? {
            let longest = kept_for.entry(pool).or_default();
            *longest = settings.users.purge_after.max(*longest);
        }
        let until = kept_for.values().map(|kept_for| at - *kept_for);
        let until = until.collect();
        Ok((kept_for.into_keys().collect(), until))
    }

    /// How many rows of each kind go now, of one tenant's pool or of all, by the conditions of [`Self::purge_expired`]; and how many
    /// events are in partitions that go.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn preview_purge(
        &self,
        at: OffsetDateTime,
        tenant: Option<&Tenant>,
    ) -> Result<Vec<(&'static str, u64)>, SourceError> {
        let counted = self.count_expired(at, tenant).await;
        counted.map_err(source_error(OPERATION))
    }

    async fn count_expired(
        &self,
        at: OffsetDateTime,
        tenant: Option<&Tenant>,
    ) -> Result<Vec<(&'static str, u64)>, sqlx::Error> {
        let only: Option<Vec<i64>> = tenant.map(|tenant| vec![tenant.pool.0]);
        let (pools, until) = self.kept_until(at).await?;
        let registrations = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM registrations AS r
                 JOIN unnest($1::bigint[], $2::timestamptz[]) AS p (pool, until) ON p.pool = r.pool
                WHERE r.deleted_at <= p.until AND ($3::bigint[] IS NULL OR r.pool = ANY ($3))"#,
            &pools,
            &until,
            only.as_deref(),
        )
        .fetch_one(&self.service)
        .await?;
        let mut counts = vec![("registrations", registrations.unsigned_abs())];
        for Expiring {
            kind, count, kept_for, ..
        } in EXPIRING
        {
            let Some(count) = count else { continue };
            let query = sqlx::query_scalar(count).bind(at - kept_for).bind(only.as_deref());
            let rows: i64 = query.fetch_one(&self.service).await?;
            counts.push((kind, rows.unsigned_abs()));
        }
        let month = at.date().replace_day(1).unwrap_or(at.date());
        let events = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM events
                WHERE expires_on < $1 AND expires_on > '0001-02-01' AND ($2::text IS NULL OR tenant = $2)"#,
            month,
            tenant.map(|tenant| tenant.id.as_str()),
        )
        .fetch_one(&self.service)
        .await?;
        counts.push(("events", events.unsigned_abs()));
        Ok(counts)
    }
}

/// Each tenant with its pool and its settings.
pub(super) async fn stored_rules(
    database: &PgDatabase,
) -> Result<Vec<(i64, Option<TenantId>, TenantSettings)>, sqlx::Error> {
    let tenants = sqlx::query!(
        r#"SELECT pool, client_group || '/' || client || '/' || paper AS "id!", settings::text AS "settings!" FROM tenants
            ORDER BY client_group, client, paper"#
    )
    .fetch_all(database)
    .await?;
    let rules = tenants.into_iter().map(|tenant| {
        // Unreadable settings have the default, as they have for requests.
        let stored = settings_json::parse(&tenant.settings).unwrap_or_default();
        (
            tenant.pool,
            TenantId::parse(&tenant.id).ok(),
            settings_json::evaluate(&stored).0,
        )
    });
    Ok(rules.collect())
}

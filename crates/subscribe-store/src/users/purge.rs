//! Deletes what has ended, a bounded number of rows at a time.

use std::collections::BTreeMap;

use masthead_ports::{attempts::KNOWN_FOR, source::SourceError};
use time::{Duration, OffsetDateTime};

use super::PgUsers;
use crate::{settings_json, sqlstate::source_error};

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

/// `$1` is a time, `$2` the maximum number of rows.
macro_rules! purge {
    ($table:literal, $condition:literal, $order:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ctid = ANY (ARRAY (SELECT ctid FROM ",
            $table,
            " WHERE ",
            $condition,
            " ORDER BY ",
            $order,
            " LIMIT $2 FOR UPDATE SKIP LOCKED))"
        )
    };
}

/// Each with how long its rows are kept after that time.
const EXPIRING: [(&str, Duration); 10] = [
    (
        purge!("pending_registrations", "expires_at <= $1", "expires_at"),
        Duration::ZERO,
    ),
    (purge!("verification_codes", "ends_at <= $1", "ends_at"), Duration::ZERO),
    (purge!("reset_links", "expires_at <= $1", "expires_at"), Duration::ZERO),
    (purge!("sign_in_attempts", "ends_at <= $1", "ends_at"), Duration::ZERO),
    // An open intent keeps its key. `OFFSET 0`: one index scan per key, instead of a join with all intents.
    (
        purge!(
            "idempotency_keys",
            "expires_at <= $1 AND NOT EXISTS (SELECT FROM write_intents AS i \
              WHERE i.pool = idempotency_keys.pool AND i.idempotency_id = idempotency_keys.id OFFSET 0)",
            "expires_at"
        ),
        Duration::ZERO,
    ),
    (
        purge!("rate_usage", "reported_at <= $1", "reported_at"),
        Duration::minutes(10),
    ),
    (purge!("known_addresses", "seen_at <= $1", "seen_at"), KNOWN),
    (purge!("mail_outbox", "dead_at <= $1", "dead_at"), DEAD_LETTERS_KEPT),
    (purge!("import_runs", "changed_at <= $1", "changed_at"), IMPORTS_KEPT),
    (
        purge!(
            "import_scratch",
            "$1 IS NOT NULL AND NOT EXISTS (SELECT FROM import_runs AS i WHERE i.id = import_scratch.run OFFSET 0)",
            "run"
        ),
        Duration::ZERO,
    ),
];

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
        let mut purged = Purged::default();
        for (statement, kept_for) in EXPIRING {
            let query = sqlx::query(statement).bind(at - kept_for).bind(limit);
            purged.others += query.execute(&self.service).await?.rows_affected();
        }
        purged.registrations = self.purge_registrations(at, limit).await?;
        Ok(purged)
    }

    async fn purge_registrations(&self, at: OffsetDateTime, limit: i64) -> Result<u64, sqlx::Error> {
        let tenants = sqlx::query!(r#"SELECT pool, settings::text AS "settings!" FROM tenants"#)
            .fetch_all(&self.service)
            .await?;
        let mut kept_for: BTreeMap<i64, std::time::Duration> = BTreeMap::new();
        for tenant in tenants {
            // Unreadable settings have the default, as they have for requests.
            let stored = settings_json::parse(&tenant.settings).unwrap_or_default();
            let purge_after = settings_json::evaluate(&stored).0.users.purge_after;
            let longest = kept_for.entry(tenant.pool).or_default();
            *longest = purge_after.max(*longest);
        }
        let pools: Vec<i64> = kept_for.keys().copied().collect();
        let until: Vec<OffsetDateTime> = kept_for.values().map(|kept_for| at - *kept_for).collect();
        let deleted = sqlx::query!(
            "DELETE FROM registrations
              WHERE ctid = ANY (ARRAY (SELECT d.place FROM unnest($1::bigint[], $2::timestamptz[]) AS p (pool, until)
                                        CROSS JOIN LATERAL (SELECT d.ctid AS place FROM registrations AS d
                                                             WHERE d.pool = p.pool AND d.deleted_at <= p.until
                                                             ORDER BY d.deleted_at LIMIT $3) AS d
                                        LIMIT $3))
                AND deleted_at IS NOT NULL",
            &pools,
            &until,
            limit,
        )
        .execute(&self.service)
        .await?;
        Ok(deleted.rows_affected())
    }
}

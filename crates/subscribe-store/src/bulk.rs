//! Bulk look-ups of exports: many keys in one statement, on the connections of searches.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_domain::{account::Account, tenant::Tenant, user_key::UserKey};
use masthead_ports::{
    bulk::{BulkAnswer, BulkLookups, BulkMirrorEntries, KeyResult, LookupKey},
    mirror::MirrorEntry,
    source::{CallContext, SourceError, SourceErrorKind},
};
use sqlx::{PgConnection, postgres::PgRow};
use time::OffsetDateTime;

use crate::{
    database::PgDatabase,
    mirror::{list, provider_of},
    query_tag::{ForeignRowError, QueryTag},
    replicas::Reads,
    row::{self, ACCOUNT_COLUMNS, account_columns, collect_account, is_email_key, sort_accounts},
    search_queue::SearchQueue,
    slow_statements::StatementTimer,
    sqlstate::source_error,
    trace::traced,
};

const OPERATION: &str = "by_keys";

/// The columns of a row, in the positions that [`list`] reads: the query tag, the key's position, the mirror's `as_of`, the
/// entry, the account, whether the profile is marked as missing, and whether the mirror is complete.
macro_rules! row_of {
    ($n:literal, $standing:literal, $entry:literal, $behind:literal) => {
        concat!(
            "SELECT $11::bigint AS query_tag, ",
            $n,
            ", ",
            $standing,
            ", ",
            $entry,
            ", ",
            account_columns!(),
            ", ",
            $behind
        )
    };
}

/// The registrations of each key and, if a mirror serves the tenant and is newer than `$10`, its entries: one statement, so
/// one snapshot. `n` is the position of the key. One row has no `n`: it carries the state of the mirror and is present even
/// without a mirror, so an answer that lacks it is not an answer to this statement.
///
/// `OFFSET 0` keeps each look-up a separate index scan, as in the coalesced look-ups (ADR 0011). The pool is a sub-select,
/// so that the planner does not know its value: for a new pool the statistics have no rows, and any index on `pool` would
/// look equally good (1,000 keys of 50,000 entries: 12 s instead of 10 ms).
///
/// An entry has the id of its profile: a registration that was joined by its address is found by that address (ADR 0070).
pub(crate) const BY_KEYS: &str = concat!(
    "WITH standing AS MATERIALIZED (SELECT s.as_of, s.whole FROM mirrors AS s \
        WHERE s.pool = (SELECT $1::bigint) AND s.provider = $8 AND s.precedence = $9 AND s.entered_to IS NULL AND s.as_of > $10 \
          AND s.braked_at IS NULL), \
     named AS MATERIALIZED (SELECT k.n, false AS by_number, r.* FROM unnest($2::bigint[], $3::text[]) AS k (n, crid) \
        CROSS JOIN LATERAL (SELECT * FROM registrations AS r \
           WHERE r.pool = (SELECT $1::bigint) AND r.crid = k.crid AND r.deleted_at IS NULL OFFSET 0) AS r \
        UNION ALL SELECT k.n, true, r.* FROM unnest($6::bigint[], $7::bigint[]) AS k (n, id) \
        CROSS JOIN LATERAL (SELECT * FROM registrations AS r \
           WHERE r.pool = (SELECT $1::bigint) AND r.id = k.id AND r.deleted_at IS NULL OFFSET 0) AS r), \
     entries AS (SELECT k.n, d.* FROM unnest($2::bigint[], $3::text[]) AS k (n, crid) \
        CROSS JOIN LATERAL (SELECT * FROM mirror_entries AS d \
           WHERE d.pool = (SELECT $1::bigint) AND d.crid = k.crid OFFSET 0) AS d WHERE (SELECT true FROM standing) \
        UNION ALL SELECT k.n, d.* FROM unnest($4::bigint[], $5::text[]) AS k (n, email_key) \
        CROSS JOIN LATERAL (SELECT * FROM mirror_entries AS d \
           WHERE d.pool = (SELECT $1::bigint) AND d.email_key = k.email_key OFFSET 0) AS d WHERE (SELECT true FROM standing) \
        UNION ALL SELECT r.n, d.* FROM named AS r \
        CROSS JOIN LATERAL (SELECT * FROM mirror_entries AS d \
           WHERE d.pool = (SELECT $1::bigint) AND d.crid = r.crid AND d.registration_id = r.id OFFSET 0) AS d \
         WHERE r.by_number AND (SELECT true FROM standing) \
        UNION ALL SELECT r.n, d.* FROM named AS r \
        CROSS JOIN LATERAL (SELECT * FROM mirror_entries AS d \
           WHERE d.pool = (SELECT $1::bigint) AND d.email_key = r.email_key AND d.by_email AND d.registration_id = r.id OFFSET 0) AS d \
         WHERE (SELECT true FROM standing)) ",
    row_of!(
        "r.n",
        "NULL::timestamptz AS as_of",
        "NULL::bigint AS entry_pool, NULL::text AS entry_crid, NULL::timestamptz AS profile_as_of, NULL::json AS profile",
        "NULL::boolean AS missing, NULL::boolean AS whole"
    ),
    " FROM named AS r UNION ALL ",
    row_of!("k.n", "NULL", "NULL, NULL, NULL, NULL", "NULL, NULL"),
    " FROM unnest($4::bigint[], $5::text[]) AS k (n, email_key) \
     CROSS JOIN LATERAL (SELECT * FROM registrations AS r \
        WHERE r.pool = (SELECT $1::bigint) AND r.email_key = k.email_key AND r.deleted_at IS NULL OFFSET 0) AS r UNION ALL ",
    row_of!(
        "d.n",
        "NULL",
        "d.pool, d.crid, d.profile_as_of, d.profile",
        "d.missing > 0, NULL"
    ),
    " FROM entries AS d \
     LEFT JOIN LATERAL (SELECT * FROM registrations AS r \
        WHERE r.pool = (SELECT $1::bigint) AND r.id = d.registration_id AND r.deleted_at IS NULL OFFSET 0) AS r ON true UNION ALL ",
    row_of!("NULL", "s.as_of", "NULL, NULL, NULL, NULL", "NULL, s.whole"),
    " FROM (SELECT) AS always LEFT JOIN standing AS s ON true LEFT JOIN registrations AS r ON false"
);

/// Column of the key's position.
const POSITION: usize = 1;

/// Columns after the account: whether the profile is marked as missing, and whether the mirror is complete.
const MISSING: usize = list::REGISTRATION + ACCOUNT_COLUMNS;
const WHOLE: usize = MISSING + 1;

/// Looks up many keys of a tenant's pool at once, in the registrations and in the mirror.
pub struct PgBulkLookups {
    reads: Reads,
    queue: Arc<SearchQueue>,
    statement_timeout: Duration,
}

impl PgBulkLookups {
    pub(crate) fn new(reads: Reads, queue: Arc<SearchQueue>, statement_timeout: Duration) -> Self {
        Self {
            reads,
            queue,
            statement_timeout,
        }
    }

    async fn rows(
        &self,
        database: &PgDatabase,
        cx: &CallContext,
        keys: &[LookupKey],
        mirror_since: Option<OffsetDateTime>,
    ) -> Result<Vec<PgRow>, SourceError> {
        let find = || self.rows_once(database, cx, keys, mirror_since);
        database.read(find).await
    }

    async fn rows_once(
        &self,
        database: &PgDatabase,
        cx: &CallContext,
        keys: &[LookupKey],
        mirror_since: Option<OffsetDateTime>,
    ) -> Result<Vec<PgRow>, SourceError> {
        let until = cx.deadline.min(Instant::now() + self.statement_timeout);
        let late = |why: &'static str| SourceError::with_cause(OPERATION, SourceErrorKind::Unavailable, why);
        let mut connection = database.acquire_by(until).await.map_err(source_error(OPERATION))?;
        let timer = StatementTimer::start();
        let querying = self.query(&mut connection, cx, keys, mirror_since);
        let answer = tokio::time::timeout_at(until.into(), querying).await;
        timer.stop(|| OPERATION.to_owned());
        let answer = answer.unwrap_or_else(|_late| Err(late("the database did not answer in time")));
        match &answer {
            Ok(_) => database.keep(connection),
            // It may be in the middle of an answer: it is not used again.
            Err(error) if error.kind == SourceErrorKind::Unavailable => connection.abandon(),
            Err(_) => {}
        }
        answer
    }

    async fn query(
        &self,
        connection: &mut PgConnection,
        cx: &CallContext,
        keys: &[LookupKey],
        mirror_since: Option<OffsetDateTime>,
    ) -> Result<Vec<PgRow>, SourceError> {
        let connector = self.reads.connector();
        if !connector.is_pooled() {
            return query_keys(connection, cx, keys, mirror_since, true).await;
        }
        let begun = connector.begin_on(connection).await;
        let mut transaction = begun.map_err(source_error(OPERATION))?;
        let rows = query_keys(&mut transaction, cx, keys, mirror_since, false).await;
        let ended = transaction.rollback().await;
        let rows = rows?;
        ended.map_err(source_error(OPERATION))?;
        Ok(rows)
    }
}

async fn query_keys(
    connection: &mut PgConnection,
    cx: &CallContext,
    keys: &[LookupKey],
    mirror_since: Option<OffsetDateTime>,
    named: bool,
) -> Result<Vec<PgRow>, SourceError> {
    let tag = QueryTag::new();
    let (mut ids, mut emails) = (NumberedKeys::default(), NumberedKeys::default());
    let mut registrations = NumberedKeys::default();
    for (n, key) in (0..).zip(keys) {
        match key {
            LookupKey::User(UserKey::Id(id)) => ids.push(n, id.as_str()),
            LookupKey::User(UserKey::Email(email)) if is_email_key(email) => emails.push(n, email.as_str()),
            LookupKey::User(UserKey::Email(_)) => {}
            LookupKey::Registration(id) => registrations.push(n, *id),
        }
    }
    let rows = sqlx::query(BY_KEYS)
        .bind(cx.tenant.pool.0)
        .bind(ids.positions)
        .bind(ids.values)
        .bind(emails.positions)
        .bind(emails.values)
        .bind(registrations.positions)
        .bind(registrations.values)
        .bind(provider_of(&cx.tenant))
        .bind(cx.tenant.settings.precedence.canonical())
        .bind(mirror_since)
        .bind(tag.number())
        .persistent(named)
        .fetch_all(connection)
        .await
        .map_err(source_error(OPERATION))?;
    tag.verify(&rows)
        .map_err(|foreign| foreign.to_source_error(OPERATION))?;
    if !rows.iter().any(|row| row::is_empty(row, POSITION)) {
        return Err(ForeignRowError::Missing.to_source_error(OPERATION));
    }
    Ok(rows)
}

#[async_trait]
impl BulkLookups for PgBulkLookups {
    async fn find_many(
        &self,
        cx: &CallContext,
        keys: &[LookupKey],
        mirror_since: Option<OffsetDateTime>,
    ) -> Result<BulkAnswer, SourceError> {
        let _turn = self.queue.wait_for_turn(OPERATION, cx).await?;
        let on = |database| self.rows(database, cx, keys, mirror_since);
        let rows = traced(OPERATION, self.reads.read(cx.tenant.pool, on)).await?;
        let mut rows_of_keys = BulkRows::new(keys.len());
        for row in &rows {
            rows_of_keys
                .read(row, &cx.tenant, keys)
                .map_err(|foreign| foreign.to_source_error(OPERATION))?;
        }
        Ok(rows_of_keys.answer())
    }
}

/// The rows read so far, by key.
struct BulkRows {
    registrations: Vec<KeyResult>,
    entries: Vec<Option<Vec<MirrorEntry>>>,
    /// `as_of` of the mirror, and whether it is complete.
    standing: Option<(OffsetDateTime, bool)>,
}

impl BulkRows {
    fn new(keys: usize) -> Self {
        Self {
            registrations: vec![Ok(Vec::new()); keys],
            entries: vec![Some(Vec::new()); keys],
            standing: None,
        }
    }

    /// Reads a row; rejects one that does not belong to the key of its number.
    fn read(&mut self, row: &PgRow, tenant: &Tenant, keys: &[LookupKey]) -> Result<(), ForeignRowError> {
        if row::is_empty(row, POSITION) {
            let as_of = row::moment(row, list::STANDING, "as_of").ok().flatten();
            self.standing = as_of.zip(row::truth(row, WHOLE, "whole").ok());
            return Ok(());
        }
        let n = row::number(row, POSITION, "n")
            .ok()
            .and_then(|n| usize::try_from(n).ok());
        let n = n.filter(|n| *n < keys.len()).ok_or(ForeignRowError::Row)?;
        if row::is_empty(row, list::ENTRY) {
            collect_account(
                &mut self.registrations[n],
                (row, list::REGISTRATION),
                tenant.pool,
                |account| has_key(account, &keys[n]),
                |_| SourceErrorKind::Corrupt,
            )
        } else {
            self.entry(n, row, tenant);
            Ok(())
        }
    }

    fn entry(&mut self, n: usize, row: &PgRow, tenant: &Tenant) {
        let entries = &mut self.entries[n];
        match (list::read_entry(row, tenant), row::truth(row, MISSING, "missing")) {
            (Ok(entry), Ok(false)) => {
                if let Some(entries) = entries {
                    entries.push(entry);
                }
            }
            (Ok(_), Ok(true)) => *entries = None,
            (Err(bad), _) | (_, Err(bad)) => {
                tracing::error!(reason = %bad, "a row was rejected");
                *entries = None;
            }
        }
    }

    fn answer(mut self) -> BulkAnswer {
        sort_accounts(&mut self.registrations);
        BulkAnswer {
            registrations: self.registrations,
            mirror: self.standing.map(|(as_of, whole)| BulkMirrorEntries {
                as_of,
                whole,
                by_key: self.entries,
            }),
        }
    }
}

/// Whether the account has the key by which it was looked up.
fn has_key(account: &Account, key: &LookupKey) -> bool {
    match key {
        LookupKey::User(key) => key.matches(account),
        LookupKey::Registration(id) => account.registration_id == Some(*id),
    }
}

/// Values, each with the position of its key.
#[derive(Default)]
struct NumberedKeys<T> {
    positions: Vec<i64>,
    values: Vec<T>,
}

impl<T> NumberedKeys<T> {
    fn push(&mut self, position: i64, value: T) {
        self.positions.push(position);
        self.values.push(value);
    }
}

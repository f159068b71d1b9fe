//! Reads the audit log, and what was lost of it (ADR 0126).

use std::time::Duration;

use async_trait::async_trait;
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    event::EventKind,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_ports::{
    audit::{AuditEntry, AuditLog, AuditPage, AuditPlace, AuditQuery, AuditSubject},
    source::{SourceError, SourceErrorKind},
};
use time::OffsetDateTime;

use crate::{
    database::{PgDatabase, Transaction},
    sqlstate::source_error,
    tombstones::Tombstones,
};

const OPERATION: &str = "audit log";

/// The maximum number of callers with one subject or client whose events are read at once.
const MAX_CALLERS: u8 = 100;

/// How old the report of a process is that has ended without its last one; several times its interval.
const SILENT_SECONDS: f64 = 60.0;

/// Reads the audit log.
#[derive(Clone)]
pub struct PgAuditLog {
    pub(crate) database: PgDatabase,
    pub(crate) hashes: Tombstones,
    /// The time limit of a statement.
    pub(crate) patience: Duration,
}

/// A process that recorded events of reads, and what it has lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventWriterRow {
    /// Its name: host and process.
    pub process: String,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// Its last report.
    pub flushed_at: OffsetDateTime,
    /// Whether it has ended without its last events: those after the last report are lost, and so are those that were
    /// recorded but not written then.
    pub is_broken_off: bool,
    /// How many events it had recorded at its last report.
    pub recorded: i64,
    /// How many of them are in the database.
    pub written: i64,
    /// How many of them it has lost.
    pub dropped: i64,
}

/// The tenant of the rows, their time, their place, and their number.
struct Bounds<'a> {
    tenant: Option<&'a TenantId>,
    /// How many days back.
    days: i32,
    since: OffsetDateTime,
    until: OffsetDateTime,
    before: AuditPlace,
    limit: i64,
}

struct EventRow {
    id: i64,
    at: OffsetDateTime,
    kind: i32,
    tenant: String,
    request_id: String,
    source_system: String,
    outcome: String,
    issuer: Option<String>,
    subject: Option<String>,
    client_id: Option<String>,
    token_id: Option<String>,
    network: Option<String>,
    filter_kind: Option<String>,
    filter_hash: Option<i64>,
    registration_id: Option<i64>,
    users: i64,
    detail: Option<String>,
}

/// Reads [`EventRow`]s from these tables, `events AS e` among them, that meet this condition and the [`Bounds`], which are
/// `$1` to `$7`.
macro_rules! fetch_events {
    ($transaction:expr, $bounds:expr, $from:tt, $condition:tt, $($value:expr),+) => {
        sqlx::query_as!(
            EventRow,
            r#"SELECT e.id AS "id!", e.at AS "at!", e.kind AS "kind!", e.tenant AS "tenant!", e.request_id AS "request_id!",
                      e.source_system AS "source_system!", e.outcome AS "outcome!", c.issuer AS "issuer?", c.subject AS "subject?",
                      c.client_id AS "client_id?", e.token_id AS "token_id?", e.network AS "network?",
                      e.filter_kind AS "filter_kind?", e.filter_hash AS "filter_hash?", e.registration_id AS "registration_id?",
                      e.users AS "users!", e.detail::text AS "detail?"
                 FROM "#
                + $from
                + " LEFT JOIN LATERAL (SELECT issuer, subject, client_id FROM event_callers WHERE id = e.caller LIMIT 1) AS c ON true
                   WHERE ($1::text IS NULL OR e.tenant = $1) AND e.at >= $2 AND e.at < $3
                     AND e.at >= now() - make_interval(days => $4) AND (e.at, e.id) < ($5, $6) AND "
                + $condition
                + " ORDER BY e.at DESC, e.id DESC LIMIT $7",
            $bounds.tenant.map(TenantId::as_str),
            $bounds.since,
            $bounds.until,
            $bounds.days,
            $bounds.before.at,
            $bounds.before.id,
            $bounds.limit,
            $($value),+
        )
        .fetch_all($transaction)
        .await
    };
}

#[async_trait]
impl AuditLog for PgAuditLog {
    async fn read(&self, tenant: &Tenant, query: &AuditQuery) -> Result<AuditPage, SourceError> {
        let days = i32::from(tenant.settings.event_days.0);
        let rows = self.rows(Some((&tenant.id, tenant.pool)), days, query).await;
        Ok(page(rows?, query.limit))
    }
}

impl PgAuditLog {
    /// The same with this time limit of a statement.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// A page of the events of all tenants, also of those that are not there any more; none for [`AuditSubject::User`], who is
    /// of one tenant.
    ///
    /// # Errors
    /// The database is unavailable, or the query takes too long.
    pub async fn read_all(&self, query: &AuditQuery) -> Result<AuditPage, SourceError> {
        Ok(page(self.rows(None, i32::from(u16::MAX), query).await?, query.limit))
    }

    /// The processes that recorded events of reads in this time, the latest first; at most 1,000.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn writers(
        &self,
        since: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<Vec<EventWriterRow>, SourceError> {
        sqlx::query_as!(
            EventWriterRow,
            r#"SELECT process, started_at, flushed_at, recorded, written, dropped,
                      stopped_at IS NULL AND flushed_at < now() - make_interval(secs => $3) AS "is_broken_off!"
                 FROM event_writers WHERE flushed_at >= $1 AND started_at < $2 ORDER BY flushed_at DESC LIMIT 1000"#,
            since,
            until,
            SILENT_SECONDS,
        )
        .fetch_all(&self.database)
        .await
        .map_err(source_error(OPERATION))
    }

    async fn rows(
        &self,
        tenant: Option<(&TenantId, PoolId)>,
        days: i32,
        query: &AuditQuery,
    ) -> Result<Vec<EventRow>, SourceError> {
        let place = AuditPlace { at: query.until, id: 0 };
        let bounds = Bounds {
            tenant: tenant.map(|(id, _)| id),
            days,
            since: query.since,
            until: query.until,
            before: query.before.unwrap_or(place),
            limit: i64::from(query.limit) + 1,
        };
        let mut transaction = self.database.begin().await.map_err(source_error(OPERATION))?;
        let milliseconds = self.patience.as_millis();
        let limit = format!("SET LOCAL statement_timeout = {milliseconds}");
        sqlx::query(sqlx::AssertSqlSafe(limit))
            .persistent(false)
            .execute(&mut transaction)
            .await
            .map_err(source_error(OPERATION))?;
        let rows = match (&query.subject, tenant) {
            (AuditSubject::User(id), Some((_, pool))) => self.of_user(&mut transaction, &bounds, pool, id).await,
            (AuditSubject::User(_), None) => Ok(Vec::new()),
            (AuditSubject::Caller(caller), _) => {
                let callers = callers(&mut transaction, caller)
                    .await
                    .map_err(source_error(OPERATION))?;
                if callers.len() > usize::from(MAX_CALLERS) {
                    return Err(SourceError::with_cause(
                        OPERATION,
                        SourceErrorKind::TooBroad,
                        "too many subjects have this client",
                    ));
                }
                of_callers(&mut transaction, &bounds, &callers).await
            }
            (AuditSubject::Kind(kind), _) => of_kind(&mut transaction, &bounds, *kind).await,
        };
        let rows = rows.map_err(source_error(OPERATION))?;
        transaction.rollback().await.map_err(source_error(OPERATION))?;
        Ok(rows)
    }

    /// How many events of the tenant name this user, as far as its setting `Retention.EventDays` goes back.
    ///
    /// # Errors
    /// The database is unavailable.
    pub(crate) async fn count_of_user(&self, tenant: &Tenant, id: &CustomerRegistrationId) -> Result<u64, SourceError> {
        let count = async {
            let mut transaction = self.database.begin().await?;
            let hashed = self.hashes.hashed_users(tenant.pool, id);
            let mut numbers = registrations_of(&mut transaction, tenant.pool, id, &hashed).await?;
            numbers.truncate(REGISTRATIONS);
            let number = |place: usize| numbers.get(place).copied();
            let in_lists: Vec<i64> = numbers.iter().chain(&hashed).copied().collect();
            let count = sqlx::query_scalar!(
                r#"SELECT count(*) AS "count!" FROM events AS e
                    WHERE e.tenant = $1 AND e.at >= now() - make_interval(days => $2)
                      AND (e.registration_id = $3 OR e.registration_id = $4 OR e.registration_id = $5 OR e.registration_id = $6
                           OR e.user_ids && $7)"#,
                tenant.id.as_str(),
                i32::from(tenant.settings.event_days.0),
                number(0),
                number(1),
                number(2),
                number(3),
                &in_lists,
            )
            .fetch_one(&mut transaction)
            .await?;
            transaction.rollback().await?;
            Ok(count.unsigned_abs())
        };
        count.await.map_err(source_error(OPERATION))
    }

    /// A list of equalities, since summaries of blocks cannot be searched for an array.
    async fn of_user(
        &self,
        transaction: &mut Transaction,
        bounds: &Bounds<'_>,
        pool: PoolId,
        id: &CustomerRegistrationId,
    ) -> Result<Vec<EventRow>, sqlx::Error> {
        let hashed = self.hashes.hashed_users(pool, id);
        let mut numbers = registrations_of(transaction, pool, id, &hashed).await?;
        numbers.truncate(REGISTRATIONS);
        let number = |place: usize| numbers.get(place).copied();
        let in_lists: Vec<i64> = numbers.iter().chain(&hashed).copied().collect();
        fetch_events!(
            &mut *transaction,
            bounds,
            "events AS e",
            "(e.registration_id = $8 OR e.registration_id = $9 OR e.registration_id = $10 OR e.registration_id = $11
              OR e.user_ids && $12)",
            number(0),
            number(1),
            number(2),
            number(3),
            &in_lists
        )
    }
}

/// How many registrations of one id are searched for: the one that is there, and deleted ones.
const REGISTRATIONS: usize = 4;

/// The registrations that have this id, or had it when they were deleted, the present one first.
async fn registrations_of(
    transaction: &mut Transaction,
    pool: PoolId,
    id: &CustomerRegistrationId,
    hashed: &[i64],
) -> Result<Vec<i64>, sqlx::Error> {
    let mut numbers = sqlx::query_scalar!(
        r#"(SELECT id AS "id!" FROM registrations WHERE pool = $1 AND crid = $2 AND deleted_at IS NULL)
           UNION ALL
           (SELECT id FROM registrations WHERE pool = $1 AND crid = $2 AND deleted_at IS NOT NULL ORDER BY id DESC LIMIT 3)
           UNION ALL
           (SELECT registration_id FROM events
             WHERE user_ids && $3 AND pool = $1 AND kind = $4 AND registration_id IS NOT NULL ORDER BY id DESC LIMIT 3)"#,
        pool.0,
        id.as_str(),
        hashed,
        EventKind::SubscribeUserDelete.id(),
    )
    .fetch_all(transaction)
    .await?;
    let mut seen = std::collections::HashSet::new();
    numbers.retain(|number| seen.insert(*number));
    Ok(numbers)
}

async fn callers(transaction: &mut Transaction, caller: &str) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT DISTINCT id FROM event_callers WHERE subject = $1 OR client_id = $1 LIMIT $2",
        caller,
        i64::from(MAX_CALLERS) + 1,
    )
    .fetch_all(transaction)
    .await
}

/// `OFFSET 0`: one scan of the summaries per caller.
async fn of_callers(
    transaction: &mut Transaction,
    bounds: &Bounds<'_>,
    callers: &[i64],
) -> Result<Vec<EventRow>, sqlx::Error> {
    fetch_events!(
        transaction,
        bounds,
        "unnest($8::bigint[]) AS k (id)
         CROSS JOIN LATERAL (SELECT * FROM events WHERE caller = k.id AND at >= $2 AND at < $3 OFFSET 0) AS e",
        "true",
        callers
    )
}

/// The second condition on the kind is that of the index of rare kinds.
async fn of_kind(
    transaction: &mut Transaction,
    bounds: &Bounds<'_>,
    kind: EventKind,
) -> Result<Vec<EventRow>, sqlx::Error> {
    fetch_events!(
        transaction,
        bounds,
        "events AS e",
        "e.kind = $8 AND e.kind >= 4907",
        kind.id()
    )
}

fn page(mut rows: Vec<EventRow>, limit: u16) -> AuditPage {
    let more = rows.len() > usize::from(limit);
    rows.truncate(usize::from(limit));
    AuditPage {
        entries: rows.into_iter().map(EventRow::into_entry).collect(),
        more,
    }
}

impl EventRow {
    fn into_entry(self) -> AuditEntry {
        AuditEntry {
            place: AuditPlace {
                at: self.at,
                id: self.id,
            },
            kind: EventKind::from_id(self.kind),
            number: self.kind,
            tenant: self.tenant,
            request_id: self.request_id,
            source_system: self.source_system,
            outcome: self.outcome,
            issuer: self.issuer,
            subject: self.subject,
            client_id: self.client_id,
            token_id: self.token_id,
            network: self.network,
            filter_kind: self.filter_kind,
            filter_hash: self.filter_hash,
            registration_id: self.registration_id,
            users: self.users,
            detail: self.detail,
        }
    }
}

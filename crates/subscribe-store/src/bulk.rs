//! Many users in one statement, on the connections of searches: single look-ups have theirs for themselves.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use masthead_domain::{account::Account, tenant::Tenant};
use masthead_ports::{
    bulk::{BulkAnswer, BulkLookups, BulkMirrorEntries, KeyResult, LookupKey},
    mirror::MirrorEntry,
    source::{CallContext, SourceError, SourceErrorKind},
};
use sqlx::{PgConnection, postgres::PgRow};
use time::OffsetDateTime;
use tokio::sync::Semaphore;

use crate::{
    database::Database,
    directory::{list, provider_of},
    question::{Foreign, Question},
    row::{self, ACCOUNT_COLUMNS, BadRow, account_columns},
    sqlstate::silence,
};

const OPERATION: &str = "by_keys";

/// How many statements of exports run at a time: they share their connections with searches, which people wait for.
const AT_A_TIME: usize = 2;

/// What a row has before and after an account, in the places that [`list`] reads: the question's number, the key's own, the
/// directory's standing, the entry; and behind the account whether the profile is missing since, and whether the directory has everybody.
macro_rules! row_of {
    ($n:literal, $standing:literal, $entry:literal, $behind:literal) => {
        concat!(
            "SELECT $11::bigint, ",
            $n,
            ", ",
            $standing,
            ", ",
            $entry,
            ", ",
            account_columns!("r"),
            ", ",
            $behind
        )
    };
}

/// The registrations of each key, and from a directory that serves the tenant and is true after `$10` its entries: one
/// statement, and so one moment. `n` is the place of the key among those that were asked for; the one row without it is the
/// standing, which is there even where no directory is: an answer without it is not this statement's.
///
/// `OFFSET 0` keeps each look-up an index scan of its own, as in the coalesced look-ups (ADR 0011). The pool is an unknown
/// to the planner: of a new one the statistics say that it has no rows, for which any of its indexes would do (1,000 keys
/// of 50,000 entries: 12 s in place of 10 ms).
///
/// An entry has the id of its profile: a registration that an address has joined is found by that address (ADR 0070).
const BY_KEYS: &str = concat!(
    "WITH standing AS MATERIALIZED (SELECT s.as_of, s.whole FROM directories AS s \
        WHERE s.pool = (SELECT $1::bigint) AND s.provider = $8 AND s.precedence = $9 AND s.entered_to IS NULL AND s.as_of > $10 \
          AND s.braked_at IS NULL), \
     named AS MATERIALIZED (SELECT k.n, false AS by_number, r.* FROM unnest($2::bigint[], $3::text[]) AS k (n, crid) \
        CROSS JOIN LATERAL (SELECT * FROM registrations AS r \
           WHERE r.pool = (SELECT $1::bigint) AND r.crid = k.crid AND r.deleted_at IS NULL OFFSET 0) AS r \
        UNION ALL SELECT k.n, true, r.* FROM unnest($6::bigint[], $7::bigint[]) AS k (n, id) \
        CROSS JOIN LATERAL (SELECT * FROM registrations AS r \
           WHERE r.pool = (SELECT $1::bigint) AND r.id = k.id AND r.deleted_at IS NULL OFFSET 0) AS r), \
     entries AS (SELECT k.n, d.* FROM unnest($2::bigint[], $3::text[]) AS k (n, crid) \
        CROSS JOIN LATERAL (SELECT * FROM directory_entries AS d \
           WHERE d.pool = (SELECT $1::bigint) AND d.crid = k.crid OFFSET 0) AS d WHERE (SELECT true FROM standing) \
        UNION ALL SELECT k.n, d.* FROM unnest($4::bigint[], $5::text[]) AS k (n, email_key) \
        CROSS JOIN LATERAL (SELECT * FROM directory_entries AS d \
           WHERE d.pool = (SELECT $1::bigint) AND d.email_key = k.email_key OFFSET 0) AS d WHERE (SELECT true FROM standing) \
        UNION ALL SELECT r.n, d.* FROM named AS r \
        CROSS JOIN LATERAL (SELECT * FROM directory_entries AS d \
           WHERE d.pool = (SELECT $1::bigint) AND d.crid = r.crid AND d.registration_id = r.id OFFSET 0) AS d \
         WHERE r.by_number AND (SELECT true FROM standing) \
        UNION ALL SELECT r.n, d.* FROM named AS r \
        CROSS JOIN LATERAL (SELECT * FROM directory_entries AS d \
           WHERE d.pool = (SELECT $1::bigint) AND d.email_key = r.email_key AND d.by_email AND d.registration_id = r.id OFFSET 0) AS d \
         WHERE (SELECT true FROM standing)) ",
    row_of!(
        "r.n",
        "NULL::timestamptz",
        "NULL::bigint, NULL::text, NULL::timestamptz, NULL::json",
        "NULL::boolean, NULL::boolean"
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

/// Where a row has the place of its key.
const PLACE: usize = 1;

/// Where a row says that the profile is missing since, and that the directory has everybody.
const MISSING: usize = list::REGISTRATION + ACCOUNT_COLUMNS;
const WHOLE: usize = MISSING + 1;

/// Looks up many registrations of a tenant's pool at once, and the users of both sides beside them.
pub struct PgBulkLookups {
    database: Database,
    statement_timeout: Duration,
    turns: Semaphore,
}

impl PgBulkLookups {
    pub(crate) fn new(database: Database, statement_timeout: Duration) -> Self {
        Self {
            database,
            statement_timeout,
            turns: Semaphore::new(AT_A_TIME),
        }
    }

    /// The rows, by the deadline.
    async fn rows(
        &self,
        cx: &CallContext,
        keys: &[LookupKey],
        mirror_since: Option<OffsetDateTime>,
    ) -> Result<Vec<PgRow>, SourceError> {
        let until = cx.deadline.min(Instant::now() + self.statement_timeout);
        let late = |why: &'static str| SourceError::with_cause(OPERATION, SourceErrorKind::Unavailable, why);
        let Ok(turn) = tokio::time::timeout_at(until.into(), self.turns.acquire()).await else {
            return Err(late("too many exports at a time"));
        };
        let mut connection = self.database.acquire_by(until).await.map_err(silence(OPERATION))?;
        let asked = self.ask(&mut connection, cx, keys, mirror_since);
        let answer = tokio::time::timeout_at(until.into(), asked).await;
        drop(turn);
        let answer = answer.unwrap_or_else(|_late| Err(late("no answer in time")));
        if answer
            .as_ref()
            .is_err_and(|error| error.kind == SourceErrorKind::Unavailable)
        {
            // Half a conversation, or another's answer: the connection is not used again.
            drop(connection.detach());
        }
        answer
    }

    async fn ask(
        &self,
        connection: &mut PgConnection,
        cx: &CallContext,
        keys: &[LookupKey],
        mirror_since: Option<OffsetDateTime>,
    ) -> Result<Vec<PgRow>, SourceError> {
        let connector = self.database.connector();
        if !connector.is_pooled() {
            return ask(connection, cx, keys, mirror_since, true).await;
        }
        let begun = connector.begin_on(connection).await;
        let mut transaction = begun.map_err(silence(OPERATION))?;
        let rows = ask(&mut transaction, cx, keys, mirror_since, false).await;
        let ended = transaction.rollback().await;
        let rows = rows?;
        ended.map_err(silence(OPERATION))?;
        Ok(rows)
    }
}

async fn ask(
    connection: &mut PgConnection,
    cx: &CallContext,
    keys: &[LookupKey],
    mirror_since: Option<OffsetDateTime>,
    named: bool,
) -> Result<Vec<PgRow>, SourceError> {
    let question = Question::new();
    let (mut ids, mut emails, mut registrations) = (Numbered::new(), Numbered::new(), Numbered::new());
    for (n, key) in (0..).zip(keys) {
        match key {
            LookupKey::Id(crid) => ids.push(n, crid.as_str()),
            // Neither can be stored; and '' is what rows without an address have for a key.
            LookupKey::Email(email) if email.as_str().is_empty() || email.as_str().contains('\0') => {}
            LookupKey::Email(email) => emails.push(n, email.as_str()),
            LookupKey::Registration(id) => registrations.push(n, *id),
        }
    }
    let rows = sqlx::query(BY_KEYS)
        .bind(cx.tenant.pool.0)
        .bind(ids.places)
        .bind(ids.values)
        .bind(emails.places)
        .bind(emails.values)
        .bind(registrations.places)
        .bind(registrations.values)
        .bind(provider_of(&cx.tenant))
        .bind(cx.tenant.settings.precedence.canonical())
        .bind(mirror_since)
        .bind(question.number())
        .persistent(named)
        .fetch_all(connection)
        .await
        .map_err(silence(OPERATION))?;
    question.verify(&rows).map_err(|foreign| foreign.silence(OPERATION))?;
    if !rows.iter().any(|row| row::is_empty(row, PLACE)) {
        return Err(Foreign::Missing.silence(OPERATION));
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
        let rows = self.rows(cx, keys, mirror_since).await?;
        let mut told = Told::nothing_of(keys.len());
        for row in &rows {
            told.read(row, &cx.tenant, keys)
                .map_err(|foreign| foreign.silence(OPERATION))?;
        }
        Ok(told.answer())
    }
}

/// What the rows have told so far, key by key.
struct Told {
    registrations: Vec<KeyResult>,
    entries: Vec<Option<Vec<MirrorEntry>>>,
    /// Since when the directory is true, and whether it has everybody.
    standing: Option<(OffsetDateTime, bool)>,
}

impl Told {
    fn nothing_of(keys: usize) -> Self {
        Self {
            registrations: vec![Ok(Vec::new()); keys],
            entries: vec![Some(Vec::new()); keys],
            standing: None,
        }
    }

    /// Reads a row; refuses one that does not belong to the key of its number.
    fn read(&mut self, row: &PgRow, tenant: &Tenant, keys: &[LookupKey]) -> Result<(), Foreign> {
        if row::is_empty(row, PLACE) {
            let as_of = row::moment(row, list::STANDING, "as_of").ok().flatten();
            self.standing = as_of.zip(row::truth(row, WHOLE, "whole").ok());
            return Ok(());
        }
        let n = row::number(row, PLACE, "n").ok().and_then(|n| usize::try_from(n).ok());
        let n = n.filter(|n| *n < keys.len()).ok_or(Foreign::Row)?;
        if row::is_empty(row, list::ENTRY) {
            self.registration(n, row, tenant, &keys[n])
        } else {
            self.entry(n, row, tenant);
            Ok(())
        }
    }

    fn registration(&mut self, n: usize, row: &PgRow, tenant: &Tenant, key: &LookupKey) -> Result<(), Foreign> {
        match (
            row::account_of(row, list::REGISTRATION, tenant.pool),
            &mut self.registrations[n],
        ) {
            (Err(BadRow::WrongPool), _) => return Err(Foreign::Row),
            (Ok(account), _) if !is_of(&account, key) => return Err(Foreign::Row),
            (Ok(account), Ok(accounts)) => accounts.push(account),
            (Ok(_), Err(_)) => {}
            (Err(bad), answer) => {
                tracing::error!(reason = %bad, "a row was refused");
                *answer = Err(SourceErrorKind::Corrupt);
            }
        }
        Ok(())
    }

    fn entry(&mut self, n: usize, row: &PgRow, tenant: &Tenant) {
        let entries = &mut self.entries[n];
        match (list::entry_of(row, tenant), row::truth(row, MISSING, "missing")) {
            (Ok(entry), Ok(false)) => {
                if let Some(entries) = entries {
                    entries.push(entry);
                }
            }
            (Ok(_), Ok(true)) => *entries = None,
            (Err(bad), _) | (_, Err(bad)) => {
                tracing::error!(reason = %bad, "a row was refused");
                *entries = None;
            }
        }
    }

    fn answer(mut self) -> BulkAnswer {
        for accounts in self.registrations.iter_mut().flatten() {
            accounts.sort_unstable_by(|a, b| a.crid.cmp(&b.crid));
        }
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

/// Whether a registration has the key by which it was looked up.
fn is_of(account: &Account, key: &LookupKey) -> bool {
    match key {
        LookupKey::Id(crid) => account.crid == *crid,
        LookupKey::Email(key) => account.email.as_ref().is_some_and(|email| email.key() == key),
        LookupKey::Registration(id) => account.registration_id == Some(*id),
    }
}

/// Values with the places of their keys.
struct Numbered<T> {
    places: Vec<i64>,
    values: Vec<T>,
}

impl<T> Numbered<T> {
    const fn new() -> Self {
        Self {
            places: Vec::new(),
            values: Vec::new(),
        }
    }

    fn push(&mut self, place: i64, value: T) {
        self.places.push(place);
        self.values.push(value);
    }
}

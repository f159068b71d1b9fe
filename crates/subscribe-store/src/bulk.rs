//! Many users in one statement, on the connections of searches: single look-ups have theirs for themselves.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use masthead_ports::{
    bulk::{BulkLookups, KeyAnswer, LookupKey},
    source::{CallContext, SourceError, SourceErrorKind},
};
use sqlx::{PgConnection, PgPool, postgres::PgRow};
use tokio::sync::Semaphore;

use crate::{
    row::{account_columns, account_of},
    sqlstate::silence,
};

const OPERATION: &str = "by_keys";

/// How many statements of exports run at a time: they share their connections with searches, which people wait for.
const AT_A_TIME: usize = 2;

/// `OFFSET 0` keeps each look-up an index scan of its own, as in the coalesced look-ups (ADR 0011). `n` is the place of the
/// key among those that were asked for.
const BY_KEYS: &str = concat!(
    "SELECT k.n, ",
    account_columns!("r"),
    " FROM unnest($2::bigint[], $3::text[]) AS k (n, crid) \
     CROSS JOIN LATERAL (SELECT * FROM registrations AS r \
        WHERE r.pool = $1 AND r.crid = k.crid AND r.deleted_at IS NULL OFFSET 0) AS r \
     UNION ALL SELECT k.n, ",
    account_columns!("r"),
    " FROM unnest($4::bigint[], $5::text[]) AS k (n, email_key) \
     CROSS JOIN LATERAL (SELECT * FROM registrations AS r \
        WHERE r.pool = $1 AND r.email_key = k.email_key AND r.deleted_at IS NULL OFFSET 0) AS r \
     UNION ALL SELECT k.n, ",
    account_columns!("r"),
    " FROM unnest($6::bigint[], $7::bigint[]) AS k (n, id) \
     CROSS JOIN LATERAL (SELECT * FROM registrations AS r \
        WHERE r.pool = $1 AND r.id = k.id AND r.deleted_at IS NULL OFFSET 0) AS r"
);

/// Looks up many registrations of a tenant's pool at once.
pub struct PgBulkLookups {
    pool: PgPool,
    statement_timeout: Duration,
    named_statements: bool,
    turns: Semaphore,
}

impl PgBulkLookups {
    pub(crate) fn new(pool: PgPool, statement_timeout: Duration, named_statements: bool) -> Self {
        Self {
            pool,
            statement_timeout,
            named_statements,
            turns: Semaphore::new(AT_A_TIME),
        }
    }

    /// The rows, by the deadline.
    async fn rows(&self, cx: &CallContext, keys: &[LookupKey]) -> Result<Vec<PgRow>, SourceError> {
        let until = cx.deadline.min(Instant::now() + self.statement_timeout);
        let late = |why: &'static str| SourceError::because(OPERATION, SourceErrorKind::Unavailable, why);
        let Ok(turn) = tokio::time::timeout_at(until.into(), self.turns.acquire()).await else {
            return Err(late("too many exports at a time"));
        };
        let connection = tokio::time::timeout_at(until.into(), self.pool.acquire()).await;
        let mut connection = connection
            .map_err(|_late| late("no connection in time"))?
            .map_err(silence(OPERATION))?;
        let asked = self.ask(&mut connection, cx, keys);
        let answer = tokio::time::timeout_at(until.into(), asked).await;
        drop(turn);
        answer.unwrap_or_else(|_late| {
            // Half a conversation is of no use to anybody.
            drop(connection.detach());
            Err(late("no answer in time"))
        })
    }

    async fn ask(
        &self,
        connection: &mut PgConnection,
        cx: &CallContext,
        keys: &[LookupKey],
    ) -> Result<Vec<PgRow>, SourceError> {
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
        sqlx::query(BY_KEYS)
            .bind(cx.tenant.pool.0)
            .bind(ids.places)
            .bind(ids.values)
            .bind(emails.places)
            .bind(emails.values)
            .bind(registrations.places)
            .bind(registrations.values)
            .persistent(self.named_statements)
            .fetch_all(connection)
            .await
            .map_err(silence(OPERATION))
    }
}

#[async_trait]
impl BulkLookups for PgBulkLookups {
    async fn by_keys(&self, cx: &CallContext, keys: &[LookupKey]) -> Result<Vec<KeyAnswer>, SourceError> {
        let rows = self.rows(cx, keys).await?;
        let mut answers: Vec<KeyAnswer> = keys.iter().map(|_| Ok(Vec::new())).collect();
        for row in &rows {
            let place: Option<i64> = sqlx::Row::try_get_unchecked(row, 0).ok();
            let Some(answer) = place
                .and_then(|n| usize::try_from(n).ok())
                .and_then(|n| answers.get_mut(n))
            else {
                tracing::error!("a row that answers no look-up was read");
                continue;
            };
            match (account_of(row, 1, cx.tenant.pool), answer) {
                (Ok(account), Ok(accounts)) => accounts.push(account),
                (Ok(_), Err(_)) => {}
                (Err(bad), answer) => {
                    tracing::error!(reason = %bad, "a row was refused");
                    *answer = Err(SourceErrorKind::Corrupt);
                }
            }
        }
        for accounts in answers.iter_mut().flatten() {
            accounts.sort_unstable_by(|a, b| a.crid.cmp(&b.crid));
        }
        Ok(answers)
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

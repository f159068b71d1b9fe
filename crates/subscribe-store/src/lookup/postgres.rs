//! Look-ups on one connection of Postgres, held and reopened with back-off when broken.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::TryStreamExt;
use masthead_domain::{account::Account, tenant::PoolId};
use masthead_ports::source::SourceErrorKind;
use sqlx::{
    Connection as _, Executor,
    postgres::{PgConnectOptions, PgConnection, PgRow},
};

use super::{
    Failed, Key,
    worker::{Answer, Backend, BatchError},
};
use crate::{
    row::{BadRow, account_columns, account_of},
    sqlstate::{Failure, redacted},
};

/// `OFFSET 0` keeps each look-up an index scan of its own, whatever the planner thinks of the arrays. Addresses are
/// numbered after the ids.
const LOOKUP: &str = concat!(
    "SELECT k.n, ",
    account_columns!("r"),
    " FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS k (pool, crid, n) \
     CROSS JOIN LATERAL (SELECT * FROM registrations AS r \
        WHERE r.pool = k.pool AND r.crid = k.crid AND r.deleted_at IS NULL OFFSET 0) AS r \
     UNION ALL SELECT -k.n, ",
    account_columns!("r"),
    " FROM unnest($3::bigint[], $4::text[]) WITH ORDINALITY AS k (pool, email_key, n) \
     CROSS JOIN LATERAL (SELECT * FROM registrations AS r \
        WHERE r.pool = k.pool AND r.email_key = k.email_key AND r.deleted_at IS NULL OFFSET 0) AS r"
);

/// The first pause after a connection could not be opened; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// A database that is back must be noticed in a second or two.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The backend of one worker.
pub(crate) struct PgLookups {
    options: PgConnectOptions,
    named_statements: bool,
    connect_timeout: Duration,
    statement_timeout: Duration,
    connection: Option<PgConnection>,
    pause: Duration,
    closed_until: Option<Instant>,
}

impl PgLookups {
    pub(crate) fn new(
        options: PgConnectOptions,
        named_statements: bool,
        connect_timeout: Duration,
        statement_timeout: Duration,
    ) -> Self {
        Self {
            options,
            named_statements,
            connect_timeout,
            statement_timeout,
            connection: None,
            pause: FIRST_PAUSE,
            closed_until: None,
        }
    }

    /// The connection that is held, or a new one; in the pause after a failure, an error at once.
    async fn connection(&mut self, deadline: Instant) -> Result<PgConnection, BatchError> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        if self.closed_until.is_some_and(|until| Instant::now() < until) {
            return Err(unavailable("the database could not be reached a moment ago"));
        }
        let until = deadline.min(Instant::now() + self.connect_timeout);
        let error = match tokio::time::timeout_at(until.into(), PgConnection::connect_with(&self.options)).await {
            Ok(Ok(connection)) => {
                self.pause = FIRST_PAUSE;
                self.closed_until = None;
                return Ok(connection);
            }
            Ok(Err(error)) => BatchError::All(Failure::of(&error).kind(), redacted(error).into()),
            Err(_late) => unavailable("no connection in time"),
        };
        self.closed_until = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Err(error)
    }
}

impl Backend for PgLookups {
    async fn ask(&mut self, keys: &[(PoolId, &Key)], deadline: Instant) -> Result<Vec<Answer>, BatchError> {
        let held = self.connection.is_some();
        match self.ask_once(keys, deadline).await {
            // A connection that was held may have been dead for long; one fresh try is fair, many would be a storm.
            Err((Failure::Connection, _)) if held => self.ask_once(keys, deadline).await.map_err(|(_, error)| error),
            answered => answered.map_err(|(_, error)| error),
        }
    }

    async fn close(self) {
        if let Some(connection) = self.connection {
            let _ = connection.close().await;
        }
    }
}

impl PgLookups {
    async fn ask_once(
        &mut self,
        keys: &[(PoolId, &Key)],
        deadline: Instant,
    ) -> Result<Vec<Answer>, (Failure, BatchError)> {
        // Out of `self` while it is in use: were this future dropped, half a conversation would be dropped with it.
        let mut connection = self
            .connection(deadline)
            .await
            .map_err(|error| (Failure::Misconfigured, error))?;
        let until = deadline.min(Instant::now() + self.statement_timeout);
        let asked = ask(&mut connection, keys, self.named_statements);
        let error = match tokio::time::timeout_at(until.into(), asked).await {
            Ok(Ok(rows)) => {
                self.connection = Some(connection);
                return Ok(sorted(keys, &rows));
            }
            Ok(Err(error)) => error,
            Err(_late) => return Err((Failure::Cancelled, unavailable("no answer in time"))),
        };
        let failure = Failure::of(&error);
        if failure != Failure::Connection {
            self.connection = Some(connection);
        }
        let cause = redacted(error).into();
        let error = match failure {
            Failure::Data | Failure::Corrupt => BatchError::Keys(cause),
            _ => BatchError::All(failure.kind(), cause),
        };
        Err((failure, error))
    }
}

async fn ask(
    connection: &mut PgConnection,
    keys: &[(PoolId, &Key)],
    named_statements: bool,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let (mut id_pools, mut ids, mut email_pools, mut emails) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (pool, key) in keys {
        match key {
            Key::Id(crid) => {
                id_pools.push(pool.0);
                ids.push(crid.as_str());
            }
            Key::Email(email) => {
                email_pools.push(pool.0);
                emails.push(email.as_str());
            }
        }
    }
    let query = sqlx::query(LOOKUP)
        .bind(id_pools)
        .bind(ids)
        .bind(email_pools)
        .bind(emails)
        .persistent(named_statements);
    // What `fetch_all` does, with two layers of streams less for each row.
    let mut answers = connection.fetch_many(query);
    let mut rows = Vec::with_capacity(keys.len());
    while let Some(answer) = answers.try_next().await? {
        rows.extend(answer.right());
    }
    Ok(rows)
}

/// Gives each row to the key that it answers.
fn sorted(keys: &[(PoolId, &Key)], rows: &[PgRow]) -> Vec<Answer> {
    let place = |wanted: fn(&Key) -> bool| -> Vec<usize> {
        keys.iter()
            .enumerate()
            .filter(|(_, (_, key))| wanted(key))
            .map(|(at, _)| at)
            .collect()
    };
    let ids = place(|key| matches!(key, Key::Id(_)));
    let emails = place(|key| matches!(key, Key::Email(_)));
    let mut answers: Vec<Answer> = keys.iter().map(|_| Ok(Vec::new())).collect();
    for row in rows {
        let Some(at) = number(row).and_then(|n| key_of(n, &ids, &emails)) else {
            tracing::error!("a row that answers no look-up was read");
            continue;
        };
        match account_of(row, 1, keys[at].0) {
            Ok(account) => {
                if let Ok(accounts) = &mut answers[at] {
                    accounts.push(account);
                }
            }
            Err(bad) => answers[at] = Err(refused(bad)),
        }
    }
    for accounts in answers.iter_mut().flatten() {
        accounts.sort_unstable_by(|a: &Account, b: &Account| a.crid.cmp(&b.crid));
    }
    answers
}

fn number(row: &PgRow) -> Option<i64> {
    sqlx::Row::try_get_unchecked(row, 0).ok()
}

/// The key of a row's number: positive for ids, negative for addresses, from one.
fn key_of(n: i64, ids: &[usize], emails: &[usize]) -> Option<usize> {
    let keys = if n > 0 { ids } else { emails };
    let at = usize::try_from(n.unsigned_abs()).ok()?.checked_sub(1)?;
    keys.get(at).copied()
}

fn refused(bad: BadRow) -> Failed {
    tracing::error!(reason = %bad, "a row was refused");
    Failed {
        kind: SourceErrorKind::Corrupt,
        cause: Some(Arc::new(bad)),
    }
}

fn unavailable(why: &'static str) -> BatchError {
    let cause: Box<dyn std::error::Error + Send + Sync> = why.into();
    BatchError::All(SourceErrorKind::Unavailable, cause.into())
}

//! Look-ups on one Postgres connection, reopened with back-off after a failure.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use masthead_domain::{tenant::PoolId, user_key::UserKey};
use masthead_ports::source::SourceErrorKind;
use sqlx::{
    Connection as _, Executor,
    postgres::{PgConnection, PgRow},
};

use super::{
    key::KeyResult,
    statement::LookupStatement,
    worker::{BatchError, LookupBackend},
};
use crate::{
    connect::Connector,
    slow_statements::StatementTimer,
    sqlstate::{PgErrorKind, redacted},
};

/// The first pause after a connection could not be opened; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// A recovered database must be noticed within seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct PgLookups {
    connector: Connector,
    connect_timeout: Duration,
    statement_timeout: Duration,
    connection: Option<PgConnection>,
    pause: Duration,
    closed_until: Option<Instant>,
}

impl PgLookups {
    pub(crate) fn new(connector: Connector, connect_timeout: Duration, statement_timeout: Duration) -> Self {
        Self {
            connector,
            connect_timeout,
            statement_timeout,
            connection: None,
            pause: FIRST_PAUSE,
            closed_until: None,
        }
    }

    /// The open connection or a new one; during the pause after a failure, an error at once.
    async fn connection(&mut self, deadline: Instant) -> Result<PgConnection, BatchError> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        if self.closed_until.is_some_and(|until| Instant::now() < until) {
            return Err(unavailable("the last connection attempt has just failed"));
        }
        let until = deadline.min(Instant::now() + self.connect_timeout);
        let error = match tokio::time::timeout_at(until.into(), self.connector.connect()).await {
            Ok(Ok(connection)) => {
                self.pause = FIRST_PAUSE;
                self.closed_until = None;
                return Ok(connection);
            }
            Ok(Err(error)) => BatchError::All(PgErrorKind::from_error(&error).kind(), redacted(error).into()),
            Err(_late) => unavailable("no connection in time"),
        };
        self.closed_until = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Err(error)
    }
}

impl LookupBackend for PgLookups {
    async fn query(&mut self, keys: &[(PoolId, &UserKey)], deadline: Instant) -> Result<Vec<KeyResult>, BatchError> {
        let held = self.connection.is_some();
        let timer = StatementTimer::start();
        let answered = match self.query_once(keys, deadline).await {
            // A kept connection may be dead for long: one retry is fair, more would be a storm.
            Err((PgErrorKind::Connection, _)) if held => self.query_once(keys, deadline).await,
            // A migration may end between preparing and executing.
            Err((PgErrorKind::StalePlan, _)) => self.query_once(keys, deadline).await,
            answered => answered,
        };
        timer.stop(|| "look-up by key".to_owned());
        answered.map_err(|(_, error)| error)
    }

    async fn close(self) {
        if let Some(connection) = self.connection {
            let _ = connection.close().await;
        }
    }
}

impl PgLookups {
    async fn query_once(
        &mut self,
        keys: &[(PoolId, &UserKey)],
        deadline: Instant,
    ) -> Result<Vec<KeyResult>, (PgErrorKind, BatchError)> {
        // Taken out of `self` during use: if this future is dropped, the half-used connection is dropped with it.
        let mut connection = self
            .connection(deadline)
            .await
            .map_err(|error| (PgErrorKind::Misconfigured, error))?;
        let until = deadline.min(Instant::now() + self.statement_timeout);
        let querying = query(&mut connection, keys, &self.connector);
        let error = match tokio::time::timeout_at(until.into(), querying).await {
            Ok(Ok(answers)) => {
                self.connection = Some(connection);
                return Ok(answers);
            }
            Ok(Err(error)) => error,
            Err(_late) => {
                return Err((
                    PgErrorKind::Cancelled,
                    unavailable("the database did not answer in time"),
                ));
            }
        };
        let failure = PgErrorKind::from_error(&error);
        if !matches!(failure, PgErrorKind::Connection | PgErrorKind::StalePlan) {
            self.connection = Some(connection);
        }
        let cause = redacted(error).into();
        let error = match failure {
            PgErrorKind::Data | PgErrorKind::Corrupt => BatchError::SearchKeys(cause),
            _ => BatchError::All(failure.kind(), cause),
        };
        Err((failure, error))
    }
}

async fn query(
    connection: &mut PgConnection,
    keys: &[(PoolId, &UserKey)],
    connector: &Connector,
) -> Result<Vec<KeyResult>, sqlx::Error> {
    let statement = LookupStatement::new(keys);
    let rows = if connector.is_pooled() {
        let mut transaction = connector.begin_on(connection).await?;
        let rows = rows(&mut transaction, &statement, false).await;
        // Read-only: a rollback also works after an error.
        let ended = transaction.rollback().await;
        let rows = rows?;
        ended?;
        rows
    } else {
        rows(connection, &statement, true).await?
    };
    // Handled as a connection error: the connection is closed, and the batch is retried once on another.
    Ok(statement.answers(&rows)?)
}

async fn rows(
    connection: &mut PgConnection,
    statement: &LookupStatement<'_>,
    named: bool,
) -> Result<Vec<PgRow>, sqlx::Error> {
    // As `fetch_all`, with two layers of streams less per row.
    let mut answers = connection.fetch_many(statement.query().persistent(named));
    let mut rows = Vec::new();
    while let Some(answer) = answers.try_next().await? {
        rows.extend(answer.right());
    }
    Ok(rows)
}

fn unavailable(why: &'static str) -> BatchError {
    let cause: Box<dyn std::error::Error + Send + Sync> = why.into();
    BatchError::All(SourceErrorKind::Unavailable, cause.into())
}

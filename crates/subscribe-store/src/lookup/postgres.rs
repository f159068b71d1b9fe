//! Look-ups on one connection of Postgres, held and reopened with back-off when broken.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use masthead_domain::tenant::PoolId;
use masthead_domain::user_key::UserKey;
use masthead_ports::source::SourceErrorKind;
use sqlx::{
    Connection as _, Executor,
    postgres::{PgConnection, PgRow},
};

use super::{
    statement::Statement,
    worker::{Answer, Backend, BatchError},
};
use crate::{
    connect::Connector,
    sqlstate::{Failure, redacted},
};

/// The first pause after a connection could not be opened; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// A database that is back must be noticed in a second or two.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The backend of one worker.
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

    /// The connection that is held, or a new one; in the pause after a failure, an error at once.
    async fn connection(&mut self, deadline: Instant) -> Result<PgConnection, BatchError> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        if self.closed_until.is_some_and(|until| Instant::now() < until) {
            return Err(unavailable("the database could not be reached a moment ago"));
        }
        let until = deadline.min(Instant::now() + self.connect_timeout);
        let error = match tokio::time::timeout_at(until.into(), self.connector.connect()).await {
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
    async fn ask(&mut self, keys: &[(PoolId, &UserKey)], deadline: Instant) -> Result<Vec<Answer>, BatchError> {
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
        keys: &[(PoolId, &UserKey)],
        deadline: Instant,
    ) -> Result<Vec<Answer>, (Failure, BatchError)> {
        // Out of `self` while it is in use: were this future dropped, half a conversation would be dropped with it.
        let mut connection = self
            .connection(deadline)
            .await
            .map_err(|error| (Failure::Misconfigured, error))?;
        let until = deadline.min(Instant::now() + self.statement_timeout);
        let asked = ask(&mut connection, keys, &self.connector);
        let error = match tokio::time::timeout_at(until.into(), asked).await {
            Ok(Ok(answers)) => {
                self.connection = Some(connection);
                return Ok(answers);
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
    keys: &[(PoolId, &UserKey)],
    connector: &Connector,
) -> Result<Vec<Answer>, sqlx::Error> {
    let statement = Statement::of(keys);
    let rows = if connector.is_pooled() {
        let mut transaction = connector.begin_on(connection).await?;
        let rows = rows(&mut transaction, &statement, false).await;
        // Only read: either end will do, and this one does even after an error.
        let ended = transaction.rollback().await;
        let rows = rows?;
        ended?;
        rows
    } else {
        rows(connection, &statement, true).await?
    };
    // An error of the connection, which is closed then, and the batch asked once more on another.
    Ok(statement.answers(&rows)?)
}

async fn rows(
    connection: &mut PgConnection,
    statement: &Statement<'_>,
    named: bool,
) -> Result<Vec<PgRow>, sqlx::Error> {
    // What `fetch_all` does, with two layers of streams less for each row.
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

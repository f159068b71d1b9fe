//! Pooled connections and the statements on them: through a connection pooler always in a transaction (ADR 0086).

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{
    StreamExt as _, TryStreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use masthead_ports::source::SourceError;
use sqlx::{
    Connection as _, Either, Execute, Executor, PgConnection, PgPool, Postgres, SqlSafeStr as _, SqlStr,
    postgres::{PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore};

use crate::{
    connect::{Connector, HEAD_START, PoolerError, configuration, pooler_error},
    kept_connections::{AcquiredConnection, KeptConnections},
    older_connections::OlderConnections,
    pool_writes::PoolWrites,
    repeatable::{Repeatable, STALE_TRIES},
    slow_statements::{StatementTimer, name_of},
    sqlstate::{PgErrorKind, has_lost_connection, has_stale_plan, was_not_executed},
    transaction::{QueryStep, TransactionContext, executor_methods},
};

pub(crate) use crate::transaction::Transaction;

/// How long the last statements of a pool may take when it is closed.
const LAST_ANSWER: Duration = Duration::from_secs(5);

/// A pool of connections with one set of settings.
#[derive(Clone)]
pub(crate) struct PgDatabase {
    pool: PgPool,
    connector: Connector,
    /// Wakes callers that wait for a connection when an unexpected pooler is detected. The pool itself would retry until the
    /// callers time out, without the reason.
    refused: Arc<Notify>,
    older: OlderConnections,
    kept: Arc<KeptConnections>,
    /// One for each connection; callers wait for them in turn.
    places: Arc<Semaphore>,
    /// How long a caller waits for a connection.
    patience: Duration,
    /// The host that new connections lead to.
    host: Arc<AtomicUsize>,
    /// How many passwords were replaced before that which new connections use.
    passwords: Arc<AtomicUsize>,
    /// Held while another host is looked for.
    search: Arc<Mutex<()>>,
    /// Where committed writes are marked; `None` without replicas.
    writes: Option<Arc<PoolWrites>>,
}

impl PgDatabase {
    /// Opens connections on first use, and verifies each.
    pub(crate) fn new(connector: Connector, options: PgPoolOptions) -> Self {
        let refused = Arc::new(Notify::new());
        let (refusals, verifier) = (Arc::clone(&refused), connector.clone());
        let options = options.after_connect(move |connection, _| {
            let (refusals, verifier) = (Arc::clone(&refusals), verifier.clone());
            Box::pin(async move {
                let shown = verifier.verify(connection).await;
                if shown.as_ref().is_err_and(|error| pooler_error(error).is_some()) {
                    refusals.notify_waiters();
                }
                shown
            })
        });
        let older = OlderConnections::new(connector.must_write());
        let outdated = older.clone();
        let options =
            options.before_acquire(move |_, meta| Box::pin(std::future::ready(Ok(!outdated.include(meta.age)))));
        let pool = options.connect_lazy_with(connector.options());
        let connections = usize::try_from(pool.options().get_max_connections()).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            kept: Arc::new(KeptConnections::new(pool.clone())),
            places: Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))),
            patience: pool.options().get_acquire_timeout(),
            pool,
            host: Arc::new(AtomicUsize::new(connector.current_host())),
            passwords: Arc::new(AtomicUsize::new(connector.password_replacements())),
            search: Arc::default(),
            connector,
            refused,
            older,
            writes: None,
        }
    }

    /// The same, with its writes marked here.
    pub(crate) fn with_writes(self, writes: Option<Arc<PoolWrites>>) -> Self {
        Self { writes, ..self }
    }

    /// How many connections it has at most.
    pub(crate) fn connections(&self) -> u32 {
        self.pool.options().get_max_connections()
    }

    pub(crate) const fn connector(&self) -> &Connector {
        &self.connector
    }

    /// A connection, until this time. Through a pooler it must only be used in a transaction. After its last answer it should be
    /// [kept](Self::keep).
    pub(crate) async fn acquire_by(&self, until: Instant) -> Result<AcquiredConnection, sqlx::Error> {
        let acquired = async {
            match self.take_place(until).await? {
                Ok(kept) => Ok(kept),
                Err(place) => self.acquire_tested(place).await,
            }
        };
        let acquired = tokio::time::timeout_at(until.into(), acquired).await;
        acquired.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// A connection, within the time that the pool allows; a failure is logged.
    async fn acquire(&self) -> Result<AcquiredConnection, sqlx::Error> {
        let taken = self.take_place(Instant::now() + self.patience).await;
        match taken.map_err(|error| self.connector.not_connected(error))? {
            Ok(kept) => Ok(kept),
            Err(place) => self.acquire_tested(place).await,
        }
    }

    /// Waits for a place, until this time: one with a kept connection, or one for a connection of the pool.
    async fn take_place(
        &self,
        until: Instant,
    ) -> Result<Result<AcquiredConnection, OwnedSemaphorePermit>, sqlx::Error> {
        self.follow_connector();
        let place = tokio::time::timeout_at(until.into(), Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_late| sqlx::Error::PoolTimedOut)?;
        let place = place.map_err(|_closed| sqlx::Error::PoolClosed)?;
        Ok(self.kept.take(place, |age| self.older.include(age)))
    }

    /// A connection of the pool for one of its places; none may be kept.
    async fn acquire_tested(&self, place: OwnedSemaphorePermit) -> Result<AcquiredConnection, sqlx::Error> {
        let acquired = self.unless_refused(self.pool.acquire()).await?;
        Ok(AcquiredConnection::new(acquired, place))
    }

    /// Keeps a connection for the next caller, whose last answer was read to its end.
    pub(crate) fn keep(&self, connection: AcquiredConnection) {
        self.kept.keep(connection);
    }

    /// Begins a transaction. A kept connection that turns out to be broken is replaced: nothing has been done on it.
    pub(crate) async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        let connection = self.acquire().await?;
        let is_untested = connection.is_untested;
        let begun = match self.begin_on(connection).await {
            Err((error, Some(place))) if is_untested && PgErrorKind::from_error(&error) == PgErrorKind::Connection => {
                self.kept.release();
                self.begin_on(self.acquire_tested(place).await?).await
            }
            begun => begun,
        };
        begun.map_err(|(error, _)| self.connector.not_connected(error))
    }

    async fn begin_on(
        &self,
        connection: AcquiredConnection,
    ) -> Result<Transaction, (sqlx::Error, Option<OwnedSemaphorePermit>)> {
        let context = TransactionContext {
            kept: Arc::clone(&self.kept),
            is_pooled: self.connector.is_pooled(),
            older: self.older.clone(),
            writes: self.writes.clone(),
        };
        Transaction::begin(connection, self.connector.begin().into_sql_str(), context).await
    }

    /// Closes the connections. Those to a server that does not answer are left after a while: the pool tests what it gets back, without
    /// a time limit.
    pub(crate) async fn close(&self) {
        let closed = self.pool.close();
        self.kept.release();
        if tokio::time::timeout(LAST_ANSWER, closed).await.is_err() {
            tracing::warn!("connections are not closed: the database server does not answer");
        }
    }

    /// Repeats work whose plan is stale, on a newer connection each time.
    pub(crate) async fn retry_stale<T, E, F>(
        &self,
        is_stale: impl Fn(&E) -> bool,
        mut work: impl FnMut() -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let mut done = work().await;
        for _ in 1..STALE_TRIES {
            if !done.as_ref().is_err_and(&is_stale) {
                break;
            }
            tracing::info!("prepared statements no longer fit the schema: connections are replaced");
            self.older.replace();
            done = work().await;
        }
        done
    }

    /// Executes a read, which must [keep](Self::keep) its connection only after a complete answer. It is repeated if its plan is
    /// stale, and once if its connection had broken: a kept one is not tested before.
    pub(crate) async fn read<T, F>(&self, mut read: impl FnMut() -> F) -> Result<T, SourceError>
    where
        F: Future<Output = Result<T, SourceError>>,
    {
        let done = self.retry_stale(has_stale_plan, &mut read).await;
        if !done.as_ref().is_err_and(has_lost_connection) {
            return done;
        }
        self.kept.release();
        read().await
    }

    /// Executes a statement as its own transaction. Only where a kept connection shows that it was broken before is the statement
    /// sent again: otherwise it may have been committed.
    async fn steps(&self, query: Repeatable) -> Result<Vec<Step>, sqlx::Error> {
        if self.connector.is_pooled() {
            let mut transaction = self.begin().await?;
            let steps = transaction.fetch_many(query).try_collect().await?;
            transaction.commit().await?;
            return Ok(steps);
        }
        let mut connection = self.acquire().await?;
        let mut steps = Vec::new();
        let mut done = execute(&mut connection, query.clone(), &mut steps).await;
        if connection.is_untested
            && steps.is_empty()
            && query.has_values()
            && done.as_ref().is_err_and(was_not_executed)
        {
            self.kept.release();
            connection = self.acquire_tested(connection.into_place()).await?;
            done = execute(&mut connection, query, &mut steps).await;
        }
        done.inspect_err(|error| self.older.replace_after(error))?;
        self.keep(connection);
        Ok(steps)
    }

    /// The result of `work`, or the reason why the pool cannot connect.
    async fn unless_refused<T>(&self, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
        // Boxed: the pool's own future is large, and is part of every use case's future.
        let work = Box::pin(work);
        let mut refused = std::pin::pin!(self.refused.notified());
        refused.as_mut().enable();
        self.follow_connector();
        tokio::select! {
            biased;
            done = work => done.map_err(|error| self.connector.not_connected(error)),
            () = refused => Err(configuration(PoolerError::Unexpected)),
            () = self.find_host() => Err(sqlx::Error::PoolTimedOut),
        }
    }

    /// Lets new connections lead to the current host of the connector, with the current password.
    fn follow_connector(&self) {
        let (current, passwords) = (self.connector.current_host(), self.connector.password_replacements());
        let is_other_host = self.host.swap(current, Ordering::Relaxed) != current;
        if is_other_host {
            tracing::info!(
                host = self.connector.options().get_host(),
                "the database server has changed"
            );
            self.older.replace();
        }
        if self.passwords.swap(passwords, Ordering::Relaxed) != passwords || is_other_host {
            self.pool.set_connect_options(self.connector.options());
        }
    }

    /// Looks for a host that accepts writes while a caller waits for a connection; the pool itself would try the same host
    /// again and again. Never ends: the pool goes on with the host that was found.
    async fn find_host(&self) {
        if self.connector.has_several_hosts() {
            tokio::time::sleep(HEAD_START).await;
            if let Ok(_searching) = self.search.try_lock()
                // Boxed: it is part of every use case's future.
                && let Ok(found) = Box::pin(self.connector.connect()).await
            {
                self.follow_connector();
                let _ = found.close().await;
            }
        }
        std::future::pending::<()>().await;
    }
}

impl std::fmt::Debug for PgDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PgDatabase(<redacted>)")
    }
}

type Step = Either<PgQueryResult, PgRow>;

/// Executes a statement, and adds its steps.
async fn execute(connection: &mut PgConnection, query: Repeatable, steps: &mut Vec<Step>) -> Result<(), sqlx::Error> {
    let (name, timer) = (query.sql.clone(), StatementTimer::start());
    let mut answers = connection.fetch_many(query);
    let done = loop {
        match answers.try_next().await {
            Ok(Some(step)) => steps.push(step),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    timer.stop(|| name_of(name.as_str()));
    done
}

/// Each statement is its own transaction.
impl<'c> Executor<'c> for &PgDatabase {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, QueryStep>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let database = self.clone();
        let query = Repeatable::new(query);
        let answered = async move {
            let query = query?;
            let is_stale = |error: &sqlx::Error| PgErrorKind::from_error(error) == PgErrorKind::StalePlan;
            let steps = database.retry_stale(is_stale, || database.steps(query.clone())).await?;
            Ok::<_, sqlx::Error>(stream::iter(steps.into_iter().map(Ok)))
        };
        stream::once(answered).try_flatten().boxed()
    }

    executor_methods!();
}

#[cfg(test)]
mod tests {
    use masthead_dev_postgres::TestDatabase;
    use tokio::task::JoinSet;

    use super::*;
    use crate::{database_url::DatabaseServers, hand_written, options::StoreOptions};

    async fn server_process(connection: &mut PgConnection) -> i32 {
        let query = sqlx::query_scalar("SELECT pg_backend_pid()");
        query.fetch_one(connection).await.unwrap()
    }

    async fn one_connection() -> (TestDatabase, PgDatabase) {
        let (created, _connection) = hand_written::connect().await;
        let options = StoreOptions::new(created.url().unwrap());
        let servers = DatabaseServers::parse(&options.url).unwrap();
        let options = StoreOptions {
            acquire_timeout: Duration::from_secs(30),
            ..options
        };
        let database = options.database(options.connector(&servers, &[]), 1);
        (created, database)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn kept_connection_serves_all_uses() {
        let (_created, database) = one_connection().await;
        let mut first = database.acquire().await.unwrap();
        let process = server_process(&mut first).await;
        database.keep(first);
        let mut second = database.acquire().await.unwrap();
        assert_eq!(server_process(&mut second).await, process);
        database.keep(second);
        let mut callers = JoinSet::new();
        for number in 0..50 {
            let database = database.clone();
            callers.spawn(async move {
                if number % 2 == 0 {
                    sqlx::query("SELECT 1").fetch_optional(&database).await.map(drop)
                } else {
                    database.begin().await?.commit().await
                }
            });
        }
        for done in callers.join_all().await {
            done.unwrap();
        }
        assert_eq!(database.pool.size(), 1);
        database.close().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn unused_connection_returns_to_pool() {
        let (_created, database) = one_connection().await;
        database.keep(database.acquire().await.unwrap());
        assert_eq!(database.pool.num_idle(), 0);
        tokio::time::timeout(Duration::from_secs(30), async {
            while database.pool.num_idle() == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .unwrap();
        database.keep(database.acquire().await.unwrap());
        database.close().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn write_survives_terminated_kept_connection() {
        let (created, database) = one_connection().await;
        created.run("CREATE TABLE written (number integer)").unwrap();
        let terminate = async || {
            let mut kept = database.acquire().await.unwrap();
            let process = server_process(&mut kept).await;
            database.keep(kept);
            let ended = created.run(&format!("SELECT pg_terminate_backend({process}, 30000)"));
            assert_eq!(ended.unwrap().trim(), "t");
        };
        let insert = || sqlx::query("INSERT INTO written VALUES ($1)").bind(1);
        terminate().await;
        insert().execute(&database).await.unwrap();
        terminate().await;
        let mut transaction = database.begin().await.unwrap();
        insert().execute(&mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(created.run("SELECT count(*) FROM written").unwrap().trim(), "2");
        database.close().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn dropped_transaction_is_rolled_back() {
        let (created, database) = one_connection().await;
        created.run("CREATE TABLE written (number integer)").unwrap();
        let mut transaction = database.begin().await.unwrap();
        let insert = || sqlx::query("INSERT INTO written VALUES ($1)").bind(1);
        insert().execute(&mut transaction).await.unwrap();
        drop(transaction);
        insert().execute(&database).await.unwrap();
        assert_eq!(created.run("SELECT count(*) FROM written").unwrap().trim(), "1");
        database.close().await;
    }
}

//! Pooled connections and the statements on them: through a connection pooler always in a transaction (ADR 0086).

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use futures_util::{
    StreamExt as _, TryStreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use masthead_domain::tenant::PoolId;
use masthead_ports::source::SourceError;
use sqlx::{
    Connection as _, Either, Execute, Executor, PgConnection, PgPool, Postgres, SqlStr,
    postgres::{PgCopyIn, PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};
use tokio::sync::{Mutex, Notify};

use crate::{
    connect::{Connector, HEAD_START, PoolerError, configuration, pooler_error},
    kept_connections::{AcquiredConnection, KeptConnections},
    older_connections::OlderConnections,
    pool_writes::PoolWrites,
    repeatable::{Repeatable, STALE_TRIES},
    slow_statements::{StatementTimer, name_of},
    sqlstate::{PgErrorKind, has_lost_connection, has_stale_plan},
};

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
    /// The host that new connections lead to.
    host: Arc<AtomicUsize>,
    /// How many passwords were replaced before that which new connections use.
    passwords: Arc<AtomicUsize>,
    /// Held while another host is looked for.
    search: Arc<Mutex<()>>,
    /// Where committed writes are marked; `None` without replicas.
    writes: Option<Arc<PoolWrites>>,
}

/// A transaction, rolled back when dropped.
pub(crate) struct Transaction {
    inner: sqlx::Transaction<'static, Postgres>,
    pooled: bool,
    older: OlderConnections,
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
        Self {
            pool: options.connect_lazy_with(connector.options()),
            host: Arc::new(AtomicUsize::new(connector.current_host())),
            passwords: Arc::new(AtomicUsize::new(connector.password_replacements())),
            search: Arc::default(),
            connector,
            refused,
            older,
            kept: Arc::default(),
            writes: None,
        }
    }

    /// The same, with its writes marked here.
    pub(crate) fn with_writes(self, writes: Option<Arc<PoolWrites>>) -> Self {
        Self { writes, ..self }
    }

    pub(crate) const fn connector(&self) -> &Connector {
        &self.connector
    }

    /// A connection, until this time. Through a pooler it must only be used in a transaction. After its last answer it should be
    /// [kept](Self::keep).
    pub(crate) async fn acquire_by(&self, until: Instant) -> Result<AcquiredConnection, sqlx::Error> {
        self.follow_connector();
        if let Some(kept) = self.kept.take(|age| self.older.include(age)) {
            return Ok(kept);
        }
        let acquired = tokio::time::timeout_at(until.into(), self.unless_refused(self.pool.acquire())).await;
        acquired
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))
            .map(AcquiredConnection::new)
    }

    /// Keeps a connection for the next caller of [`acquire_by`](Self::acquire_by). All others have it given back first.
    pub(crate) fn keep(&self, connection: AcquiredConnection) {
        self.kept.keep(connection, || self.pool.is_closed());
    }

    pub(crate) async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        self.kept.release();
        let begun = self.unless_refused(self.pool.begin_with(self.connector.begin())).await;
        Ok(Transaction {
            inner: begun?,
            pooled: self.connector.is_pooled(),
            older: self.older.clone(),
            writes: self.writes.clone(),
        })
    }

    pub(crate) async fn close(&self) {
        let closed = self.pool.close();
        self.kept.release();
        closed.await;
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

    async fn steps(&self, query: Repeatable) -> Result<Vec<Either<PgQueryResult, PgRow>>, sqlx::Error> {
        if self.connector.is_pooled() {
            let mut transaction = self.begin().await?;
            let steps = transaction.fetch_many(query).try_collect().await?;
            transaction.commit().await?;
            return Ok(steps);
        }
        self.kept.release();
        let mut connection = self.unless_refused(self.pool.acquire()).await?;
        let (name, timer) = (query.sql.clone(), StatementTimer::start());
        let steps: Result<Vec<_>, _> = connection.fetch_many(query).try_collect().await;
        timer.stop(|| name_of(name.as_str()));
        steps.inspect_err(|error| self.older.replace_after(error))
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

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Transaction(<redacted>)")
    }
}

impl std::fmt::Debug for PgDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PgDatabase(<redacted>)")
    }
}

impl Transaction {
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        self.inner.commit().await
    }

    /// Commits changes of what reads of the pool return: this process's later reads of the pool see them, also on replicas.
    pub(crate) async fn commit_write(self, pool: PoolId) -> Result<(), sqlx::Error> {
        let _marked = self.writes.as_ref().map(|writes| writes.mark_on_drop(pool));
        self.inner.commit().await
    }

    /// The same for changes of several pools.
    pub(crate) async fn commit_writes(self, pools: impl Iterator<Item = PoolId>) -> Result<(), sqlx::Error> {
        let _marked: Vec<_> = pools
            .filter_map(|pool| self.writes.as_ref().map(|writes| writes.mark_on_drop(pool)))
            .collect();
        self.inner.commit().await
    }

    pub(crate) async fn rollback(self) -> Result<(), sqlx::Error> {
        self.inner.rollback().await
    }

    /// Raises the time limit for a transaction of many rows. Also forces generic plans, where the connection does not: a
    /// plan for the values of a new pool would be made from statistics that do not know it.
    pub(crate) async fn allow_long_statements(&mut self) -> Result<(), sqlx::Error> {
        sqlx::raw_sql("SET LOCAL statement_timeout = '60s'; SET LOCAL plan_cache_mode = force_generic_plan")
            .execute(self)
            .await
            .map(|_| ())
    }

    pub(crate) async fn copy_in(
        &mut self,
        statement: &'static str,
    ) -> Result<PgCopyIn<&mut PgConnection>, sqlx::Error> {
        self.inner.copy_in_raw(statement).await
    }
}

type Describe = sqlx::Describe<Postgres>;
type QueryStep = Result<Either<PgQueryResult, PgRow>, sqlx::Error>;

/// The methods of `Executor` that both implementations share.
macro_rules! executor_methods {
    () => {
        fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
        where
            'c: 'e,
            E: 'q + Execute<'q, Postgres>,
        {
            first_row(self.fetch_many(query))
        }

        fn prepare_with<'e>(self, _: SqlStr, _: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
        where
            'c: 'e,
        {
            refuse_to_prepare()
        }

        fn describe<'e>(self, _: SqlStr) -> BoxFuture<'e, Result<Describe, sqlx::Error>>
        where
            'c: 'e,
        {
            refuse_to_prepare()
        }
    };
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

impl<'c> Executor<'c> for &'c mut Transaction {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, QueryStep>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let mut query = match Repeatable::new(query) {
            Ok(query) => query,
            Err(error) => return stream::once(std::future::ready(Err(error))).boxed(),
        };
        if self.pooled {
            // A named statement stays in the server session, which the pooler may give to a client that uses the same name for
            // another statement.
            query.is_persistent = false;
        }
        let (name, timer) = (query.sql.clone(), StatementTimer::start());
        let older = self.older.clone();
        let end = stream::poll_fn(move |_| {
            timer.stop(|| name_of(name.as_str()));
            std::task::Poll::Ready(None)
        });
        let steps = self
            .inner
            .fetch_many(query)
            .inspect_err(move |error| older.replace_after(error));
        steps.chain(end).boxed()
    }

    executor_methods!();
}

/// Reads the whole result, since an error may follow the first row.
fn first_row(mut steps: BoxStream<'_, QueryStep>) -> BoxFuture<'_, Result<Option<PgRow>, sqlx::Error>> {
    Box::pin(async move {
        let mut first = None;
        while let Some(step) = steps.try_next().await? {
            first = first.or(step.right());
        }
        Ok(first)
    })
}

/// A prepared statement outlives its transaction, and its name may clash on another connection.
fn refuse_to_prepare<'e, T>() -> BoxFuture<'e, Result<T, sqlx::Error>> {
    Box::pin(async { Err(sqlx::Error::Protocol("statements cannot be prepared separately".into())) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{database_url::DatabaseServers, hand_written, options::StoreOptions};

    async fn server_process(connection: &mut PgConnection) -> i32 {
        let query = sqlx::query_scalar("SELECT pg_backend_pid()");
        query.fetch_one(connection).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn kept_connection_leaves_room_for_other_uses() {
        let (created, _connection) = hand_written::connect().await;
        let options = StoreOptions::new(created.url().unwrap());
        let servers = DatabaseServers::parse(&options.url).unwrap();
        let database = options.database(options.connector(&servers, &[]), 1);
        let acquire = || database.acquire_by(Instant::now() + Duration::from_secs(30));

        let mut first = acquire().await.unwrap();
        let process = server_process(&mut first).await;
        database.keep(first);
        let mut second = acquire().await.unwrap();
        assert_eq!(server_process(&mut second).await, process);
        database.keep(second);
        sqlx::query("SELECT 1").fetch_optional(&database).await.unwrap();
        database.keep(acquire().await.unwrap());
        database.begin().await.unwrap().rollback().await.unwrap();
        database.keep(acquire().await.unwrap());
        database.close().await;
    }
}

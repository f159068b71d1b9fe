//! Pooled connections and the statements on them: through a connection pooler always in a transaction (ADR 0086).

use std::{sync::Arc, time::Instant};

use futures_util::{
    StreamExt as _, TryStreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use masthead_domain::tenant::PoolId;
use sqlx::{
    Either, Execute, Executor, PgConnection, PgPool, Postgres, SqlStr,
    error::BoxDynError,
    pool::PoolConnection,
    postgres::{PgArguments, PgCopyIn, PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};
use tokio::sync::Notify;

use crate::{
    connect::{Connector, PoolerError, configuration, pooler_error},
    pool_writes::PoolWrites,
};

/// A pool of connections with one set of settings.
#[derive(Clone)]
pub(crate) struct PgDatabase {
    pool: PgPool,
    connector: Connector,
    /// Wakes callers that wait for a connection when an unexpected pooler is detected. The pool itself would retry until the
    /// callers time out, without the reason.
    refused: Arc<Notify>,
    /// Where committed writes are marked; `None` without replicas.
    writes: Option<Arc<PoolWrites>>,
}

/// A transaction, rolled back when dropped.
#[derive(Debug)]
pub(crate) struct Transaction {
    inner: sqlx::Transaction<'static, Postgres>,
    pooled: bool,
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
        Self {
            pool: options.connect_lazy_with(connector.options().clone()),
            connector,
            refused,
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

    /// A connection, until this time. Through a pooler it must only be used in a transaction.
    pub(crate) async fn acquire_by(&self, until: Instant) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        let acquired = tokio::time::timeout_at(until.into(), self.unless_refused(self.pool.acquire())).await;
        acquired.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    pub(crate) async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        let begun = self.unless_refused(self.pool.begin_with(self.connector.begin())).await;
        Ok(Transaction {
            inner: begun?,
            pooled: self.connector.is_pooled(),
            writes: self.writes.clone(),
        })
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// The result of `work`, or the reason why the pool cannot connect.
    async fn unless_refused<T>(&self, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
        // Boxed: the pool's own future is large, and is part of every use case's future.
        let work = Box::pin(work);
        let mut refused = std::pin::pin!(self.refused.notified());
        refused.as_mut().enable();
        tokio::select! {
            biased;
            done = work => done.map_err(|error| self.connector.not_connected(error)),
            () = refused => Err(configuration(PoolerError::Unexpected)),
        }
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
        let answered = async move {
            let steps: Vec<_> = if database.connector.is_pooled() {
                let mut transaction = database.begin().await?;
                let steps = transaction.fetch_many(query).try_collect().await?;
                transaction.commit().await?;
                steps
            } else {
                let mut connection = database.unless_refused(database.pool.acquire()).await?;
                connection.fetch_many(query).try_collect().await?
            };
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
        if self.pooled {
            self.inner.fetch_many(Unnamed(query))
        } else {
            self.inner.fetch_many(query)
        }
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

/// Executes a statement without a name. A named one stays in the server session, which the pooler may give to a client that
/// uses the same name for another statement.
struct Unnamed<E>(E);

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Unnamed<E> {
    fn sql(self) -> SqlStr {
        self.0.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.0.statement()
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        self.0.take_arguments()
    }

    fn persistent(&self) -> bool {
        false
    }
}

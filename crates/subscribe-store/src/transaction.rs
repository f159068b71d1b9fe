//! A transaction on a pooled connection, and what the executors of statements share.

use std::sync::Arc;

use futures_util::{
    StreamExt as _, TryStreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use masthead_domain::tenant::PoolId;
use sqlx::{
    Either, Execute, Executor, PgConnection, Postgres, SqlStr,
    postgres::{PgQueryResult, PgRow, PgStatement, PgTransactionManager, PgTypeInfo},
};
// Not in sqlx itself.
use sqlx_core::transaction::TransactionManager as _;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    kept_connections::{AcquiredConnection, KeptConnections},
    older_connections::OlderConnections,
    pool_writes::PoolWrites,
    repeatable::Repeatable,
    slow_statements::{StatementTimer, name_of},
};

/// A transaction, rolled back when dropped.
pub(crate) struct Transaction {
    /// `None` once it has ended.
    connection: Option<AcquiredConnection>,
    /// The answer to its BEGIN was read.
    has_begun: bool,
    context: TransactionContext,
}

/// What a transaction needs of its database.
pub(crate) struct TransactionContext {
    /// Where its connection is kept afterwards.
    pub(crate) kept: Arc<KeptConnections>,
    /// Whether it leads through a connection pooler.
    pub(crate) is_pooled: bool,
    pub(crate) older: OlderConnections,
    /// Where its commit is marked; `None` without replicas.
    pub(crate) writes: Option<Arc<PoolWrites>>,
}

impl Transaction {
    /// Begins one by this statement. If that fails the connection is closed, and its place returned.
    pub(crate) async fn begin(
        connection: AcquiredConnection,
        statement: SqlStr,
        context: TransactionContext,
    ) -> Result<Self, (sqlx::Error, Option<OwnedSemaphorePermit>)> {
        let mut new = Self {
            connection: Some(connection),
            has_begun: false,
            context,
        };
        let begun = match new.connection() {
            Ok(connection) => PgTransactionManager::begin(connection, Some(statement)).await,
            Err(error) => Err(error),
        };
        match begun {
            Ok(()) => {
                new.has_begun = true;
                Ok(new)
            }
            Err(error) => Err((error, new.connection.take().map(AcquiredConnection::into_place))),
        }
    }

    fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            None => Err(sqlx::Error::Protocol("the transaction has ended".into())),
        }
    }

    /// Keeps the connection of an ended transaction for the next caller.
    fn keep_connection(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.context.kept.keep(connection);
        }
    }

    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        PgTransactionManager::commit(self.connection()?).await?;
        self.keep_connection();
        Ok(())
    }

    /// Commits changes of what reads of the pool return: this process's later reads of the pool see them, also on replicas.
    pub(crate) async fn commit_write(self, pool: PoolId) -> Result<(), sqlx::Error> {
        let writes = self.context.writes.clone();
        let _marked = writes.as_ref().map(|writes| writes.mark_on_drop(pool));
        self.commit().await
    }

    /// The same for changes of several pools.
    pub(crate) async fn commit_writes(self, pools: impl Iterator<Item = PoolId>) -> Result<(), sqlx::Error> {
        let writes = self.context.writes.clone();
        let _marked: Vec<_> = pools
            .filter_map(|pool| writes.as_ref().map(|writes| writes.mark_on_drop(pool)))
            .collect();
        self.commit().await
    }

    pub(crate) async fn rollback(mut self) -> Result<(), sqlx::Error> {
        PgTransactionManager::rollback(self.connection()?).await?;
        self.keep_connection();
        Ok(())
    }

    /// Raises the time limit for a transaction of many rows. Also forces generic plans, where the connection does not: a
    /// plan for the values of a new pool would be made from statistics that do not know it. More new entries wait in a search
    /// index, since entering many at once takes a third of the time; a search reads the 4 MB in 3.5 ms (ADR 0147).
    pub(crate) async fn allow_long_statements(&mut self) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(
            "SET LOCAL statement_timeout = '60s'; SET LOCAL plan_cache_mode = force_generic_plan; \
             SET LOCAL gin_pending_list_limit = '4MB'",
        )
        .execute(self)
        .await
        .map(|_| ())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        match self.connection.take() {
            // The pool sends it, and waits for its end.
            Some(mut connection) if self.has_begun => PgTransactionManager::start_rollback(&mut connection),
            // A transaction may begin after all, and would swallow what others do on the connection.
            Some(connection) => connection.abandon(),
            None => {}
        }
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Transaction(<redacted>)")
    }
}

pub(crate) type Describe = sqlx::Describe<Postgres>;
pub(crate) type QueryStep = Result<Either<PgQueryResult, PgRow>, sqlx::Error>;

/// The methods of `Executor` that both implementations share.
macro_rules! executor_methods {
    () => {
        fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
        where
            'c: 'e,
            E: 'q + Execute<'q, Postgres>,
        {
            $crate::transaction::first_row(self.fetch_many(query))
        }

        fn prepare_with<'e>(self, _: SqlStr, _: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
        where
            'c: 'e,
        {
            $crate::transaction::refuse_to_prepare()
        }

        fn describe<'e>(self, _: SqlStr) -> BoxFuture<'e, Result<$crate::transaction::Describe, sqlx::Error>>
        where
            'c: 'e,
        {
            $crate::transaction::refuse_to_prepare()
        }
    };
}
pub(crate) use executor_methods;

impl<'c> Executor<'c> for &'c mut Transaction {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, QueryStep>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let failed = |error| stream::once(std::future::ready(Err(error))).boxed();
        let mut query = match Repeatable::new(query) {
            Ok(query) => query,
            Err(error) => return failed(error),
        };
        if self.context.is_pooled {
            // A named statement stays in the server session, which the pooler may give to a client that uses the same name for
            // another statement.
            query.is_persistent = false;
        }
        let (name, timer) = (query.sql.clone(), StatementTimer::start());
        let older = self.context.older.clone();
        let end = stream::poll_fn(move |_| {
            timer.stop(|| name_of(name.as_str()));
            std::task::Poll::Ready(None)
        });
        let connection = match self.connection() {
            Ok(connection) => connection,
            Err(error) => return failed(error),
        };
        let steps = connection
            .fetch_many(query)
            .inspect_err(move |error| older.replace_after(error));
        steps.chain(end).boxed()
    }

    executor_methods!();
}

/// Reads the whole result, since an error may follow the first row.
pub(crate) fn first_row(mut steps: BoxStream<'_, QueryStep>) -> BoxFuture<'_, Result<Option<PgRow>, sqlx::Error>> {
    Box::pin(async move {
        let mut first = None;
        while let Some(step) = steps.try_next().await? {
            first = first.or(step.right());
        }
        Ok(first)
    })
}

/// A prepared statement outlives its transaction, and its name may clash on another connection.
pub(crate) fn refuse_to_prepare<'e, T>() -> BoxFuture<'e, Result<T, sqlx::Error>> {
    Box::pin(async { Err(sqlx::Error::Protocol("statements cannot be prepared separately".into())) })
}

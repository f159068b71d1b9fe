//! How connections are made: straight to Postgres, or through a connection pooler (ADR 0086).

use std::{
    collections::hash_map::RandomState,
    fmt::Write as _,
    hash::{BuildHasher as _, Hasher as _},
    sync::Arc,
};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, Row as _, postgres::PgConnectOptions};
use thiserror::Error;

use crate::options::StoreOptions;

/// A session setting of our own. Postgres keeps any setting whose name has a prefix that no extension has reserved
/// (PostgreSQL's manual, "Customized Options").
const MARK: &str = "masthead.session";

/// A connection pooler stands where the settings do not expect it, or in a mode that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PoolerError {
    /// The server refuses or drops what a session is to start with, so it is a pooler.
    #[error(
        "the URL leads through a connection pooler such as PgBouncer: for database.url set database.pooler = true; \
         database.direct_url must lead to Postgres itself"
    )]
    Unexpected,
    /// `pool_mode = statement` has no transactions.
    #[error("the connection pooler refuses transactions: PgBouncer must have pool_mode = transaction or session")]
    StatementMode,
    /// With `database.pooler = true` the pooler refuses a start-up parameter, which then is the URL's own.
    #[error("the connection pooler refuses a start-up parameter of the URL: remove `options` from database.url")]
    Parameter,
}

/// Makes connections of one kind.
#[derive(Clone)]
pub(crate) struct Connector {
    options: PgConnectOptions,
    /// The statement that begins a transaction.
    begin: Arc<str>,
    /// What [`MARK`] has in every session that really started with our settings; `None` through a pooler.
    mark: Option<Arc<str>>,
}

impl Connector {
    /// Connections whose sessions, or through a pooler whose transactions, have these settings. Values are not quoted.
    pub(crate) fn new(store: &StoreOptions, options: PgConnectOptions, settings: &[(&str, &str)]) -> Self {
        if store.pooler {
            // A session is another's in the next moment: only what ends with the transaction may be set.
            let mut begin = String::from("BEGIN");
            for (name, value) in settings {
                let _ = write!(begin, "; SET LOCAL {name} = {value}");
            }
            return Self {
                // The one parameter of sqlx's that PgBouncer refuses unless it is told not to.
                options: options.extra_float_digits(None).statement_cache_capacity(0),
                begin: begin.into(),
                mark: None,
            };
        }
        Self::direct(options, settings)
    }

    /// Connections to Postgres itself.
    pub(crate) fn direct(options: PgConnectOptions, settings: &[(&str, &str)]) -> Self {
        let mark = format!("{:016x}", RandomState::new().build_hasher().finish());
        Self {
            options: options.options(settings.iter().copied()).options([(MARK, &mark)]),
            begin: "BEGIN".into(),
            mark: Some(mark.into()),
        }
    }

    /// Whether connections lead through a pooler: then every statement must be within a transaction, and unnamed.
    pub(crate) const fn is_pooled(&self) -> bool {
        self.mark.is_none()
    }

    /// What begins a transaction.
    pub(crate) fn begin(&self) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.begin.to_string())
    }

    /// Begins a transaction on this connection.
    pub(crate) async fn begin_on<'c>(
        &self,
        connection: &'c mut PgConnection,
    ) -> Result<sqlx::Transaction<'c, Postgres>, sqlx::Error> {
        let begun = connection.begin_with(self.begin()).await;
        begun.map_err(|error| self.explained(error))
    }

    pub(crate) const fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// A new connection, which leads where the settings say.
    ///
    /// # Errors
    /// There is none; [`sqlx::Error::Configuration`] with a [`PoolerError`] where a pooler is found.
    pub(crate) async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let connected = PgConnection::connect_with(&self.options).await;
        let mut connection = connected.map_err(|error| self.explained(error))?;
        self.verify(&mut connection).await?;
        Ok(connection)
    }

    /// Refuses a connection that did not start with our settings: a pooler that is told to ignore `options` drops them
    /// without a word, time limits among them, and between the two round trips of a statement it may swap the server.
    ///
    /// The simple protocol is used, whose one message no pooler can part.
    pub(crate) async fn verify(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let Some(mark) = &self.mark else { return Ok(()) };
        let shown = sqlx::raw_sql("SELECT current_setting('masthead.session', true)")
            .fetch_one(connection)
            .await?;
        let shown: Option<String> = shown.try_get(0)?;
        if shown.as_deref() == Some(mark) {
            return Ok(());
        }
        Err(configuration(PoolerError::Unexpected))
    }

    /// The error, or what it says of a pooler. PgBouncer gives all errors of its own the state 08P01.
    pub(crate) fn explained(&self, error: sqlx::Error) -> sqlx::Error {
        let sqlx::Error::Database(refused) = &error else {
            return error;
        };
        if refused.code().as_deref() != Some("08P01") {
            return error;
        }
        let message = refused.message();
        if message.contains("unsupported startup parameter") {
            configuration(if self.is_pooled() {
                PoolerError::Parameter
            } else {
                PoolerError::Unexpected
            })
        } else if message.contains("statement pooling mode") {
            configuration(PoolerError::StatementMode)
        } else {
            error
        }
    }
}

pub(crate) fn configuration(error: PoolerError) -> sqlx::Error {
    sqlx::Error::Configuration(Box::new(error))
}

/// What an error says of a pooler.
pub(crate) fn pooler_error(error: &sqlx::Error) -> Option<PoolerError> {
    match error {
        sqlx::Error::Configuration(cause) => cause.downcast_ref().copied(),
        _ => None,
    }
}

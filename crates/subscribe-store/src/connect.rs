//! Opening connections: directly to Postgres, or through a connection pooler (ADR 0086).

use std::{
    collections::hash_map::RandomState,
    fmt::Write as _,
    hash::{BuildHasher as _, Hasher as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, Row as _, postgres::PgConnectOptions};
use thiserror::Error;

use crate::{
    connection_log::{ConnectionLog, name_server, server_name},
    database_url::DatabaseServers,
};

/// A custom session setting. Postgres accepts any setting whose prefix no extension has reserved (PostgreSQL manual,
/// "Customized Options").
const MARK: &str = "masthead.session";

/// No row for a server that is not in recovery.
const REPLAYED: &str =
    "SELECT (coalesce(pg_last_wal_replay_lsn(), '0/0') - '0/0'::pg_lsn)::bigint WHERE pg_is_in_recovery()";

/// A connection pooler that the settings do not expect, or in a mode that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PoolerError {
    /// The server rejects or drops start-up settings, so it is a pooler.
    #[error(
        "the URL leads through a connection pooler such as PgBouncer: for database.url set database.pooler = true; \
         database.direct_url must lead to Postgres itself"
    )]
    Unexpected,
    /// `pool_mode = statement` has no transactions.
    #[error("the connection pooler rejects transactions: PgBouncer must have pool_mode = transaction or session")]
    StatementMode,
    /// With `database.pooler = true` the pooler rejects a start-up parameter, which comes from the URL.
    #[error("the connection pooler rejects a start-up parameter of the URL: remove `options` from database.url")]
    Parameter,
}

/// A connection that cannot be encrypted as its URL demands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TlsError {
    /// The server has no TLS.
    #[error(
        "the database server at {host} offers no TLS: set it up there (ssl = on), or write sslmode=disable into the URL where \
         the network in between is trusted"
    )]
    NotOffered {
        /// Host and port.
        host: String,
    },
    /// The server's certificate is not trusted, or is of another host.
    #[error(
        "the certificate of the database server at {host} is refused ({reason}): see sslmode and sslrootcert of the URL"
    )]
    Certificate {
        /// Host and port.
        host: String,
        /// The reason, without data of the connection.
        reason: String,
    },
}

/// How long the current host may take before the others are tried, too.
pub(crate) const HEAD_START: Duration = Duration::from_millis(250);

/// Opens connections with one set of session settings.
#[derive(Clone)]
pub(crate) struct Connector {
    servers: DatabaseServers,
    begin: Arc<str>,
    /// The value of [`MARK`] in every session that started with our settings; `None` through a pooler.
    mark: Option<Arc<str>>,
    /// Of a replica: the position of the log that it has replayed.
    replayed: Option<Arc<AtomicU64>>,
    /// Where failed connections are logged; `None` for commands, whose errors are printed.
    log: Option<Arc<ConnectionLog>>,
}

impl Connector {
    /// Connections with these settings: per session, or through a pooler per transaction. Values are not quoted.
    pub(crate) fn new(is_pooled: bool, servers: &DatabaseServers, settings: &[(&str, &str)]) -> Self {
        if is_pooled {
            // The pooler may give the session to another client after each transaction: only `SET LOCAL` is safe.
            let mut begin = String::from("BEGIN");
            for (name, value) in settings {
                let _ = write!(begin, "; SET LOCAL {name} = {value}");
            }
            return Self {
                // The only parameter that sqlx sends and PgBouncer rejects by default.
                servers: servers.map(|options| options.extra_float_digits(None).statement_cache_capacity(0)),
                begin: begin.into(),
                mark: None,
                replayed: None,
                log: None,
            };
        }
        Self::direct(servers, settings)
    }

    /// Connections to Postgres itself.
    pub(crate) fn direct(servers: &DatabaseServers, settings: &[(&str, &str)]) -> Self {
        let mark = format!("{:016x}", RandomState::new().build_hasher().finish());
        Self {
            servers: servers.map(|options| options.options(settings.iter().copied()).options([(MARK, &mark)])),
            begin: "BEGIN".into(),
            mark: Some(mark.into()),
            replayed: None,
            log: None,
        }
    }

    /// The same, with failed connections logged here.
    pub(crate) fn with_log(self, log: Option<Arc<ConnectionLog>>) -> Self {
        Self { log, ..self }
    }

    /// The same to a replica: connections to one that is behind this position, or is no replica, are refused. After a crash
    /// a replica may accept connections before it is where it was.
    pub(crate) fn for_replica(self, replayed: Arc<AtomicU64>) -> Self {
        Self {
            replayed: Some(replayed),
            ..self
        }
    }

    /// Whether connections lead through a pooler: then every statement must be in a transaction, and unnamed.
    pub(crate) const fn is_pooled(&self) -> bool {
        self.mark.is_none()
    }

    pub(crate) fn begin(&self) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.begin.to_string())
    }

    pub(crate) async fn begin_on<'c>(
        &self,
        connection: &'c mut PgConnection,
    ) -> Result<sqlx::Transaction<'c, Postgres>, sqlx::Error> {
        let begun = connection.begin_with(self.begin()).await;
        begun.map_err(|error| self.explained(error))
    }

    /// The number of the host that was last found to accept writes.
    pub(crate) fn current_host(&self) -> usize {
        self.servers.current.load(Ordering::Relaxed)
    }

    /// Of the current host, with the current password.
    pub(crate) fn options(&self) -> PgConnectOptions {
        self.servers.host(self.current_host())
    }

    /// How often the password was replaced.
    pub(crate) fn password_replacements(&self) -> usize {
        self.servers.replacements()
    }

    pub(crate) fn has_several_hosts(&self) -> bool {
        self.servers.count() > 1
    }

    /// Whether a server that accepts no writes is refused.
    pub(crate) const fn must_write(&self) -> bool {
        self.servers.must_write
    }

    /// Opens a connection and verifies that no unexpected pooler is in between. Of several hosts the current one is tried
    /// first; if it fails, or takes [`HEAD_START`], all others at once.
    ///
    /// # Errors
    /// The connection fails; [`sqlx::Error::Configuration`] with a [`PoolerError`] if a pooler is detected.
    pub(crate) async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let first = self.current_host();
        let mut others = (0..self.servers.count()).filter(|host| *host != first);
        let mut attempts = FuturesUnordered::new();
        attempts.push(self.connect_to(first));
        let mut late = std::pin::pin!(tokio::time::sleep(HEAD_START));
        let mut has_waited = false;
        loop {
            let ended = tokio::select! {
                Some(ended) = attempts.next() => Some(ended),
                () = &mut late, if !has_waited => None,
            };
            has_waited = true;
            match ended {
                Some((host, Ok(connection))) => {
                    self.servers.current.store(host, Ordering::Relaxed);
                    return Ok(connection);
                }
                failed => {
                    attempts.extend(others.by_ref().map(|host| self.connect_to(host)));
                    if let (true, Some((_, Err(error)))) = (attempts.is_empty(), failed) {
                        return Err(error);
                    }
                }
            }
        }
    }

    async fn connect_to(&self, host: usize) -> (usize, Result<PgConnection, sqlx::Error>) {
        let options = &self.servers.host(host);
        let connected = async {
            let connected = PgConnection::connect_with(options).await;
            let mut connection = connected.map_err(|error| self.not_connected_to(options, error))?;
            self.verify(&mut connection).await?;
            Ok(connection)
        };
        (host, connected.await)
    }

    /// Rejects a connection that did not start with our settings: a pooler with `ignore_startup_parameters = options` drops
    /// them silently, including the time limits, and may switch servers between the two round trips of a statement.
    ///
    /// Uses the simple protocol: its single message cannot be split by a pooler.
    pub(crate) async fn verify(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if let Some(mark) = &self.mark {
            let shown = sqlx::raw_sql("SELECT current_setting('masthead.session', true)")
                .fetch_one(&mut *connection)
                .await?;
            let shown: Option<String> = shown.try_get(0)?;
            if shown.as_deref() != Some(mark) {
                return Err(configuration(PoolerError::Unexpected));
            }
        }
        if let Some(log) = &self.log {
            log.record_success();
        }
        if self.servers.must_write {
            let shown = sqlx::raw_sql("SHOW transaction_read_only")
                .fetch_one(&mut *connection)
                .await?;
            if shown.try_get::<String, _>(0)? != "off" {
                return Err(sqlx::Error::Protocol("the server accepts no writes".into()));
            }
        }
        let Some(replayed) = &self.replayed else { return Ok(()) };
        let least = replayed.load(Ordering::Acquire);
        let shown = sqlx::raw_sql(REPLAYED).fetch_optional(connection).await?;
        let shown: Option<i64> = shown.map(|row| row.try_get(0)).transpose()?;
        if shown.is_some_and(|shown| shown.cast_unsigned() >= least) {
            return Ok(());
        }
        Err(sqlx::Error::Protocol(
            "the server is no replica, or is behind what it has shown before".into(),
        ))
    }

    /// The error of an attempt to connect, with the server's name; logged if it is new.
    pub(crate) fn not_connected(&self, error: sqlx::Error) -> sqlx::Error {
        self.not_connected_to(&self.options(), error)
    }

    fn not_connected_to(&self, options: &PgConnectOptions, error: sqlx::Error) -> sqlx::Error {
        let error = name_server(self.explained_at(&server_name(options), error), options);
        if let Some(log) = &self.log {
            log.record_failure(&error);
        }
        error
    }

    /// Maps the errors of a pooler to [`PoolerError`] and those of TLS to [`TlsError`].
    pub(crate) fn explained(&self, error: sqlx::Error) -> sqlx::Error {
        self.explained_at(&server_name(&self.options()), error)
    }

    /// PgBouncer reports all of its own errors with SQLSTATE 08P01.
    fn explained_at(&self, server: &str, error: sqlx::Error) -> sqlx::Error {
        let error = tls_error(error, server);
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

/// Names the host, where TLS failed.
fn tls_error(error: sqlx::Error, server: &str) -> sqlx::Error {
    let host = server.to_owned();
    let named = match &error {
        // "server does not support TLS" is the only error of this kind before a handshake.
        sqlx::Error::Tls(cause) if cause.to_string().contains("does not support") => TlsError::NotOffered { host },
        sqlx::Error::Tls(cause) => TlsError::Certificate {
            host,
            reason: cause.to_string(),
        },
        // rustls reports a certificate that it refuses as invalid data.
        sqlx::Error::Io(cause) if cause.kind() == std::io::ErrorKind::InvalidData => TlsError::Certificate {
            host,
            reason: cause.to_string(),
        },
        _ => return error,
    };
    sqlx::Error::Configuration(Box::new(named))
}

/// The pooler error inside an error, if any.
pub(crate) fn pooler_error(error: &sqlx::Error) -> Option<PoolerError> {
    configuration_error(error)
}

/// The error of this type inside an error of the configuration.
pub(crate) fn configuration_error<E: std::error::Error + Clone + 'static>(error: &sqlx::Error) -> Option<E> {
    match error {
        sqlx::Error::Configuration(cause) => cause.downcast_ref().cloned(),
        _ => None,
    }
}

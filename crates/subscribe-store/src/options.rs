//! What a deployment may choose about the store, and how connections are made of it.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use thiserror::Error;

use crate::{connect::Connector, database::Database};

/// What a deployment may choose about the store. [`StoreOptions::new`] has the defaults.
#[derive(Clone)]
pub struct StoreOptions {
    /// `postgres://…`, as libpq has it; it leads through a connection pooler where `pooler` says so.
    pub url: String,
    /// A URL that leads to Postgres itself, for migrations and maintenance; `url` when `None`.
    pub direct_url: Option<String>,
    /// How many connections carry exact look-ups: each carries one batch at a time.
    pub lookup_connections: u32,
    /// How many connections carry searches.
    pub search_connections: u32,
    /// How many connections carry what is written while a pool is held (ADR 0070): directories, and registrations of federated
    /// pools. Who waits for a pool waits on these, and takes no other connection.
    pub writing_connections: u32,
    /// How many connections carry all else: tenants, imports, chores. Events of reads have one of their own beside them.
    pub service_connections: u32,
    /// Whether `url` leads through a connection pooler such as PgBouncer, in transaction or session mode. Every statement is
    /// then within a transaction, unnamed, and limited by `SET LOCAL`; else a connection through a pooler is refused.
    pub pooler: bool,
    /// How long a statement may take; a search beyond it is too broad.
    pub statement_timeout: Duration,
    /// How long a call waits for a connection.
    pub acquire_timeout: Duration,
    /// How many index entries a list looks at in its order before it turns to the index of tokens; `None` for what
    /// measurement chose (ADR 0010).
    pub search_walk: Option<u32>,
    /// How many look-ups wait at most; beyond that they are refused at once.
    pub lookup_queue: usize,
    /// How many look-ups travel in one statement at most.
    pub lookup_batch: usize,
    /// How many events of reads wait to be written at most; beyond that they are dropped, and counted.
    pub event_queue: usize,
}

impl StoreOptions {
    /// The defaults, for the Postgres of this URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            direct_url: None,
            lookup_connections: 4,
            search_connections: 6,
            writing_connections: 4,
            service_connections: 3,
            pooler: false,
            statement_timeout: Duration::from_secs(3),
            acquire_timeout: Duration::from_secs(1),
            search_walk: None,
            lookup_queue: 4096,
            lookup_batch: 64,
            event_queue: 16_384,
        }
    }
}

impl std::fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreOptions(<redacted>)")
    }
}

/// A store that cannot even be tried.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The URL cannot be read. It is not repeated, since it holds a password.
    #[error("the database URL is not of the form postgres://user:password@host:port/database")]
    BadUrl,
    /// A number of connections or places in a queue is zero.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
}

/// Reads a URL.
pub(crate) fn connect_options(url: &str) -> Result<PgConnectOptions, OpenError> {
    let options: PgConnectOptions = url.parse().map_err(|_| OpenError::BadUrl)?;
    Ok(options.application_name("masthead"))
}

impl StoreOptions {
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        for (name, zero) in [
            ("lookup_connections", self.lookup_connections == 0),
            ("search_connections", self.search_connections == 0),
            ("writing_connections", self.writing_connections == 0),
            ("service_connections", self.service_connections == 0),
            ("lookup_queue", self.lookup_queue == 0),
            ("lookup_batch", self.lookup_batch == 0),
            ("event_queue", self.event_queue == 0),
        ] {
            if zero {
                return Err(OpenError::Zero(name));
            }
        }
        Ok(())
    }

    /// Connections along `url`, which have the time limit, what every statement of ours needs, and these settings.
    pub(crate) fn connector(&self, options: PgConnectOptions, extra: &[(&str, &str)]) -> Connector {
        let timeout = self.statement_timeout.as_millis().to_string();
        // Compiling a plan or starting workers takes longer than any of our statements should.
        let settings = [
            ("statement_timeout", timeout.as_str()),
            ("jit", "off"),
            ("max_parallel_workers_per_gather", "0"),
        ];
        Connector::new(self, options, &[&settings, extra].concat())
    }

    /// A pool that connects when it is first used, so that a service starts while its database is down.
    pub(crate) fn database(&self, connector: Connector, connections: u32) -> Database {
        let options = PgPoolOptions::new()
            .max_connections(connections)
            .min_connections(0)
            .acquire_timeout(self.acquire_timeout)
            .idle_timeout(Duration::from_mins(10))
            .max_lifetime(Duration::from_hours(1))
            // One round trip, and connections that died unseen are replaced, not handed out.
            .test_before_acquire(true);
        Database::new(connector, options)
    }
}

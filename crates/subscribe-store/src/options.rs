//! Options of the store, and the connections made from them.

use std::{num::NonZero, sync::Arc, thread, time::Duration};

use masthead_ports::keyed_hash::KeyedHasher;
use sqlx::postgres::PgPoolOptions;
use thiserror::Error;

use crate::{
    connect::Connector,
    connection_log::ConnectionLog,
    database::PgDatabase,
    database_url::{DatabaseServers, DatabaseUrlError},
    search_queue::SearchLimits,
};

/// How many searches run at once on a database whose processors are unknown.
const REMOTE_SEARCHES: usize = 4;

/// The settings of connections for searches. No search reads a whole table: without this, the planner may, where it expects
/// more matches than there are. Prepared statements are planned once; what must be planned for its values is in a transaction with
/// that setting.
pub(crate) const BY_INDEX: &[(&str, &str)] = &[("enable_seqscan", "off"), ("plan_cache_mode", "force_generic_plan")];

/// Options of the store. [`StoreOptions::new`] has the defaults.
#[derive(Clone)]
pub struct StoreOptions {
    /// `postgres://…`, as in libpq; of several hosts the one that accepts writes is used. Hosts that are not on this machine need
    /// TLS, unless `sslmode=disable` is written. Through a connection pooler if `pooler` is set.
    pub url: String,
    /// A URL that leads directly to Postgres, for migrations and maintenance; default `url`.
    pub direct_url: Option<String>,
    /// The URLs of streaming replicas, for look-ups and searches; through connection poolers if `pooler` is set. Each must
    /// lead to one server.
    pub replica_urls: Vec<String>,
    /// A replica that is further behind the primary is not used.
    pub replica_max_lag: Duration,
    /// Connections for exact look-ups: each carries one batch at a time.
    pub lookup_connections: u32,
    /// Connections for searches and exports: the most that run at once.
    pub search_connections: u32,
    /// How many searches and statements of exports run at once; 0 for the processors of this machine, at least 2, where
    /// the database runs on it, and otherwise 4. Never more than `search_connections`.
    pub search_concurrency: u32,
    /// The maximum number of waiting searches; more are rejected.
    pub search_queue: usize,
    /// The maximum number of waiting searches of one pool; more are rejected.
    pub search_queue_per_tenant: usize,
    /// Connections for exports of registrations: the most that run at once.
    pub export_connections: u32,
    /// Connections for writes that lock a pool (ADR 0070): mirrors, and registrations of federated pools. Writers that wait
    /// for a pool occupy only these connections.
    pub writing_connections: u32,
    /// Connections for everything else: tenants, imports, operator commands. Events of reads have one more of their own.
    pub service_connections: u32,
    /// Whether `url` leads through a connection pooler such as PgBouncer, in transaction or session mode. Every statement is
    /// then in a transaction, unnamed, and limited by `SET LOCAL`; without this option a pooler is rejected.
    pub pooler: bool,
    /// Time limit of a statement; a search beyond it is too broad.
    pub statement_timeout: Duration,
    /// How long a call waits for a connection.
    pub acquire_timeout: Duration,
    /// How many entries or rows each step of a search reads before the next is tried; `None` for the measured defaults
    /// (ADR 0117).
    pub search_scan: Option<u32>,
    /// The maximum number of waiting look-ups; more are rejected.
    pub lookup_queue: usize,
    /// The maximum number of look-ups in one statement.
    pub lookup_batch: usize,
    /// The maximum number of queued events of reads; more are dropped and counted.
    pub event_queue: usize,
    /// The name of this process in the audit log, such as its host.
    pub process: Box<str>,
    /// Hashes the ids and addresses of deleted users. Without it no user can be deleted, and where users were deleted nothing
    /// can be imported or synchronised: it could bring them back.
    pub keyed_hasher: Option<Arc<dyn KeyedHasher>>,
    /// Whether failed connections are logged, each reason once: for a server, which goes on without its database.
    pub logs_failed_connections: bool,
}

impl StoreOptions {
    /// The defaults, for this URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            direct_url: None,
            replica_urls: Vec::new(),
            replica_max_lag: Duration::from_secs(1),
            lookup_connections: 4,
            search_connections: 6,
            search_concurrency: 0,
            search_queue: 4096,
            search_queue_per_tenant: 2048,
            export_connections: 2,
            writing_connections: 4,
            service_connections: 3,
            pooler: false,
            statement_timeout: Duration::from_secs(3),
            acquire_timeout: Duration::from_secs(1),
            search_scan: None,
            lookup_queue: 4096,
            lookup_batch: 64,
            event_queue: 16_384,
            process: "masthead".into(),
            keyed_hasher: None,
            logs_failed_connections: false,
        }
    }
}

impl std::fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreOptions(<redacted>)")
    }
}

/// Options that cannot be used.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The URL cannot be used. The error does not repeat it, since it holds a password.
    #[error("the database URL {0}")]
    BadUrl(#[from] DatabaseUrlError),
    /// As [`OpenError::BadUrl`], for the URL of a replica.
    #[error("the URL of replica {0} {1}")]
    BadReplicaUrl(usize, DatabaseUrlError),
    /// A number of connections or a queue length is zero.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
}

impl StoreOptions {
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        for (name, zero) in [
            ("lookup_connections", self.lookup_connections == 0),
            ("search_connections", self.search_connections == 0),
            ("search_queue", self.search_queue == 0),
            ("search_queue_per_tenant", self.search_queue_per_tenant == 0),
            ("export_connections", self.export_connections == 0),
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

    /// The limits of searches on this server.
    pub(crate) fn search_limits(&self, servers: &DatabaseServers) -> SearchLimits {
        let connections = to_size(self.search_connections);
        let running = match to_size(self.search_concurrency) {
            0 if servers.are_local() => thread::available_parallelism().map_or(2, NonZero::get).max(2),
            0 => REMOTE_SEARCHES,
            set => set,
        };
        SearchLimits {
            running: running.min(connections),
            running_short: running.saturating_mul(2).min(connections),
            waiting: self.search_queue,
            waiting_per_pool: self.search_queue_per_tenant,
        }
    }

    /// Where failed connections are logged, if they are.
    pub(crate) fn connection_log(&self) -> Option<Arc<ConnectionLog>> {
        self.logs_failed_connections.then(Arc::default)
    }

    /// Connections without a time limit; without a direct way to the server, it is that of the role.
    pub(crate) fn maintenance(&self, to_server: &DatabaseServers) -> Connector {
        if self.pooler && self.direct_url.as_ref().is_none_or(|direct| *direct == self.url) {
            Connector::new(self.pooler, to_server, &[])
        } else {
            Connector::direct(to_server, &[("statement_timeout", "0")])
        }
    }

    /// A connector with the time limit, the settings that all statements need, and `extra`.
    pub(crate) fn connector(&self, servers: &DatabaseServers, extra: &[(&str, &str)]) -> Connector {
        let timeout = self.statement_timeout.as_millis().to_string();
        // Compiling a plan or starting workers takes longer than any of these statements should.
        let settings = [
            ("statement_timeout", timeout.as_str()),
            ("jit", "off"),
            ("max_parallel_workers_per_gather", "0"),
        ];
        Connector::new(self.pooler, servers, &[&settings, extra].concat())
    }

    /// A pool that connects on first use, so that a server starts while its database is down.
    pub(crate) fn database(&self, connector: Connector, connections: u32) -> PgDatabase {
        let options = PgPoolOptions::new()
            .max_connections(connections)
            .min_connections(0)
            .acquire_timeout(self.acquire_timeout)
            .idle_timeout(Duration::from_mins(10))
            .max_lifetime(Duration::from_hours(1))
            // One round trip; dead connections are replaced before use.
            .test_before_acquire(true);
        PgDatabase::new(connector, options)
    }
}

fn to_size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_bound_searches_of_local_database() {
        let processors = thread::available_parallelism().unwrap().get().max(2);
        for (host, concurrency, connections, expected) in [
            ("localhost", 0, 256, processors),
            ("127.0.0.2", 0, 256, processors),
            ("[::1]", 0, 256, processors),
            ("%2Frun%2Fpostgresql", 0, 256, processors),
            ("db.example", 0, 256, REMOTE_SEARCHES),
            ("192.0.2.7", 0, 256, REMOTE_SEARCHES),
            ("192.0.2.7", 0, 3, 3),
            ("192.0.2.7", 9, 256, 9),
            ("localhost", 9, 8, 8),
        ] {
            let options = StoreOptions {
                search_concurrency: concurrency,
                search_connections: connections,
                ..StoreOptions::new(format!("postgres://u@{host}/d"))
            };
            let servers = DatabaseServers::parse(&options.url).unwrap();
            let limits = options.search_limits(&servers);
            let expected_short = (2 * expected).min(usize::try_from(connections).unwrap());
            assert_eq!(
                (limits.running, limits.running_short),
                (expected, expected_short),
                "{host}"
            );
        }
    }
}

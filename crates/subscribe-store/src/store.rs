//! The store: its connections, its parts, and its shutdown.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{runtime::Handle, task::JoinSet};

use crate::{
    admin::Admin,
    audit_log::PgAuditLog,
    bulk::PgBulkLookups,
    caller_rules::PgCallerRules,
    connect::Connector,
    database::PgDatabase,
    database_passwords::DatabasePasswords,
    database_url::DatabaseServers,
    event_partitions::EventPartitions,
    export::PgRegistrationExports,
    import::Importer,
    lookup::Lookups,
    lookups_starter::LookupsStarter,
    mirror::PgMirror,
    options::{BY_INDEX, OpenError, StoreOptions},
    person::PgPersonRecords,
    rate_usage::PgRateUsage,
    read_events::PgReadEvents,
    readiness::PgReadiness,
    registrations::PgRegistrations,
    repairs::Repairs,
    replica_watch::{ReplicaWatch, WatchedServers},
    replicas::{Reads, ReplicaHealth, ReplicaServers, Replicas},
    schema::{self, SchemaError},
    search::PgSearch,
    search_queue::SearchQueue,
    stored_keys::KeysMade,
    stored_user::StoredUsers,
    tenants::PgTenants,
    tombstones::Tombstones,
    totals::PgTotals,
    users::PgUsers,
    workspaces::PgWorkspaces,
};

/// How long waiting look-ups and events may take at shutdown.
const LAST_WORK: Duration = Duration::from_secs(5);

/// A task that sweeps erasures, one that erases inactive users, and a request; opened on use.
const SLOW_CONNECTIONS: u32 = 3;

/// The best plan of most statements does not depend on their values, and a custom plan for the values of a new pool, which
/// the statistics do not know, may read the whole pool for each key.
const GENERIC_PLANS: (&str, &str) = ("plan_cache_mode", "force_generic_plan");

/// Of sessions that write. In kB: how many new entries of a search index wait to be entered; a search reads all (migration 0030).
const WRITING: &[(&str, &str)] = &[GENERIC_PLANS, ("gin_pending_list_limit", "512")];

/// The Postgres store.
pub struct Store {
    service: PgDatabase,
    writing: PgDatabase,
    slow: PgDatabase,
    search: Reads,
    exports: Arc<PgRegistrationExports>,
    migrations_url: String,
    maintenance: Connector,
    passwords: DatabasePasswords,
    lookups: LookupsStarter,
    started: Mutex<Vec<Arc<Lookups>>>,
    /// `None` without replicas.
    replicas: Option<Arc<Replicas>>,
    watch: Mutex<Option<ReplicaWatch>>,
    registrations: Arc<PgRegistrations>,
    bulk: Arc<PgBulkLookups>,
    mirror: Arc<PgMirror>,
    users: Arc<PgUsers>,
    tombstones: Tombstones,
    /// The time limit of a statement.
    patience: Duration,
    tenants: Arc<PgTenants>,
    workspaces: Arc<PgWorkspaces>,
    caller_rules: Arc<PgCallerRules>,
    read_events: Arc<PgReadEvents>,
    readiness: Arc<PgReadiness>,
    totals: Arc<PgTotals>,
}

impl Store {
    /// Creates a store that connects on first use, so that a server starts, and reports that it is not ready, while its
    /// database is down. Must be called in a Tokio runtime.
    ///
    /// # Errors
    /// The URL is invalid, or a number is zero.
    pub fn open(options: &StoreOptions) -> Result<Self, OpenError> {
        options.check()?;
        let plain = DatabaseServers::parse(&options.url)?;
        let direct = options.direct_url.as_deref().unwrap_or(&options.url);
        let to_server = DatabaseServers::parse(direct)?;
        let limits = options.search_limits(&to_server);
        let queue = Arc::new(SearchQueue::new(limits, options.statement_timeout));
        let maintenance = options.maintenance(&to_server);

        let log = options.connection_log();
        let generic = options.connector(&plain, WRITING).with_log(log.clone());
        let replicas = ReplicaServers::new(options)?;
        let writes = || replicas.as_ref().map(|replicas| Arc::clone(replicas.state.writes()));
        let service = options
            .database(generic.clone(), options.service_connections)
            .with_writes(writes());
        let writing = options
            .database(generic.clone(), options.writing_connections)
            .with_writes(writes());
        let slow = options.database(generic.clone(), SLOW_CONNECTIONS);
        let searching = options.connector(&plain, BY_INDEX).with_log(log.clone());
        let search = options.database(searching.clone(), options.search_connections);
        let exports = options.database(searching.clone(), options.export_connections);
        let exports = PgRegistrationExports::new(exports, options.acquire_timeout);
        let search = match &replicas {
            Some(replicas) => replicas.reads(search, options.search_connections),
            None => Reads::primary(search),
        };
        let watch = replicas.as_ref().map(|replicas| {
            let databases = search.replica_databases().iter().cloned();
            let servers = WatchedServers {
                primary: searching,
                replicas: replicas.unchecked_connectors().zip(databases).collect(),
                max_lag: options.replica_max_lag,
            };
            ReplicaWatch::start(servers, Arc::clone(&replicas.state))
        });
        let lazily = options
            .connector(&plain, &[("synchronous_commit", "off")])
            .with_log(log);
        let on_replicas = replicas.as_ref().map(|replicas| {
            let connectors = replicas.connectors(&[GENERIC_PLANS]);
            (Arc::clone(&replicas.state), connectors.collect())
        });
        let starter = LookupsStarter::new(generic, on_replicas, options.clone());
        let lookups = starter.start(&Handle::current(), options.lookup_connections);
        let totals = Arc::new(PgTotals::start(writing.clone()));
        let tombstones = Tombstones(options.keyed_hasher.clone());
        let searches = Arc::new(PgSearch::new(
            search.clone(),
            Arc::clone(&queue),
            Arc::clone(&totals),
            options.statement_timeout,
            options.acquire_timeout,
            options.search_scan,
        ));
        Ok(Self {
            passwords: DatabasePasswords::new(plain, to_server, replicas.as_ref()),
            registrations: Arc::new(PgRegistrations::new(
                Arc::clone(&lookups),
                Arc::clone(&searches),
                writing.clone(),
                tombstones.clone(),
            )),
            mirror: Arc::new(PgMirror::new(
                service.clone(),
                writing.clone(),
                searches,
                tombstones.clone(),
            )),
            users: Arc::new(PgUsers::new(
                service.clone(),
                writing.clone(),
                slow.clone(),
                tombstones.clone(),
            )),
            tombstones,
            patience: options.statement_timeout,
            started: Mutex::new(vec![lookups]),
            lookups: starter,
            replicas: replicas.map(|replicas| replicas.state),
            watch: Mutex::new(watch),
            bulk: Arc::new(PgBulkLookups::new(search.clone(), queue, options.statement_timeout)),
            tenants: Arc::new(PgTenants::new(service.clone(), options.acquire_timeout)),
            workspaces: Arc::new(PgWorkspaces::new(service.clone())),
            caller_rules: Arc::new(PgCallerRules::new(service.clone())),
            read_events: Arc::new(PgReadEvents::start(
                lazily,
                options.event_queue,
                options.process.clone(),
            )),
            readiness: Arc::new(PgReadiness::new(service.clone())),
            totals,
            migrations_url: direct.to_owned(),
            maintenance,
            service,
            writing,
            slow,
            search,
            exports: Arc::new(exports),
        })
    }

    /// The registrations as a source of accounts.
    #[must_use]
    pub fn registrations(&self) -> Arc<PgRegistrations> {
        Arc::clone(&self.registrations)
    }

    /// The registrations once per runtime: look-ups on a runtime use connections of that runtime. Everything else is shared.
    /// The look-up connections are divided among the runtimes, at least one each.
    #[must_use]
    pub fn registrations_on(&self, runtimes: &[&Handle]) -> Vec<Arc<PgRegistrations>> {
        let all = self.lookups.connections();
        let each = all.div_ceil(u32::try_from(runtimes.len().max(1)).unwrap_or(all)).max(1);
        let own = |runtime: &&Handle| {
            let lookups = self.lookups.start(runtime, each);
            self.started
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Arc::clone(&lookups));
            Arc::new(self.registrations.with_lookups(lookups))
        };
        runtimes.iter().map(own).collect()
    }

    /// The usage of limits that servers share.
    #[must_use]
    pub fn rate_usage(&self) -> PgRateUsage {
        PgRateUsage::new(self.service.clone())
    }

    /// Bulk look-ups.
    #[must_use]
    pub fn bulk_lookups(&self) -> Arc<PgBulkLookups> {
        Arc::clone(&self.bulk)
    }

    /// Exports of registrations.
    #[must_use]
    pub fn registration_exports(&self) -> Arc<PgRegistrationExports> {
        Arc::clone(&self.exports)
    }

    /// The workspaces.
    #[must_use]
    pub fn workspaces(&self) -> Arc<PgWorkspaces> {
        Arc::clone(&self.workspaces)
    }

    /// The rules about callers; [`PgCallerRules::follow`] must run for them to be known.
    #[must_use]
    pub fn caller_rules(&self) -> Arc<PgCallerRules> {
        Arc::clone(&self.caller_rules)
    }

    /// The mirrors of federated pools.
    #[must_use]
    pub fn mirror(&self) -> Arc<PgMirror> {
        Arc::clone(&self.mirror)
    }

    /// The writer of users, with its intents, idempotency keys and counters of sign-ins.
    #[must_use]
    pub fn users(&self) -> Arc<PgUsers> {
        Arc::clone(&self.users)
    }

    /// The tenants.
    #[must_use]
    pub fn tenants(&self) -> Arc<PgTenants> {
        Arc::clone(&self.tenants)
    }

    /// The writer of read events.
    #[must_use]
    pub fn read_events(&self) -> Arc<PgReadEvents> {
        Arc::clone(&self.read_events)
    }

    /// The audit log, to be read.
    #[must_use]
    pub fn audit_log(&self) -> PgAuditLog {
        PgAuditLog {
            database: self.service.clone(),
            hashes: self.tombstones.clone(),
            patience: self.patience,
        }
    }

    /// What is stored about single persons, for their reports.
    #[must_use]
    pub fn person_records(&self) -> PgPersonRecords {
        PgPersonRecords {
            users: Arc::clone(&self.users),
            audit_log: self.audit_log(),
        }
    }

    /// The partitions of the audit log.
    #[must_use]
    pub fn event_partitions(&self) -> EventPartitions {
        EventPartitions {
            connect: self.maintenance.clone(),
        }
    }

    /// The passwords of the database's URLs, which can be replaced.
    #[must_use]
    pub fn passwords(&self) -> DatabasePasswords {
        self.passwords.clone()
    }

    /// The readiness of the database.
    #[must_use]
    pub fn readiness(&self) -> Arc<PgReadiness> {
        Arc::clone(&self.readiness)
    }

    /// The state of each replica, for operators; empty without replicas. Call it for each report.
    pub fn replicas(&self) -> impl Fn() -> Vec<ReplicaHealth> + Send + Sync + 'static {
        let replicas = self.replicas.clone();
        move || replicas.as_deref().map(Replicas::health).unwrap_or_default()
    }

    /// The operator commands.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin {
            pool: self.service.clone(),
        }
    }

    /// What is stored about single users, for operators.
    #[must_use]
    pub fn stored_users(&self) -> StoredUsers {
        StoredUsers {
            pool: self.service.clone(),
            tombstones: self.tombstones.clone(),
        }
    }

    /// Finds and merges what write-backs of earlier versions may have split.
    #[must_use]
    pub fn repairs(&self) -> Repairs {
        Repairs {
            pool: self.writing.clone(),
        }
    }

    /// Bulk import.
    #[must_use]
    pub fn importer(&self) -> Importer {
        Importer::new(self.service.clone(), self.maintenance.clone(), self.tombstones.clone())
    }

    /// Applies missing migrations, and recomputes stored keys if needed, over the direct URL.
    ///
    /// # Errors
    /// As [`schema::migrate`].
    pub async fn migrate(&self) -> Result<KeysMade, SchemaError> {
        schema::migrate(&self.migrations_url).await
    }

    /// Opens a connection and closes it: whether the database can be used, and if not, why. Waits 5 seconds at most.
    ///
    /// # Errors
    /// [`SchemaError::Unavailable`] with the server and the reason, or [`SchemaError::Pooler`].
    pub async fn check_connection(&self) -> Result<(), SchemaError> {
        schema::check_connection(self.service.connector()).await
    }

    /// Checks that the database is at this program's version.
    ///
    /// # Errors
    /// It is not, or the database is unavailable.
    pub async fn check_schema(&self) -> Result<(), SchemaError> {
        schema::check(&self.service).await
    }

    /// Answers waiting look-ups, writes queued events, and closes the connections.
    pub async fn close(&self) {
        let started = std::mem::take(&mut *self.started.lock().unwrap_or_else(PoisonError::into_inner));
        let mut lookups: JoinSet<()> = started
            .into_iter()
            .map(|lookups| async move { lookups.close(LAST_WORK).await })
            .collect();
        tokio::join!(
            async { while lookups.join_next().await.is_some() {} },
            self.read_events.close(LAST_WORK),
            self.totals.close(LAST_WORK)
        );
        let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(watch) = watch {
            watch.close().await;
        }
        tokio::join!(
            self.service.close(),
            self.writing.close(),
            self.slow.close(),
            self.search.close(),
            self.exports.close()
        );
    }
}

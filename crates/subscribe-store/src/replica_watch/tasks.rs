//! The tasks: one watches the primary, one each replica.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::watch, task::JoinSet, time::timeout};

use super::{
    position::{ReplicaPosition, ServerIdentity, WatchedServer},
    samples::PrimarySamples,
};
use crate::{
    connect::{Connector, pooler_error},
    database::PgDatabase,
    replicas::{ReplicaNumber, Replicas, Unused},
    schema,
};

/// How often each server is looked at.
const INTERVAL: Duration = Duration::from_millis(250);
/// The same while a pool was written that not every replica has: its reads are on the primary meanwhile.
const SOON: Duration = Duration::from_millis(25);
/// How long the check of the schema may take: the replica is not used meanwhile.
const SCHEMA_WITHIN: Duration = Duration::from_secs(2);

/// The servers to watch.
pub(crate) struct WatchedServers {
    pub(crate) primary: Connector,
    /// For each replica its connector, and the database that its schema is checked on.
    pub(crate) replicas: Vec<(Connector, PgDatabase)>,
    /// Beyond it a replica is not used.
    pub(crate) max_lag: Duration,
}

/// The tasks of the watch; they end with this value.
pub(crate) struct ReplicaWatch(JoinSet<()>);

/// What all tasks share.
struct WatchState {
    replicas: Arc<Replicas>,
    samples: Mutex<PrimarySamples>,
    primary: Mutex<Option<ServerIdentity>>,
    max_lag: Duration,
}

impl ReplicaWatch {
    /// Starts the tasks on the current runtime.
    pub(crate) fn start(servers: WatchedServers, replicas: Arc<Replicas>) -> Self {
        let state = Arc::new(WatchState {
            replicas,
            samples: Mutex::new(PrimarySamples::new(servers.max_lag)),
            primary: Mutex::new(None),
            max_lag: servers.max_lag,
        });
        let (new_samples, samples) = watch::channel(());
        let mut tasks = JoinSet::new();
        for (number, (connector, database)) in servers.replicas.into_iter().enumerate() {
            let replica = WatchedReplica {
                number,
                server: WatchedServer::new(connector),
                database,
                state: Arc::clone(&state),
            };
            tasks.spawn(replica.watch(samples.clone()));
        }
        tasks.spawn(watch_primary(WatchedServer::new(servers.primary), state, new_samples));
        Self(tasks)
    }

    /// Ends the tasks.
    pub(crate) async fn close(mut self) {
        self.0.shutdown().await;
    }
}

async fn watch_primary(mut server: WatchedServer, state: Arc<WatchState>, new_samples: watch::Sender<()>) {
    let writes = state.replicas.writes();
    let mut is_known = true;
    loop {
        let (sample, at) = (writes.begin_sample(), Instant::now());
        let position = match server.primary().await {
            Ok(shown) => {
                *lock(&state.primary) = Some(shown.identity);
                shown.position
            }
            Err(_) => None,
        };
        if is_known != position.is_some() {
            is_known = position.is_some();
            if is_known {
                tracing::info!("the position of the primary is known again");
            } else {
                // The replicas answer on with what they have: no write can be newer unless another server still reaches
                // the primary.
                tracing::warn!("the position of the primary is unknown: the lag of replicas cannot be measured");
            }
        }
        let Some(position) = position else {
            tokio::time::sleep(INTERVAL).await;
            continue;
        };
        lock(&state.samples).push(at, position);
        writes.end_sample(sample, position);
        new_samples.send_replace(());
        tokio::time::sleep(SOON).await;
        let _ = timeout(INTERVAL.saturating_sub(SOON), writes.marked()).await;
    }
}

struct WatchedReplica {
    number: ReplicaNumber,
    server: WatchedServer,
    database: PgDatabase,
    state: Arc<WatchState>,
}

impl WatchedReplica {
    async fn watch(mut self, mut samples: watch::Receiver<()>) {
        let replicas = Arc::clone(&self.state.replicas);
        loop {
            let judged = self.judge().await;
            replicas.set_state(self.number, judged);
            replicas.writes().remove_passed(replicas.least_replayed());
            if judged.is_err() {
                tokio::time::sleep(INTERVAL).await;
                continue;
            }
            tokio::time::sleep(SOON).await;
            if !replicas.writes().has_marks() {
                let _ = timeout(INTERVAL.saturating_sub(SOON), samples.changed()).await;
            }
        }
    }

    /// Whether the replica can be used now.
    async fn judge(&mut self) -> Result<(), Unused> {
        let shown = match self.server.replica().await {
            Ok(shown) => shown,
            Err(error) if pooler_error(&error).is_some() => return Err(Unused::Pooler),
            Err(_) => return Err(Unused::Unavailable),
        };
        let replayed = self.place(&shown)?;
        let replicas = &self.state.replicas;
        replicas.set_replayed(self.number, replayed);
        let lag = lock(&self.state.samples).lag(replayed);
        if let Some(lag) = lag {
            replicas.set_lag(self.number, lag);
        }
        if lag.is_none_or(|lag| lag > self.state.max_lag) || replayed < replicas.writes().floor() {
            return Err(Unused::Behind);
        }
        if !replicas.is_used(self.number) {
            self.check_schema().await?;
        }
        Ok(())
    }

    /// The position of a replica of the primary's cluster.
    fn place(&self, shown: &ReplicaPosition) -> Result<u64, Unused> {
        let primary = lock(&self.state.primary);
        match (shown.replayed, &*primary) {
            (_, None) => Err(Unused::Unseen),
            (_, Some(primary)) if primary.cluster != shown.identity.cluster => Err(Unused::Foreign),
            (None, Some(primary)) if *primary == shown.identity => Err(Unused::Primary),
            (None, Some(_)) => Err(Unused::Promoted),
            (Some(replayed), Some(_)) => Ok(replayed),
        }
    }

    /// A schema that was right stays right, as on the primary: it is checked when the replica comes into use.
    async fn check_schema(&self) -> Result<(), Unused> {
        match timeout(SCHEMA_WITHIN, schema::check(&self.database)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.is_other_schema() => Err(Unused::Schema),
            Ok(Err(_)) | Err(_) => Err(Unused::Unavailable),
        }
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

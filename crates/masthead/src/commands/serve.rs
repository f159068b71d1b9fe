//! `masthead serve`: from settings to a running server, and in order back to nothing.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use masthead_api::{ApiLimits, ApiState, ExportState};
use masthead_orchestrator::{Dependencies, Export, Users};
use masthead_ports::{clock::Clock, sealing::Sealing};
use masthead_subscribe_store::{PgRegistrations, SchemaError, Store};
use masthead_tokens::Verifier;
use tokio::{
    net::TcpListener,
    runtime::{self, Handle},
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{NO_CLIENT, NO_LOG, signals::Signals};
use crate::{
    clock::SystemClock,
    edge::{Edge, Parts, RETRY_AFTER},
    failure::Failure,
    identifiers::{RequestIds, TimedIds, holder},
    logs::{self, LogWriter, access::AccessLog},
    ops::{self, Health, Ops},
    providers::Adapters,
    server::{self, Lifecycle, Seat, Threads},
    settings::Settings,
    sync::{Schedule, Syncs},
    wiring,
};

/// How often the recorder's buffers are drained.
const UPKEEP: Duration = Duration::from_secs(5);

pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (writer, access, log) =
        logs::start(&settings.log, io::stdout(), Arc::clone(&clock)).map_err(Failure::when(NO_LOG))?;
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::when("the runtime cannot be started"))?;
    let threads =
        Threads::start(serving_threads(settings.http.threads)).map_err(Failure::when("no thread can be started"))?;
    let ended = runtime.block_on(serve(settings, writer, access, clock, &threads));
    drop(threads);
    // Whatever hangs now has had its time.
    runtime.shutdown_background();
    drop(log);
    ended
}

async fn serve(
    settings: &Settings,
    writer: LogWriter,
    access: AccessLog,
    clock: Arc<dyn Clock>,
    threads: &Threads,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let sealer = wiring::sealer(&settings.sealing)?;
    let verifier = Arc::new(wiring::verifier(&settings.tokens, Arc::clone(&clock))?);
    let metrics = ops::install().map_err(Failure::when("the metrics cannot be recorded"))?;
    let listener = bind(settings.http.listen).await?;
    let ops_listener = match settings.metrics.listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let store = wiring::store(&settings.database)?;
    refuse_wrong_schema(&store).await?;

    let lifecycle = Lifecycle::new();
    let adapters = Adapters::new(&settings.providers, &clock).map_err(Failure::when(NO_CLIENT))?;
    let syncs = Syncs::scheduled(
        store.directory(),
        Arc::new(adapters.clone()),
        Arc::clone(&clock),
        holder(),
        settings.sync.full_every,
    );
    let health = Health::new(vec![store.readiness()], lifecycle.clone())
        .with_providers(adapters.clone())
        .with_syncs(syncs.states());
    let ops = Arc::new(Ops::new(health, metrics, Some(writer)));
    let http = Arc::new(settings.http.clone());
    let world = Dependencies {
        store: adapters.subscribe(store.registrations()),
        registrations: store.registrations(),
        providers: Arc::new(adapters.clone()),
        directory: store.directory(),
        events: store.read_events(),
        clock: Arc::clone(&clock),
    };
    let users = Users::new(world, settings.search.max_depth);
    let sealing: Arc<dyn Sealing> = Arc::new(sealer);
    let schedule = Schedule {
        syncs,
        admin: store.admin(),
        tenants: store.tenants(),
        clock: Arc::clone(&clock),
        settings: settings.sync.clone(),
    };
    let ids: Arc<dyn RequestIds> = Arc::new(TimedIds::new(clock));
    let exports = Export::new(users.clone(), adapters.subscribe_bulk(store.bulk_lookups()));
    // One for all threads: what a workspace has asked for is counted once.
    let exports = Arc::new(ExportState::new(exports, store.workspaces()));
    let seat = |(runtime, registrations): (&Handle, Arc<PgRegistrations>)| {
        let api = ApiState {
            users: users.reading(adapters.subscribe(registrations)),
            exports: Arc::clone(&exports),
            tenants: store.tenants(),
            tokens: Arc::clone(&verifier) as _,
            sealing: Arc::clone(&sealing),
            limits: ApiLimits {
                body_bytes: http.max_body_bytes,
                deadline: http.request_deadline,
                retry_after: RETRY_AFTER,
            },
        };
        let edge = Edge::new(Parts {
            routes: masthead_api::Api::new(api),
            http: Arc::clone(&http),
            lifecycle: lifecycle.clone(),
            ids: Arc::clone(&ids),
            access: access.clone(),
            ops: Arc::clone(&ops),
            hides_metrics: ops_listener.is_some(),
        });
        Seat::new(runtime.clone(), Arc::new(edge))
    };
    let runtimes: Vec<&Handle> = threads.runtimes().collect();
    let registrations = store.registrations_on(&runtimes);
    let seats = runtimes.into_iter().zip(registrations).map(seat).collect();

    // Tasks that nobody waits for; they end with the set.
    let mut chores = JoinSet::new();
    chores.spawn(upkeep(Arc::clone(&ops)));
    chores.spawn(warm_up(verifier));
    if let Some(listener) = ops_listener {
        let (http, ops) = (Arc::clone(&http), Arc::clone(&ops));
        // Its own lifecycle never ends: readiness is answered through the whole drain.
        chores.spawn(async move {
            let seats = vec![Seat::new(Handle::current(), ops)];
            server::serve(listener, http, seats, &Lifecycle::new()).await;
        });
    }

    let address = listener
        .local_addr()
        .map_err(Failure::when("the listening socket has no address"))?;
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "serving");
    let serving = server::serve(listener, http, seats, &lifecycle);
    let end_syncs = CancellationToken::new();
    let background = Background {
        users: &users,
        syncs: tokio::spawn(schedule.keep(end_syncs.clone())),
        end_syncs,
        store: &store,
    };
    let ended = until_the_end(serving, &mut signals, &lifecycle, background).await;
    chores.shutdown().await;
    ended
}

/// What goes on beside the answers, and is brought to its end after them.
struct Background<'a> {
    users: &'a Users,
    syncs: JoinHandle<()>,
    end_syncs: CancellationToken,
    store: &'a Store,
}

/// Serves until a signal, then drains and lets what is written after answers be written; a second signal ends all that at once.
async fn until_the_end(
    serving: impl Future<Output = server::Drained>,
    signals: &mut Signals,
    lifecycle: &Lifecycle,
    background: Background<'_>,
) -> Result<(), Failure> {
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        // It only ends when it is told to.
        _ = serving.as_mut() => return Ok(()),
        name = signals.next() => tracing::info!(signal = name, "draining"),
    }
    lifecycle.drain();
    background.end_syncs.cancel();
    let draining = async {
        let drained = serving.await;
        if drained.cut > 0 {
            tracing::warn!(cut = drained.cut, "connections were cut: http.drain_timeout is over");
        }
        background.users.close().await;
        if let Err(error) = background.syncs.await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the schedule of syncs broke off"
            );
        }
        background.store.close().await;
    };
    tokio::select! {
        () = draining => {
            tracing::info!("drained");
            Ok(())
        }
        name = signals.next() => Err(Failure::new(format!("a second {name} ended it before all requests had ended"))),
    }
}

/// How many threads serve connections: one for each processor where the setting leaves it open.
fn serving_threads(setting: usize) -> usize {
    match setting {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        some => some,
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::new(format!("cannot listen on {address}: {}", error.kind())))
}

/// A database that is down is waited for, and readiness tells of it; one at another version would be harmed or lie.
async fn refuse_wrong_schema(store: &Store) -> Result<(), Failure> {
    match store.check_schema().await {
        Ok(()) => Ok(()),
        Err(error @ (SchemaError::Unavailable(_) | SchemaError::Migration(_))) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the database cannot be reached yet: serving 503 until it can"
            );
            Ok(())
        }
        Err(
            error @ (SchemaError::Open(_)
            | SchemaError::Pooler(_)
            | SchemaError::Behind { .. }
            | SchemaError::Foreign { .. }
            | SchemaError::KeysBehind { .. }
            | SchemaError::KeysForeign { .. }),
        ) => Err(Failure::when("the database cannot be used")(error)),
    }
}

async fn upkeep(ops: Arc<Ops>) {
    let mut ticks = interval(UPKEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        ops.upkeep();
    }
}

async fn warm_up(verifier: Arc<Verifier>) {
    if verifier.warm_up().await.is_err() {
        tracing::warn!("the key set cannot be fetched yet: tokens are answered with 503 until it can");
    }
}

//! `masthead serve`: starts the server from its settings and stops it in order.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use masthead_api::{ApiLimits, ApiState, ExportState};
use masthead_http_server::{self as http_server, DrainOutcome, Lifecycle, Listener, WorkerHandle, WorkerThreads};
use masthead_orchestrator::{Dependencies, UseCases};
use masthead_ports::{clock::Clock, sealing::Sealing, tokens::UserTokenVerifier};
use masthead_subscribe_store::{PgRegistrations, SchemaError, Store};
use masthead_telemetry::Telemetry;
use masthead_tokens::Verifier;
use tokio::{
    net::TcpListener,
    runtime::{self, Handle},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{
    background::Background,
    environment::{NO_CLIENT, NO_LOG, NO_MAIL},
    signals::{RequestSignals, ServerRequest, ServerSignals},
};
use crate::{
    clock::SystemClock,
    command_error::CommandError,
    edge::{Edge, EdgeParts},
    identifiers::{RequestIds, TimedIds, process_name},
    logs::{self, LogWriter, access::AccessLog},
    mail::MailDelivery,
    ops::{self, Ops, ServiceHealth},
    providers::Adapters,
    purge,
    reload::{Reload, Reloader},
    server_errors::RETRY_AFTER,
    settings::{ServerSettings, UncheckedSettings},
    sync::{SCHEDULED_RETRY, SyncRunner, SyncSchedule},
    wiring,
    writes::{self, user_writes},
};

/// How often the metrics recorder's buffers are drained.
const UPKEEP: Duration = Duration::from_secs(5);

pub(super) fn run(settings_source: &UncheckedSettings, config: Option<PathBuf>) -> Result<(), CommandError> {
    let settings = &settings_source.settings()?;
    let reloader = |parts| {
        let load = move || UncheckedSettings::from_process(config.as_deref());
        Reloader::new(load, settings_source.fingerprint(), parts)
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let telemetry = settings.telemetry.as_ref().map(wiring::telemetry).transpose()?;
    let spans = telemetry.as_ref().map(Telemetry::layer);
    let (writer, access, log) =
        logs::start(&settings.log, io::stdout(), Arc::clone(&clock), spans).map_err(CommandError::context(NO_LOG))?;
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CommandError::context("the runtime cannot be started"))?;
    let threads = WorkerThreads::start(serving_threads(settings.http.threads))
        .map_err(CommandError::context("no thread can be started"))?;
    let ended = runtime.block_on(serve(settings, reloader, writer, access, telemetry, clock, &threads));
    drop(threads);
    // Tasks that still run have had their time.
    runtime.shutdown_background();
    drop(log);
    ended
}

async fn serve(
    settings: &ServerSettings,
    reloader: impl FnOnce(Vec<Arc<dyn Reload>>) -> Reloader,
    writer: LogWriter,
    access: AccessLog,
    telemetry: Option<Telemetry>,
    clock: Arc<dyn Clock>,
    threads: &WorkerThreads,
) -> Result<(), CommandError> {
    let mut signals = ServerSignals::listen()?;
    let requests = RequestSignals::listen()?;
    let sealer = wiring::sealer(&settings.sealing)?;
    let verifier = Arc::new(wiring::verifier(&settings.tokens, Arc::clone(&clock))?);
    let user_tokens: Arc<dyn UserTokenVerifier> =
        Arc::new(wiring::user_tokens(&settings.providers, Arc::clone(&clock))?);
    let metrics = ops::install().map_err(CommandError::context("the metrics cannot be recorded"))?;
    let mail = MailDelivery::new(&settings.mail).map_err(CommandError::context(NO_MAIL))?;
    if mail.is_none() {
        tracing::info!("smtp.host is not set: no mail is sent");
    }
    if let Some(warning) = settings.providers.secrets_warning() {
        tracing::warn!("{warning}");
    }
    let certificate = settings
        .http
        .tls
        .as_ref()
        .map(|tls| wiring::certificate(tls, Arc::clone(&clock)));
    let certificate = certificate.transpose()?;
    let listener = bind(settings.http.listen).await?;
    let ops_listener = match settings.metrics.listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let store = wiring::store_with_replicas(&settings.database, &settings.sealing)?;
    refuse_wrong_schema(&store).await?;

    let lifecycle = Lifecycle::new();
    let adapters = Adapters::new(&settings.providers, &clock).map_err(CommandError::context(NO_CLIENT))?;
    let syncs = SyncRunner::new(
        store.mirror(),
        Arc::new(adapters.clone()),
        Arc::clone(&clock),
        process_name(),
        settings.sync.full_every,
        SCHEDULED_RETRY,
    );
    let health = ServiceHealth::new(vec![store.readiness()], lifecycle.clone())
        .with_providers(adapters.clone())
        .with_syncs(syncs.states())
        .with_replicas(store.replicas());
    let ops = Arc::new(Ops::new(health, metrics, Some(writer)));
    let http = Arc::new(settings.http.clone());
    let options = Arc::new(http.server_options());
    let use_cases = UseCases::new(dependencies(&store, &adapters, &clock), settings.search.max_depth);
    let sealing: Arc<dyn Sealing> = Arc::new(sealer);
    let user_writes = user_writes(settings, &store, &adapters, Arc::clone(&sealing), Arc::clone(&clock))?;
    let schedule = SyncSchedule {
        syncs,
        admin: store.admin(),
        tenants: store.tenants(),
        clock: Arc::clone(&clock),
        settings: settings.sync.clone(),
    };
    let ids: Arc<dyn RequestIds> = Arc::new(TimedIds::new(Arc::clone(&clock)));
    // One for all threads: rate limits count per workspace.
    let exports = Arc::new(ExportState::new(use_cases.export_users.clone(), store.workspaces()));
    let worker = |(runtime, registrations): (&Handle, Arc<PgRegistrations>)| {
        let api = ApiState {
            use_cases: use_cases.with_store(adapters.subscribe(registrations)),
            writes: Some(user_writes.clone()),
            user_tokens: Some(Arc::clone(&user_tokens)),
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
        let edge = Edge::new(EdgeParts {
            routes: masthead_api::Api::new(api),
            http: Arc::clone(&http),
            lifecycle: lifecycle.clone(),
            ids: Arc::clone(&ids),
            access: access.clone(),
            ops: Arc::clone(&ops),
            hides_metrics: ops_listener.is_some(),
        });
        WorkerHandle::new(runtime.clone(), Arc::new(edge))
    };
    let runtimes: Vec<&Handle> = threads.runtimes().collect();
    let registrations = store.registrations_on(&runtimes);
    let workers = runtimes.into_iter().zip(registrations).map(worker).collect();

    let telemetry = telemetry.map(|telemetry| {
        let ops = Arc::clone(&ops);
        telemetry.start(move || ops.metrics_text())
    });
    // Background tasks; they end with the set.
    let mut tasks = JoinSet::new();
    tasks.spawn(upkeep(Arc::clone(&ops)));
    tasks.spawn(warm_up(verifier));
    // Each part that follows its settings without a restart.
    let mut followers: Vec<Arc<dyn Reload>> = Vec::new();
    followers.extend(mail.as_ref().map(MailDelivery::mailer));
    let tls = certificate.map(|certificate| {
        let tls = certificate.tls();
        followers.push(Arc::clone(&certificate) as _);
        tasks.spawn(certificate.watch());
        tls
    });
    tasks.spawn(follow_requests(requests, reloader(followers)));
    tasks.spawn(purge::run(store.users(), Arc::clone(&clock)));
    if let Some(listener) = ops_listener {
        let (options, ops) = (Arc::clone(&options), Arc::clone(&ops));
        // Its own lifecycle never drains: readiness is answered until the process ends.
        tasks.spawn(async move {
            let workers = vec![WorkerHandle::new(Handle::current(), ops)];
            http_server::serve(listener, options, workers, &Lifecycle::new()).await;
        });
    }

    let address = listener
        .local_addr()
        .map_err(CommandError::context("the listening socket has no address"))?;
    tracing::info!(%address, tls = tls.is_some(), version = env!("CARGO_PKG_VERSION"), "serving");
    let serving = http_server::serve(Listener::new(listener, tls), options, workers, &lifecycle);
    let mut background = Background::new(&use_cases, &user_writes, &store);
    background.spawn(|end| schedule.run(end));
    background.spawn(|end| writes::reconcile(user_writes.reconcile.clone(), end));
    background.mail = mail.map(|mail| mail.start(store.users(), sealing, clock));
    let ended = serve_until_signal(serving, &mut signals, &lifecycle, background).await;
    tasks.shutdown().await;
    // Last, so that the spans of the drain are sent as well.
    if let Some(telemetry) = telemetry {
        telemetry.stop().await;
    }
    ended
}

pub(super) fn dependencies(store: &Store, adapters: &Adapters, clock: &Arc<dyn Clock>) -> Dependencies {
    Dependencies {
        store: adapters.subscribe(store.registrations()),
        registrations: store.registrations(),
        providers: Arc::new(adapters.clone()),
        bulk: adapters.subscribe_bulk(store.bulk_lookups()),
        mirror: store.mirror(),
        events: store.read_events(),
        clock: Arc::clone(clock),
    }
}

/// Serves until a signal, then drains and lets pending writes finish; a second signal ends all that at once.
async fn serve_until_signal(
    serving: impl Future<Output = DrainOutcome>,
    signals: &mut ServerSignals,
    lifecycle: &Lifecycle,
    background: Background<'_>,
) -> Result<(), CommandError> {
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        // It only ends when it is drained.
        _ = serving.as_mut() => return Ok(()),
        name = signals.next() => tracing::info!(signal = name, "draining"),
    }
    lifecycle.drain();
    background.cancel();
    let draining = async {
        let drained = serving.await;
        if drained.cut > 0 {
            tracing::warn!(cut = drained.cut, "connections were cut: http.drain_timeout is over");
        }
        background.stop().await;
    };
    tokio::select! {
        () = draining => {
            tracing::info!("drained");
            Ok(())
        }
        name = signals.next() => Err(CommandError::new(format!("a second {name} stopped the server before all requests had ended"))),
    }
}

/// How many threads serve connections: one per processor if the setting is 0.
fn serving_threads(setting: usize) -> usize {
    match setting {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        some => some,
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, CommandError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| CommandError::new(format!("cannot listen on {address}: {}", error.kind())))
}

/// Starts without a database that is down, which readiness reports; refuses one at another schema version.
async fn refuse_wrong_schema(store: &Store) -> Result<(), CommandError> {
    match store.check_schema().await {
        Ok(()) => Ok(()),
        Err(error @ (SchemaError::Unavailable(_) | SchemaError::Migration(_) | SchemaError::InUse { .. })) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the database cannot be reached yet: serving 503 until it can"
            );
            Ok(())
        }
        Err(
            error @ (SchemaError::Open(_)
            | SchemaError::Pooler(_)
            | SchemaError::Tls(_)
            | SchemaError::Behind { .. }
            | SchemaError::Foreign { .. }
            | SchemaError::TooNew { .. }
            | SchemaError::KeysBehind { .. }
            | SchemaError::KeysForeign { .. }),
        ) => Err(CommandError::context("the database cannot be used")(error)),
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

async fn follow_requests(mut requests: RequestSignals, reloader: Reloader) {
    loop {
        match requests.next().await {
            ServerRequest::Reload => drop(reloader.reload().await),
            ServerRequest::ReopenLog => {}
        }
    }
}

async fn warm_up(verifier: Arc<Verifier>) {
    if verifier.warm_up().await.is_err() {
        tracing::warn!("the key set cannot be fetched yet: tokens are answered with 503 until it can");
    }
}

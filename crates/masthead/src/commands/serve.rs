//! `masthead serve`: starts the server from its settings and stops it in order.

use std::{path::PathBuf, sync::Arc, time::Duration};

use masthead_http_server::{self as http_server, Lifecycle, Listener, ServerOptions, WorkerHandle, WorkerThreads};
use masthead_orchestrator::{Dependencies, MailRelay, UseCases, writes::UserWrites};
use masthead_ports::{audit::AuditPolicy, clock::Clock, readiness::Readiness};
use masthead_subscribe_store::{SchemaError, Store};
use masthead_telemetry::{RunningTelemetry, Telemetry};
use masthead_tokens::Verifier;
use tokio::{
    net::TcpListener,
    runtime::{self, Handle},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{
    background::Background,
    drain::{ServerEnds, serve_until_end},
    environment::{NO_CLIENT, NO_LOG, NO_MAIL},
    listeners::{bind_api, bind_operations},
    signals::{RequestSignals, ServerSignals, follow_requests},
    workers::WorkerParts,
};
use crate::{
    audit,
    clock::SystemClock,
    command_error::{CommandError, ErrorChain},
    database_passwords::ReloadedPasswords,
    identifiers::process_name,
    limits,
    logs::{self, Logs},
    mail::{MailDelivery, MailTask},
    ops::{self, Ops, ServiceHealth},
    providers::Adapters,
    purge::{self, Purger},
    reload::{Reload, Reloader},
    sealing_keys::{CheckedKeys, SealingKeys},
    settings::{ServerSettings, UncheckedSettings},
    sync::{SCHEDULED_RETRY, SyncRunner, SyncSchedule},
    token_issuers::TokenIssuers,
    wiring,
    writes::user_writes,
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
    let logs =
        logs::start_for_server(&settings.log, Arc::clone(&clock), spans).map_err(CommandError::context(NO_LOG))?;
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CommandError::context("the runtime cannot be started"))?;
    let threads = WorkerThreads::start(serving_threads(settings.http.threads))
        .map_err(CommandError::context("no thread can be started"))?;
    let ended = runtime.block_on(serve(settings, reloader, &logs, telemetry, clock, &threads));
    drop(threads);
    // Tasks that still run have had their time.
    runtime.shutdown_background();
    drop(logs);
    ended
}

async fn serve(
    settings: &ServerSettings,
    reloader: impl FnOnce(Vec<Arc<dyn Reload>>) -> Reloader,
    logs: &Logs,
    telemetry: Option<Telemetry>,
    clock: Arc<dyn Clock>,
    threads: &WorkerThreads,
) -> Result<(), CommandError> {
    let mut signals = ServerSignals::listen()?;
    let requests = RequestSignals::listen()?;
    let keys = SealingKeys::new(&settings.sealing)?;
    log_warnings(settings);
    let verifier = wiring::verifier(&settings.tokens, Arc::clone(&clock))?;
    let metrics = ops::install().map_err(CommandError::context("the metrics cannot be recorded"))?;
    let mail = MailDelivery::new(&settings.mail).map_err(CommandError::context(NO_MAIL))?;
    let certificate = wiring::certificate(settings.http.tls.as_ref(), &clock)?;
    let (listener, address) = bind_api(settings.http.listen).await?;
    let ops_listener = bind_operations(&settings.metrics).await?;
    let store = wiring::store_with_replicas(&settings.database, Arc::clone(&keys) as _, settings.exports.at_once)?;
    refuse_wrong_schema(&store).await?;
    let checked_keys = CheckedKeys::at_start(Arc::clone(&keys), store.admin()).await?;
    let caller_rules = store.caller_rules();
    let verifier = Arc::new(verifier.with_rules(Arc::clone(&caller_rules) as _));
    // The first tokens need them. What fails is logged, and tried again.
    let _ = caller_rules.refresh().await;

    let lifecycle = Lifecycle::new();
    let adapters = Adapters::new(&settings.providers, &clock).map_err(CommandError::context(NO_CLIENT))?;
    let schedule = sync_schedule(settings, &store, &adapters, &clock);
    let relay = mail
        .as_ref()
        .map(|mail| mail.relay(store.users(), Arc::clone(&keys) as _, Arc::clone(&clock)));
    let parts = ready_parts(&store, &verifier, relay.as_ref());
    let health = ServiceHealth::new(parts, lifecycle.clone())
        .with_providers(adapters.clone())
        .with_syncs(schedule.syncs.states())
        .with_replicas(store.replicas());
    let ops = Arc::new(Ops::new(health, metrics, Some(logs.writer.clone())).of_api(address));
    let use_cases = UseCases::new(
        dependencies(settings, &store, &adapters, Arc::clone(&keys), &clock),
        settings.search.max_depth,
    );
    let user_writes = user_writes(settings, &store, &adapters, &keys, Arc::clone(&clock))?;
    let limiter = limits::limiter(&settings.limits, &*keys);
    let workers = WorkerParts {
        settings,
        store: &store,
        adapters: &adapters,
        use_cases: &use_cases,
        user_writes: &user_writes,
        user_tokens: Arc::new(wiring::user_tokens(&settings.providers, Arc::clone(&clock))?),
        tokens: Arc::clone(&verifier) as _,
        rate_limits: Arc::clone(&limiter) as _,
        sealing: Arc::clone(&keys) as _,
        lifecycle: &lifecycle,
        clock: &clock,
        logs,
        ops: &ops,
    }
    .on(threads);

    // Background tasks; they end with the set.
    let mut tasks = JoinSet::new();
    tasks.spawn(upkeep(Arc::clone(&ops)));
    // Each part that follows its settings without a restart.
    let mut followers: Vec<Arc<dyn Reload>> = vec![
        Arc::clone(&logs.control) as _,
        Arc::new(TokenIssuers(Arc::clone(&verifier))),
        Arc::new(limits::ReloadedLimits(Arc::clone(&limiter))),
        Arc::clone(&checked_keys) as _,
        Arc::new(ReloadedPasswords(store.passwords())),
    ];
    followers.extend(mail.as_ref().map(MailDelivery::mailer));
    tasks.spawn(async move { verifier.refresh_keys().await });
    tasks.spawn(async move { caller_rules.follow().await });
    let options = Arc::new(settings.http.server_options());
    let tls = certificate.map(|certificate| {
        let tls = certificate.tls();
        followers.push(Arc::clone(&certificate) as _);
        tasks.spawn(certificate.watch());
        tls
    });
    tasks.spawn(follow_requests(
        requests,
        reloader(followers),
        Arc::clone(&logs.control),
    ));
    tasks.spawn(purge::run(purger(&store, &user_writes, &clock)));
    tasks.spawn(audit::keep_partitions(store.event_partitions(), Arc::clone(&clock)));
    store.read_events().announce();
    if let Some(listener) = ops_listener {
        tasks.spawn(serve_operations(listener, Arc::clone(&options), Arc::clone(&ops)));
    }

    tracing::info!(%address, tls = tls.is_some(), version = env!("CARGO_PKG_VERSION"), "serving");
    let serving = http_server::serve(Listener::new(listener, tls), options, workers, &lifecycle);
    let mut background = Background::new(&use_cases, &user_writes, &store);
    background.spawn(|end| schedule.run(end));
    background.spawn_store_tasks(settings, &adapters, &clock, limiter);
    background.telemetry = telemetry.map(|telemetry| start_telemetry(telemetry, &ops, &clock));
    background.mail = relay.map(MailTask::start);
    let ends = ServerEnds {
        signals: &mut signals,
        refusal: checked_keys.refusal(),
    };
    let ended = serve_until_end(serving, ends, &lifecycle, settings.http.drain_delay, background).await;
    tasks.shutdown().await;
    ended
}

fn purger(store: &Store, writes: &UserWrites, clock: &Arc<dyn Clock>) -> Purger {
    Purger {
        users: store.users(),
        erase: writes.erase.clone(),
        tenants: store.tenants(),
        clock: Arc::clone(clock),
    }
}

fn log_warnings(settings: &ServerSettings) {
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    if let Some(warning) = settings.providers.secrets_warning() {
        tracing::warn!("{warning}");
    }
    if settings.mail.smtp.is_none() {
        tracing::info!("smtp.host is not set: no mail is sent");
    }
}

fn start_telemetry(telemetry: Telemetry, ops: &Arc<Ops>, clock: &Arc<dyn Clock>) -> RunningTelemetry {
    let (ops, clock) = (Arc::clone(ops), Arc::clone(clock));
    telemetry.start(move || ops.metrics_text(), move || clock.now().into())
}

/// The ports of the use cases.
pub(super) fn dependencies(
    settings: &ServerSettings,
    store: &Store,
    adapters: &Adapters,
    keys: Arc<SealingKeys>,
    clock: &Arc<dyn Clock>,
) -> Dependencies {
    Dependencies {
        store: adapters.subscribe(store.registrations()),
        exports: store.registration_exports(),
        export_limits: settings.exports,
        registrations: store.registrations(),
        providers: Arc::new(adapters.clone()),
        bulk: adapters.subscribe_bulk(store.bulk_lookups()),
        mirror: store.mirror(),
        events: store.read_events(),
        audit_log: Arc::new(store.audit_log()),
        audit: AuditPolicy {
            hasher: keys,
            address: settings.audit.address,
            required: settings.audit.required,
        },
        clock: Arc::clone(clock),
    }
}

fn sync_schedule(
    settings: &ServerSettings,
    store: &Store,
    adapters: &Adapters,
    clock: &Arc<dyn Clock>,
) -> SyncSchedule {
    let syncs = SyncRunner::new(
        store.mirror(),
        Arc::new(adapters.clone()),
        Arc::clone(clock),
        process_name(),
        settings.sync.full_every,
        SCHEDULED_RETRY,
    );
    SyncSchedule {
        syncs,
        admin: store.admin(),
        tenants: store.tenants(),
        clock: Arc::clone(clock),
        settings: settings.sync.clone(),
    }
}

/// What the service cannot work without.
fn ready_parts(store: &Store, verifier: &Arc<Verifier>, relay: Option<&MailRelay>) -> Vec<Arc<dyn Readiness>> {
    let mut parts: Vec<Arc<dyn Readiness>> = vec![
        store.readiness(),
        Arc::clone(verifier) as _,
        store.read_events().progress(),
    ];
    parts.extend(relay.map(|relay| relay.progress() as _));
    parts
}

/// The operations port. Its own lifecycle never drains: readiness is answered until the process ends.
async fn serve_operations(listener: TcpListener, options: Arc<ServerOptions>, ops: Arc<Ops>) {
    let workers = vec![WorkerHandle::new(Handle::current(), ops)];
    http_server::serve(listener, options, workers, &Lifecycle::new()).await;
}

/// How many threads serve connections: one per processor if the setting is 0.
fn serving_threads(setting: usize) -> usize {
    match setting {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        some => some,
    }
}

/// Starts without a database that is down, which readiness reports; refuses one at another schema version.
async fn refuse_wrong_schema(store: &Store) -> Result<(), CommandError> {
    // First a connection alone, whose error names the server and the reason.
    let checked = match store.check_connection().await {
        Ok(()) => store.check_schema().await,
        Err(error) => Err(error),
    };
    match checked {
        Ok(()) => Ok(()),
        Err(error @ (SchemaError::Unavailable(_) | SchemaError::Migration(_) | SchemaError::InUse { .. })) => {
            tracing::warn!(reason = %ErrorChain(&error), "the database cannot be reached yet: serving 503 until it can");
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
        ops.upkeep().await;
    }
}

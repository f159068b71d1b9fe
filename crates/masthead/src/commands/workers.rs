//! The API on the threads that serve connections.

use std::sync::Arc;

use masthead_api::{Api, ApiLimits, ApiState, ExportState};
use masthead_http_server::{Lifecycle, WorkerHandle, WorkerThreads};
use masthead_orchestrator::{UseCases, writes::UserWrites};
use masthead_ports::{
    clock::Clock,
    rate_limit::RateLimits,
    sealing::Sealing,
    tokens::{TokenVerifier, UserTokenVerifier},
};
use masthead_subscribe_store::Store;
use tokio::runtime::Handle;

use crate::{
    edge::{Edge, EdgeParts},
    identifiers::{RequestIds, TimedIds},
    logs::Logs,
    ops::Ops,
    providers::Adapters,
    server_errors::RETRY_AFTER,
    settings::ServerSettings,
    writes::person_reports,
};

/// What the API of every thread consists of.
pub(super) struct WorkerParts<'a> {
    pub(super) settings: &'a ServerSettings,
    pub(super) store: &'a Store,
    pub(super) adapters: &'a Adapters,
    pub(super) use_cases: &'a UseCases,
    pub(super) user_writes: &'a UserWrites,
    pub(super) user_tokens: Arc<dyn UserTokenVerifier>,
    pub(super) tokens: Arc<dyn TokenVerifier>,
    pub(super) rate_limits: Arc<dyn RateLimits>,
    pub(super) sealing: Arc<dyn Sealing>,
    pub(super) lifecycle: &'a Lifecycle,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) logs: &'a Logs,
    pub(super) ops: &'a Arc<Ops>,
}

impl WorkerParts<'_> {
    /// One for each thread, which has connections of its own for look-ups.
    pub(super) fn on(&self, threads: &WorkerThreads) -> Vec<WorkerHandle<Edge<Api>>> {
        let http = Arc::new(self.settings.http.clone());
        let ids: Arc<dyn RequestIds> = Arc::new(TimedIds::new(Arc::clone(self.clock)));
        // One for all threads: rate limits count per workspace.
        let exports = Arc::new(ExportState::new(
            self.use_cases.export_users.clone(),
            self.store.workspaces(),
        ));
        let reports = person_reports(self.settings, self.store, self.adapters, self.user_writes);
        let runtimes: Vec<&Handle> = threads.runtimes().collect();
        let registrations = self.store.registrations_on(&runtimes);
        let workers = runtimes.into_iter().zip(registrations);
        let workers = workers.map(|(runtime, registrations)| {
            let api = ApiState {
                use_cases: self.use_cases.with_store(self.adapters.subscribe(registrations)),
                writes: self.user_writes.clone(),
                reports: Some(reports.clone()),
                user_tokens: Some(Arc::clone(&self.user_tokens)),
                exports: Arc::clone(&exports),
                tenants: self.store.tenants(),
                tokens: Arc::clone(&self.tokens),
                rate_limits: Arc::clone(&self.rate_limits),
                read_scopes: self.settings.tokens.read_scopes,
                sealing: Arc::clone(&self.sealing),
                limits: ApiLimits {
                    body_bytes: http.max_body_bytes,
                    deadline: http.request_deadline,
                    retry_after: RETRY_AFTER,
                },
            };
            let edge = Edge::new(EdgeParts {
                routes: Api::new(api),
                http: Arc::clone(&http),
                lifecycle: self.lifecycle.clone(),
                ids: Arc::clone(&ids),
                access: self.logs.access.clone(),
                ops: Arc::clone(self.ops),
                shows_metrics: self.settings.metrics.on_api_port,
            });
            WorkerHandle::new(runtime.clone(), Arc::new(edge))
        });
        workers.collect()
    }
}

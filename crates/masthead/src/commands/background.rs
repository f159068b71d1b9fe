//! What runs beside the server and stops after it.

use std::sync::Arc;

use masthead_orchestrator::{UseCases, writes::UserWrites};
use masthead_ports::clock::Clock;
use masthead_rate_limits::SystemLimiter;
use masthead_subscribe_store::Store;
use masthead_telemetry::RunningTelemetry;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    forget, identifiers::process_name, key_uses, limits, mail::MailTask, providers::Adapters, settings::ServerSettings,
    writes,
};

/// The tasks beside the server, and the writes that outlive their requests.
pub(super) struct Background<'a> {
    use_cases: &'a UseCases,
    writes: &'a UserWrites,
    store: &'a Store,
    tasks: JoinSet<()>,
    end: CancellationToken,
    /// The relay of mails, where the server sends any.
    pub(super) mail: Option<MailTask>,
    /// The export of spans and metrics, where there is one.
    pub(super) telemetry: Option<RunningTelemetry>,
}

impl<'a> Background<'a> {
    pub(super) fn new(use_cases: &'a UseCases, writes: &'a UserWrites, store: &'a Store) -> Self {
        Self {
            use_cases,
            writes,
            store,
            tasks: JoinSet::new(),
            end: CancellationToken::new(),
            mail: None,
            telemetry: None,
        }
    }

    /// Starts a task, which ends after [`Self::cancel`].
    pub(super) fn spawn<F: Future<Output = ()> + Send + 'static>(&mut self, task: impl FnOnce(CancellationToken) -> F) {
        self.tasks.spawn(task(self.end.clone()));
    }

    /// The tasks of every server on its store.
    pub(super) fn spawn_store_tasks(
        &mut self,
        settings: &ServerSettings,
        adapters: &Adapters,
        clock: &Arc<dyn Clock>,
        limiter: Arc<SystemLimiter>,
    ) {
        let (store, user_writes) = (self.store, self.writes);
        self.spawn(|end| key_uses::run(store.workspaces(), end));
        self.spawn(|end| writes::reconcile(user_writes.reconcile.clone(), end));
        self.spawn(|end| writes::go_on_erasing(user_writes.erase.clone(), end));
        let hasher = Arc::clone(&user_writes.ports().hasher);
        self.spawn(|end| forget::run(store.users(), adapters.clone(), hasher, Arc::clone(clock), end));
        if settings.limits.shared {
            let usage = Arc::new(store.rate_usage());
            self.spawn(|end| limits::share(limiter, usage, process_name(), end));
        }
    }

    /// Makes the tasks begin nothing more.
    pub(super) fn cancel(&self) {
        self.end.cancel();
    }

    /// Lets pending writes and the tasks finish, then closes the store.
    pub(super) async fn stop(mut self) {
        self.writes.close().await;
        self.use_cases.close().await;
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(error = &error as &dyn std::error::Error, "a background task broke off");
            }
        }
        if let Some(mail) = self.mail {
            mail.stop().await;
        }
        self.store.close().await;
        // Last, so that the spans of all this are sent as well.
        if let Some(telemetry) = self.telemetry {
            telemetry.stop().await;
        }
    }
}

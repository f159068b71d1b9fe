//! What runs beside the server and stops after it.

use masthead_orchestrator::{UseCases, writes::UserWrites};
use masthead_subscribe_store::Store;
use masthead_telemetry::RunningTelemetry;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::mail::MailTask;

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

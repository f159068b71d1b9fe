//! Records live answers of providers in the mirror, in the background.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId};
use masthead_ports::{
    mirror::UserMirror,
    source::{CallContext, Priority, SourceError},
};
use time::OffsetDateTime;
use tokio::{sync::Semaphore, time::sleep};
use tokio_util::task::TaskTracker;

/// The maximum number of waiting writes; further ones are discarded, since the next live answer or sync records them.
const MAX_WAITING: usize = 1024;

/// The delay of each write, so that concurrent responses are sent first.
const DELAY: Duration = Duration::from_millis(20);

/// The time limit of one write.
const DEADLINE: Duration = Duration::from_secs(10);

/// Writes to the mirror one after the other, on tracked tasks.
#[derive(Clone)]
pub(crate) struct MirrorWriter {
    mirror: Arc<dyn UserMirror>,
    tasks: TaskTracker,
    waiting: Arc<Semaphore>,
    writing: Arc<Semaphore>,
}

impl MirrorWriter {
    pub(crate) fn new(mirror: Arc<dyn UserMirror>) -> Self {
        Self {
            mirror,
            tasks: TaskTracker::new(),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            writing: Arc::new(Semaphore::new(1)),
        }
    }

    pub(crate) async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Records accounts that a provider returned.
    pub(crate) fn record_accounts(&self, cx: &CallContext, accounts: Vec<Account>, as_of: OffsetDateTime) {
        if accounts.is_empty() {
            return;
        }
        self.spawn(cx, async move |mirror, cx| {
            mirror.record_accounts(&cx, &accounts, as_of).await.map(|_| ())
        });
    }

    /// Records that a provider confirmed to have no account with this id.
    pub(crate) fn record_absence(&self, cx: &CallContext, id: &CustomerRegistrationId, as_of: OffsetDateTime) {
        let id = id.clone();
        self.spawn(cx, async move |mirror, cx| mirror.record_absence(&cx, &id, as_of).await);
    }

    fn spawn<F>(&self, cx: &CallContext, write: impl FnOnce(Arc<dyn UserMirror>, CallContext) -> F + Send + 'static)
    where
        F: Future<Output = Result<(), SourceError>> + Send + 'static,
    {
        let Ok(slot) = Arc::clone(&self.waiting).try_acquire_owned() else {
            return;
        };
        if self.tasks.is_closed() {
            return;
        }
        let writer = self.clone();
        let tenant = Arc::clone(&cx.tenant);
        self.tasks.spawn(async move {
            let _slot = slot;
            sleep(DELAY).await;
            let Ok(_permit) = writer.writing.acquire().await else {
                return;
            };
            let cx = CallContext::new(tenant, Instant::now() + DEADLINE, Priority::Sync);
            let tenant = Arc::clone(&cx.tenant);
            if let Err(error) = write(Arc::clone(&writer.mirror), cx).await {
                tracing::warn!(error = &error as &dyn std::error::Error, tenant = %tenant.id, "not recorded in the mirror");
            }
        });
    }
}

//! Writes live answers of a provider into registrations, after the response is sent.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use masthead_domain::{
    caller_address::AuditAddress, customer_registration_id::CustomerRegistrationId, tenant::PoolId,
    write_back::WriteBack,
};
use masthead_ports::{clock::Clock, registrations::RegistrationWriter, source::Priority};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::Caller;

/// The maximum number of waiting writes; further ones are discarded, since the next live answer plans them again.
const MAX_WAITING: usize = 1024;

/// The maximum number of concurrent writes, so that write-backs never block the reads of the store.
const MAX_WRITING: usize = 2;

/// The time limit of one write.
const DEADLINE: Duration = Duration::from_secs(10);

/// Writes on tracked tasks; each registration has at most one waiting write.
#[derive(Clone)]
pub(crate) struct WriteBackQueue {
    registrations: Arc<dyn RegistrationWriter>,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    waiting: Arc<Mutex<HashSet<(PoolId, CustomerRegistrationId)>>>,
    writing: Arc<Semaphore>,
    address: AuditAddress,
}

impl WriteBackQueue {
    pub(crate) fn new(
        registrations: Arc<dyn RegistrationWriter>,
        clock: Arc<dyn Clock>,
        address: AuditAddress,
    ) -> Self {
        Self {
            registrations,
            clock,
            tasks: TaskTracker::new(),
            waiting: Arc::default(),
            writing: Arc::new(Semaphore::new(MAX_WRITING)),
            address,
        }
    }

    pub(crate) async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Queues these writes.
    pub(crate) fn enqueue(&self, caller: &Caller, write_backs: Vec<WriteBack>) {
        for write_back in write_backs {
            self.spawn(caller, write_back);
        }
    }

    fn spawn(&self, caller: &Caller, write_back: WriteBack) {
        let key = (caller.tenant.pool, write_back.account.crid.clone());
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if self.tasks.is_closed() || waiting.len() >= MAX_WAITING || !waiting.insert(key.clone()) {
                return;
            }
        }
        let queue = self.clone();
        let mut cx = caller.context(Priority::Sync);
        let origin = caller.origin(self.clock.now(), self.address);
        self.tasks.spawn(async move {
            if let Ok(_permit) = queue.writing.acquire().await {
                cx.deadline = Instant::now() + DEADLINE;
                // A lost write-back loses no data: the next live answer plans it again.
                if let Err(error) = queue.registrations.write_back(&cx, &write_back, &origin).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, tenant = %cx.tenant.id, "not written back");
                }
            }
            queue
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&key);
        });
    }
}

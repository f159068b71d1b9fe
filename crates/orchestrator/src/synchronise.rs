//! Bringing our registrations in line with a provider's live answer, after the caller has been answered.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use masthead_domain::{customer_registration_id::CustomerRegistrationId, tenant::PoolId, write_back::WriteBack};
use masthead_ports::{
    clock::Clock,
    registrations::{RegistrationWriter, WriteOrigin},
    source::{CallContext, Priority},
};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::{Caller, Users};

/// How many registrations may wait to be written; beyond it the next live answer tries again.
const MAX_WAITING: usize = 1024;

/// How many are written at a time, so that synchronising never takes the store from those who ask it.
const MAX_WRITING: usize = 2;

/// How long a write may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Writes on tracked tasks, each registration once at a time.
#[derive(Clone)]
pub(crate) struct Synchroniser {
    registrations: Arc<dyn RegistrationWriter>,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    waiting: Arc<Mutex<HashSet<(PoolId, CustomerRegistrationId)>>>,
    writing: Arc<Semaphore>,
}

impl Synchroniser {
    pub(crate) fn new(registrations: Arc<dyn RegistrationWriter>, clock: Arc<dyn Clock>) -> Self {
        Self {
            registrations,
            clock,
            tasks: TaskTracker::new(),
            waiting: Arc::default(),
            writing: Arc::new(Semaphore::new(MAX_WRITING)),
        }
    }

    pub(crate) async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn spawn(&self, caller: &Caller, write_back: WriteBack) {
        let key = (caller.tenant.pool, write_back.account.crid.clone());
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if self.tasks.is_closed() || waiting.len() >= MAX_WAITING || !waiting.insert(key.clone()) {
                return;
            }
        }
        let synchroniser = self.clone();
        let mut cx = caller.context(Priority::Sync);
        let written_for = WriteOrigin {
            request_id: caller.request_id.clone(),
            source_system: caller.source_system.clone(),
            at: self.clock.now(),
        };
        self.tasks.spawn(async move {
            if let Ok(_permit) = synchroniser.writing.acquire().await {
                cx.deadline = Instant::now() + DEADLINE;
                synchroniser.write(&cx, &write_back, &written_for).await;
            }
            synchroniser
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&key);
        });
    }

    async fn write(&self, cx: &CallContext, write_back: &WriteBack, written_for: &WriteOrigin) {
        // Losing a synchronisation loses nothing: the next live answer brings it again.
        if let Err(error) = self.registrations.write_back(cx, write_back, written_for).await {
            tracing::warn!(error = &error as &dyn std::error::Error, tenant = %cx.tenant.id, "not synchronised");
        }
    }
}

impl Users {
    /// Writes these registrations once the answer is on its way.
    pub(crate) fn synchronise_later(&self, caller: &Caller, write_backs: Vec<WriteBack>) {
        for write_back in write_backs {
            self.synchroniser.spawn(caller, write_back);
        }
    }
}

//! The reads of the v4 user family, over the sources that they ask.

use std::sync::Arc;

use masthead_domain::event::{Event, EventKind, EventOutcome};
use masthead_ports::{clock::Clock, events::ReadEvents, source::UserSource};

use crate::Caller;

/// The reads. Cheap to clone; each read is one method, in a file of its own.
#[derive(Clone)]
pub struct Users {
    pub(crate) store: Arc<dyn UserSource>,
    pub(crate) events: Arc<dyn ReadEvents>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) max_depth: u64,
}

impl Users {
    /// Wires the reads; `max_depth` is how many rows deep page numbers reach.
    #[must_use]
    pub fn new(store: Arc<dyn UserSource>, events: Arc<dyn ReadEvents>, clock: Arc<dyn Clock>, max_depth: u64) -> Self {
        Self {
            store,
            events,
            clock,
            max_depth,
        }
    }

    /// Writes the event of one read of one source.
    pub(crate) fn record(&self, caller: &Caller, kind: EventKind, outcome: EventOutcome, read: Read) {
        self.events.record(Event {
            kind,
            tenant: caller.tenant.id.clone(),
            pool: caller.tenant.pool,
            at: self.clock.now(),
            request_id: caller.request_id.clone(),
            source_system: caller.source_system.clone(),
            outcome,
            registration_id: read.registration_id,
            users: read.users,
        });
    }
}

/// What a read of a source brought, as its event tells it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Read {
    pub(crate) registration_id: Option<i64>,
    pub(crate) users: u32,
}

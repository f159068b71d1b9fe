//! Writes the events of reads.

use std::sync::Arc;

use masthead_domain::{
    account::Account,
    event::{Event, EventKind, EventOutcome},
};
use masthead_ports::{clock::Clock, events::ReadEvents, source::SourceError};

use crate::{Caller, findings::PairFindings};

/// The audit log of the reads.
#[derive(Clone)]
pub(crate) struct ReadLog {
    pub(crate) events: Arc<dyn ReadEvents>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl ReadLog {
    /// Records one answer of the store.
    pub(crate) fn record_answer(&self, caller: &Caller, kind: EventKind, answer: Result<&[Account], &SourceError>) {
        let (outcome, accounts) = match answer {
            Ok([]) => (EventOutcome::Absent, [].as_slice()),
            Ok(accounts) => (EventOutcome::Found, accounts),
            Err(_) => (EventOutcome::Unknown, [].as_slice()),
        };
        self.record(caller, kind, outcome, accounts);
    }

    /// Records the findings of each source that was called; `store_kind` is the kind of the store's event.
    pub(crate) fn record_findings(&self, caller: &Caller, store_kind: EventKind, findings: &PairFindings) {
        for (source, kind) in [
            (&findings.store, store_kind),
            (&findings.provider, EventKind::AuthSystemUserGet),
        ] {
            if source.called {
                self.record(caller, kind, source.outcome(), source.accounts());
            }
        }
    }

    /// Records a read of these accounts.
    pub(crate) fn record(&self, caller: &Caller, kind: EventKind, outcome: EventOutcome, accounts: &[Account]) {
        let registration_id = match accounts {
            [one] => one.registration_id,
            _ => None,
        };
        self.events.record(Event {
            registration_id,
            ..self.event(caller, kind, outcome, accounts.len())
        });
    }

    /// Records a read of many users from this network.
    pub(crate) fn record_many(
        &self,
        caller: &Caller,
        kind: EventKind,
        outcome: EventOutcome,
        users: usize,
        network: Option<&str>,
    ) {
        self.events.record(Event {
            network: network.map(Box::from),
            ..self.event(caller, kind, outcome, users)
        });
    }

    fn event(&self, caller: &Caller, kind: EventKind, outcome: EventOutcome, users: usize) -> Event {
        Event {
            kind,
            tenant: caller.tenant.id.clone(),
            pool: caller.tenant.pool,
            at: self.clock.now(),
            request_id: caller.request_id.clone(),
            source_system: caller.source_system.clone(),
            outcome,
            registration_id: None,
            users: u32::try_from(users).unwrap_or(u32::MAX),
            network: None,
        }
    }
}

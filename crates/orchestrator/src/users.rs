//! The reads of the v4 user family: what they ask of the world, and the events that they write.

use std::sync::Arc;

use masthead_domain::{
    account::Account,
    answer::{Completeness, SourceReport, SourceStatus},
    event::{Event, EventKind, EventOutcome},
};
use masthead_ports::{
    clock::Clock,
    events::ReadEvents,
    mirror::UserMirror,
    provider::Providers,
    registrations::RegistrationWriter,
    source::{SUBSCRIBE, SourceError, SourceErrorKind, UserSource},
};

use crate::{Caller, ReadError, both::Both, heed::Keeper, synchronise::Synchroniser, told::Told};

/// What the reads need of the world.
#[derive(Clone)]
pub struct Dependencies {
    /// Our own registrations.
    pub store: Arc<dyn UserSource>,
    /// The write side of the same store.
    pub registrations: Arc<dyn RegistrationWriter>,
    /// The outside providers.
    pub providers: Arc<dyn Providers>,
    /// What the providers are known to have.
    pub directory: Arc<dyn UserMirror>,
    /// The audit log.
    pub events: Arc<dyn ReadEvents>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
}

/// The reads. Cheap to clone; each read is one method, in a file of its own.
#[derive(Clone)]
pub struct Users {
    pub(crate) store: Arc<dyn UserSource>,
    pub(crate) providers: Arc<dyn Providers>,
    pub(crate) directory: Arc<dyn UserMirror>,
    pub(crate) keeper: Keeper,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) max_depth: u64,
    pub(crate) synchroniser: Synchroniser,
    events: Arc<dyn ReadEvents>,
}

impl Users {
    /// Wires the reads; `max_depth` is how many rows deep page numbers reach.
    #[must_use]
    pub fn new(world: Dependencies, max_depth: u64) -> Self {
        Self {
            store: world.store,
            providers: world.providers,
            keeper: Keeper::new(Arc::clone(&world.directory)),
            directory: world.directory,
            clock: Arc::clone(&world.clock),
            max_depth,
            synchroniser: Synchroniser::new(world.registrations, world.clock),
            events: world.events,
        }
    }

    /// The same reads over another handle of the same store, such as one whose look-ups run where the caller does.
    #[must_use]
    pub fn reading(&self, store: Arc<dyn UserSource>) -> Self {
        Self { store, ..self.clone() }
    }

    /// Waits until what is being written after answers is written; nothing new is taken on afterwards.
    pub async fn close(&self) {
        tokio::join!(self.synchroniser.close(), self.keeper.close());
    }

    /// Writes the event of one read of the store alone.
    pub(crate) fn record_read(&self, caller: &Caller, kind: EventKind, answer: Result<&[Account], &SourceError>) {
        let (outcome, accounts) = match answer {
            Ok([]) => (EventOutcome::Absent, [].as_slice()),
            Ok(accounts) => (EventOutcome::Found, accounts),
            Err(_) => (EventOutcome::Unknown, [].as_slice()),
        };
        self.record(caller, kind, outcome, accounts);
    }

    /// Writes the event of each side that was called: the store's is of this kind.
    pub(crate) fn record_both(&self, caller: &Caller, kind: EventKind, both: &Both) {
        for (told, kind) in [(&both.ours, kind), (&both.theirs, EventKind::AuthSystemUserGet)] {
            if told.called {
                self.record(caller, kind, outcome(told), told.accounts());
            }
        }
    }

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

    /// Writes the event of a call that is about many users, asked from this network.
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

    /// What the silence of the store means where it alone was asked; the place where it is logged.
    pub(crate) fn silence(&self, caller: &Caller, error: &SourceError) -> ReadError {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            source.name = self.store.name(),
            "no answer"
        );
        let retry_after = match error.kind {
            SourceErrorKind::TooBroad => return ReadError::TooBroad,
            // Asking our own registrations again would not mend them; another system may answer truly the next time.
            SourceErrorKind::Corrupt if !caller.tenant.settings.has_remote_store() => return ReadError::Corrupt,
            SourceErrorKind::RateLimited { retry_after } => retry_after,
            SourceErrorKind::Corrupt
            | SourceErrorKind::Unavailable
            | SourceErrorKind::OutcomeUnknown
            | SourceErrorKind::Refused
            | SourceErrorKind::Misconfigured => None,
        };
        let silent = SourceReport {
            status: SourceStatus::Unavailable,
            reason: Some(error.kind.name()),
            ..SourceReport::skipped(SUBSCRIBE)
        };
        ReadError::Unavailable {
            retry_after,
            completeness: beside_skipped(caller, silent),
        }
    }
}

pub(crate) fn outcome(told: &Told) -> EventOutcome {
    match (told.accounts().is_empty(), told.silence()) {
        (false, _) => EventOutcome::Found,
        (true, None) => EventOutcome::Absent,
        (true, Some(_)) => EventOutcome::Unknown,
    }
}

/// What a federated tenant is told of a request that left its provider out; `None` for the others, whose answers keep
/// the published shape.
pub(crate) fn store_alone(caller: &Caller, clock: &dyn Clock) -> Option<Completeness> {
    caller.tenant.settings.user_provider?;
    let store = SourceReport {
        status: SourceStatus::Ok,
        as_of: Some(clock.now()),
        ..SourceReport::skipped(SUBSCRIBE)
    };
    beside_skipped(caller, store)
}

/// This word of the store beside a provider that was not asked; `None` where the tenant has none.
fn beside_skipped(caller: &Caller, store: SourceReport) -> Option<Completeness> {
    let provider = caller.tenant.settings.user_provider?;
    Some(Completeness {
        complete: store.status == SourceStatus::Ok,
        sources: vec![SourceReport::skipped(provider.name()), store],
    })
}

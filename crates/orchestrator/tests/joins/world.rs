//! A provider and a store in memory, and everything that reads them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, tenant::Tenant};
use masthead_orchestrator::{Caller, Dependencies, Export, Users};
use masthead_ports::{
    mirror::{RemovalBrake, StartOutcome, StartRun, UserMirror as _},
    registrations::RegistrationWriter,
    scan::ScanPage,
    source::Priority,
};
use masthead_testkit::{
    clock::StoppedClock,
    events::RecordingEvents,
    mirror::FakeMirror,
    providers::{FakeProvider, FakeProviders, ProviderMode},
    registrations::InMemoryRegistrationWriter,
    store::FakeStore,
    tenants::tenant,
};
use time::{OffsetDateTime, macros::datetime};

const NOW: OffsetDateTime = datetime!(2026-03-04 12:00 UTC);
/// Within the hour that lists of a directory count as current.
const YOUNG: OffsetDateTime = datetime!(2026-03-04 11:30 UTC);

/// Both sides of one tenant.
pub(crate) struct Sides {
    pub(crate) store: Arc<FakeStore>,
    pub(crate) provider: Arc<FakeProvider>,
    pub(crate) tenant: Arc<Tenant>,
}

/// The use cases over both sides for one request; what it writes is written when it is closed.
pub(crate) struct Reads {
    pub(crate) users: Users,
    pub(crate) export: Export,
    pub(crate) caller: Caller,
}

/// What a directory has of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Synchronised {
    Never,
    Whole,
    /// The account of this id could not be kept.
    Without(usize),
}

impl Sides {
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let settings: Vec<_> = settings
            .iter()
            .copied()
            .chain([("Flow.UserProvider", "Auth0")])
            .collect();
        Self {
            store: Arc::new(FakeStore::default()),
            provider: Arc::new(FakeProvider::new("Auth0", ProviderMode::Live(NOW))),
            tenant: Arc::new(tenant("north/daily/herald", 1, &settings)),
        }
    }

    pub(crate) fn theirs(&self) -> Vec<Account> {
        self.provider.kept(self.tenant.pool)
    }

    pub(crate) fn ours(&self) -> Vec<Account> {
        self.store.kept(self.tenant.pool)
    }

    /// Everything that reads and writes these sides.
    pub(crate) async fn reads(&self, synchronised: Synchronised) -> Reads {
        let writing = Arc::new(InMemoryRegistrationWriter(Arc::clone(&self.store)));
        self.reads_writing_to(writing, synchronised).await
    }

    pub(crate) async fn reads_writing_to(
        &self,
        registrations: Arc<dyn RegistrationWriter>,
        synchronised: Synchronised,
    ) -> Reads {
        let directory = Arc::new(FakeMirror::over(Arc::clone(&self.store)));
        let caller = Caller {
            tenant: Arc::clone(&self.tenant),
            source_system: "CRM".into(),
            request_id: "r-1".into(),
            deadline: Instant::now() + Duration::from_mins(5),
        };
        let missing = match synchronised {
            Synchronised::Never => None,
            Synchronised::Whole => Some(None),
            Synchronised::Without(id) => Some(Some(id)),
        };
        if let Some(missing) = missing {
            self.synchronise(&directory, &caller, missing).await;
        }
        let world = Dependencies {
            store: Arc::clone(&self.store) as _,
            registrations,
            providers: Arc::new(FakeProviders(Some(Arc::clone(&self.provider)))),
            directory: Arc::clone(&directory) as _,
            events: Arc::new(RecordingEvents::default()),
            clock: Arc::new(StoppedClock::at(NOW)),
        };
        let users = Users::new(world, 1_000);
        Reads {
            export: Export::new(users.clone(), directory),
            users,
            caller,
        }
    }

    async fn synchronise(&self, directory: &FakeMirror, caller: &Caller, missing: Option<usize>) {
        let cx = caller.context(Priority::Sync);
        let beginning = StartRun {
            holder: "test",
            at: YOUNG,
            lease: Duration::from_mins(1),
            full_every: Duration::ZERO,
        };
        let StartOutcome::Run(run) = directory.start_run(&cx, beginning).await.unwrap() else {
            unreachable!("no other run is under way")
        };
        let mut accounts = self.theirs();
        accounts.retain(|account| missing.is_none_or(|id| account.crid != crid(id)));
        let step = ScanPage {
            accounts,
            next: None,
            expected: None,
            truncated: false,
            gaps: missing.is_some(),
            left_out: Vec::new(),
        };
        directory.record_page(&cx, &run, &step, YOUNG).await.unwrap();
        directory
            .finish_run(&cx, &run, YOUNG, RemovalBrake::Released)
            .await
            .unwrap();
    }
}

/// The id of this number.
pub(crate) fn crid(number: usize) -> CustomerRegistrationId {
    CustomerRegistrationId::parse(&format!("id-{number}")).unwrap()
}

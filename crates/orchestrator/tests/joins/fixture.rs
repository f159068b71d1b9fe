//! A provider and a store in memory, and everything that reads them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, tenant::Tenant};
use masthead_orchestrator::{Caller, Dependencies, ExportLimits, UseCases};
use masthead_ports::{
    mirror::{RemovalBrake, StartOutcome, StartRun, UserMirror as _},
    registrations::RegistrationWriter,
    scan::ScanPage,
    source::Priority,
};
use masthead_testkit::{
    audit::{FakeAuditLog, audit_policy},
    clock::StoppedClock,
    events::RecordingEvents,
    exports::FakeExports,
    mirror::FakeMirror,
    providers::{FakeProvider, FakeProviders, ProviderMode},
    registrations::InMemoryRegistrationWriter,
    store::FakeStore,
    tenants::tenant,
};
use time::{OffsetDateTime, macros::datetime};

const NOW: OffsetDateTime = datetime!(2026-03-04 12:00 UTC);
/// Within the maximum age of a current mirror.
const YOUNG: OffsetDateTime = datetime!(2026-03-04 11:30 UTC);

/// The two sources of one tenant.
pub(crate) struct JoinFixture {
    pub(crate) store: Arc<FakeStore>,
    pub(crate) provider: Arc<FakeProvider>,
    pub(crate) tenant: Arc<Tenant>,
}

/// The use cases over both sources; closing them completes the write-backs.
pub(crate) struct JoinReads {
    pub(crate) use_cases: UseCases,
    pub(crate) caller: Caller,
}

/// The content of the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MirrorContent {
    Never,
    Whole,
    /// Without the account with this id.
    Without(usize),
}

impl JoinFixture {
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

    pub(crate) fn provider_accounts(&self) -> Vec<Account> {
        self.provider.kept(self.tenant.pool)
    }

    pub(crate) fn registrations(&self) -> Vec<Account> {
        self.store.kept(self.tenant.pool)
    }

    /// The use cases over these sources.
    pub(crate) async fn reads(&self, mirror_content: MirrorContent) -> JoinReads {
        let writing = Arc::new(InMemoryRegistrationWriter(Arc::clone(&self.store)));
        self.reads_writing_to(writing, mirror_content).await
    }

    pub(crate) async fn reads_writing_to(
        &self,
        registrations: Arc<dyn RegistrationWriter>,
        mirror_content: MirrorContent,
    ) -> JoinReads {
        let mirror = Arc::new(FakeMirror::over(Arc::clone(&self.store)));
        let caller = Caller {
            tenant: Arc::clone(&self.tenant),
            identity: Arc::default(),
            address: None,
            source_system: "CRM".into(),
            request_id: "r-1".into(),
            deadline: Instant::now() + Duration::from_mins(5),
        };
        let missing = match mirror_content {
            MirrorContent::Never => None,
            MirrorContent::Whole => Some(None),
            MirrorContent::Without(id) => Some(Some(id)),
        };
        if let Some(missing) = missing {
            self.sync(&mirror, &caller, missing).await;
        }
        let dependencies = Dependencies {
            store: Arc::clone(&self.store) as _,
            bulk: Arc::clone(&mirror) as _,
            exports: Arc::new(FakeExports::of(Arc::clone(&self.store), 2)),
            export_limits: ExportLimits::default(),
            registrations,
            providers: Arc::new(FakeProviders(Some(Arc::clone(&self.provider)))),
            mirror: Arc::clone(&mirror) as _,
            events: Arc::new(RecordingEvents::default()),
            audit_log: Arc::new(FakeAuditLog::default()),
            audit: audit_policy(),
            clock: Arc::new(StoppedClock::at(NOW)),
        };
        JoinReads {
            use_cases: UseCases::new(dependencies, 1_000),
            caller,
        }
    }

    async fn sync(&self, mirror: &FakeMirror, caller: &Caller, missing: Option<usize>) {
        let cx = caller.context(Priority::Sync);
        let beginning = StartRun {
            holder: "test",
            at: YOUNG,
            lease: Duration::from_mins(1),
            full_every: Duration::ZERO,
        };
        let StartOutcome::Run(run) = mirror.start_run(&cx, beginning).await.unwrap() else {
            unreachable!("no other run is under way")
        };
        let mut accounts = self.provider_accounts();
        accounts.retain(|account| missing.is_none_or(|id| account.crid != crid(id)));
        let step = ScanPage {
            accounts,
            next: None,
            expected: None,
            truncated: false,
            gaps: missing.is_some(),
            left_out: Vec::new(),
        };
        mirror.record_page(&cx, &run, &step, YOUNG).await.unwrap();
        mirror
            .finish_run(&cx, &run, YOUNG, RemovalBrake::Released)
            .await
            .unwrap();
    }
}

/// The id with this number.
pub(crate) fn crid(number: usize) -> CustomerRegistrationId {
    CustomerRegistrationId::parse(&format!("id-{number}")).unwrap()
}

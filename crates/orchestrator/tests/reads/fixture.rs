//! The use cases over a provider, a store and a mirror in memory.

use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    access::TokenIdentity,
    account::Account,
    answer::{ListAnswer, UserAnswer},
    caller_address::CallerAddress,
    customer_registration_id::CustomerRegistrationId,
    email::{EmailFragment, EmailKey},
    flow::{Sources, UserProvider},
    query::{EmailFilter, OnProviderFailure, UserFilter, UserQuery},
    tenant::Tenant,
    user_key::UserKey,
};
use masthead_orchestrator::{Caller, Dependencies, ExportLimits, LookupRequest, ReadError, SearchRequest, UseCases};
use masthead_ports::{
    bulk::LookupKey,
    clock::Clock as _,
    mirror::{RemovalBrake, StartOutcome, StartRun, UserMirror as _},
    provider::Providers,
    scan::ScanPage,
    source::{CallContext, Priority, UserSource},
};
use masthead_testkit::{
    audit::{FakeAuditLog, audit_policy},
    clock::StoppedClock,
    contract::list,
    events::RecordingEvents,
    exports::FakeExports,
    mirror::FakeMirror,
    providers::{FakeProvider, FakeProviders, ProviderMode},
    registrations::RecordingRegistrationWriter,
    store::FakeStore,
    tenants::tenant,
};
use time::OffsetDateTime;

/// The settings of a tenant with a provider.
pub(crate) const FEDERATED: &[(&str, &str)] = &[("Flow.UserProvider", "Auth0")];

/// The depth that page numbers reach, in rows.
pub(crate) const MAX_DEPTH: u64 = 100;

/// The users whose address contains this.
pub(crate) fn with_address_part(text: &str) -> UserFilter {
    with_address(EmailFilter::Contains(EmailFragment::from_text(text)))
}

/// The user with this address.
pub(crate) fn with_exact_address(text: &str) -> UserFilter {
    with_address(EmailFilter::Exact(EmailKey::from_text(text)))
}

fn with_address(filter: EmailFilter) -> UserFilter {
    UserFilter {
        emails: vec![filter],
        ..UserFilter::default()
    }
}

/// The first ten users of a list.
pub(crate) fn first_page(filter: UserFilter) -> UserQuery {
    UserQuery {
        size: 10,
        ..list(filter)
    }
}

/// An export key.
pub(crate) fn id(text: &str) -> LookupKey {
    LookupKey::User(UserKey::Id(CustomerRegistrationId::parse(text).unwrap()))
}

/// An export key.
pub(crate) fn email(text: &str) -> LookupKey {
    LookupKey::User(UserKey::Email(EmailKey::from_text(text)))
}

fn both_sources() -> Sources {
    Sources::ProviderAndStore(UserProvider::from_name("Auth0").unwrap())
}

/// The use cases for one tenant.
pub(crate) struct ReadFixture {
    pub(crate) use_cases: UseCases,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) provider: Arc<FakeProvider>,
    pub(crate) mirror: Arc<FakeMirror>,
    pub(crate) events: Arc<RecordingEvents>,
    pub(crate) dependencies: Dependencies,
    pub(crate) registrations: Arc<RecordingRegistrationWriter>,
    pub(crate) tenant: Arc<Tenant>,
}

impl ReadFixture {
    /// Empty sources at the default time; the provider answers live.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        Self::at(StoppedClock::default().now(), settings)
    }

    /// Empty sources at this time.
    pub(crate) fn at(now: OffsetDateTime, settings: &[(&str, &str)]) -> Self {
        Self::build(None, None, now, settings)
    }

    /// Other providers in place of the one in memory.
    pub(crate) fn with_providers(providers: Arc<dyn Providers>, settings: &[(&str, &str)]) -> Self {
        Self::build(None, Some(providers), StoppedClock::default().now(), settings)
    }

    /// Another source in place of the store.
    pub(crate) fn with_source(source: Arc<dyn UserSource>, settings: &[(&str, &str)]) -> Self {
        Self::build(Some(source), None, StoppedClock::default().now(), settings)
    }

    fn build(
        source: Option<Arc<dyn UserSource>>,
        providers: Option<Arc<dyn Providers>>,
        now: OffsetDateTime,
        settings: &[(&str, &str)],
    ) -> Self {
        let store = Arc::new(FakeStore::default());
        let provider = Arc::new(FakeProvider::new("Auth0", ProviderMode::Live(now)));
        let mirror = Arc::new(FakeMirror::over(Arc::clone(&store)));
        let (events, registrations) = <(Arc<RecordingEvents>, Arc<RecordingRegistrationWriter>)>::default();
        let dependencies = Dependencies {
            store: source.unwrap_or_else(|| Arc::clone(&store) as _),
            bulk: Arc::clone(&mirror) as _,
            exports: Arc::new(FakeExports::of(Arc::clone(&store), 2)),
            export_limits: ExportLimits::default(),
            registrations: Arc::clone(&registrations) as _,
            providers: providers.unwrap_or_else(|| Arc::new(FakeProviders(Some(Arc::clone(&provider))))),
            mirror: Arc::clone(&mirror) as _,
            events: Arc::clone(&events) as _,
            audit_log: Arc::new(FakeAuditLog::default()),
            audit: audit_policy(),
            clock: Arc::new(StoppedClock::at(now)),
        };
        Self {
            use_cases: UseCases::new(dependencies.clone(), MAX_DEPTH),
            dependencies,
            store,
            provider,
            mirror,
            events,
            registrations,
            tenant: Arc::new(tenant("north/daily/herald", 1, settings)),
        }
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller {
            tenant: Arc::clone(&self.tenant),
            identity: Arc::new(TokenIdentity {
                subject: Some("job".into()),
                ..TokenIdentity::default()
            }),
            address: Some(CallerAddress::new(Ipv4Addr::new(203, 0, 113, 7).into())),
            source_system: "CRM".into(),
            request_id: "r-1".into(),
            deadline: Instant::now() + Duration::from_mins(5),
        }
    }

    /// A list of both sources.
    pub(crate) async fn search(
        &self,
        query: UserQuery,
        on_provider_failure: OnProviderFailure,
    ) -> Result<ListAnswer, ReadError> {
        let request = SearchRequest {
            query,
            sources: both_sources(),
            on_provider_failure,
        };
        self.use_cases.list_users.search(&self.caller(), &request).await
    }

    /// A lookup at both sources.
    pub(crate) async fn find(&self, id: &str, on_provider_failure: OnProviderFailure) -> Result<UserAnswer, ReadError> {
        let request = LookupRequest {
            crid: CustomerRegistrationId::parse(id).unwrap(),
            sources: both_sources(),
            on_provider_failure,
        };
        self.use_cases.lookup_user.find(&self.caller(), &request).await
    }

    /// A list of the provider alone.
    pub(crate) async fn search_provider(
        &self,
        query: &UserQuery,
        on_provider_failure: OnProviderFailure,
    ) -> Result<ListAnswer, ReadError> {
        let use_case = &self.use_cases.search_provider;
        use_case.search(&self.caller(), query, on_provider_failure).await
    }

    pub(crate) fn sync_context(&self) -> CallContext {
        self.caller().context(Priority::Sync)
    }

    pub(crate) fn put_in_store(&self, accounts: impl IntoIterator<Item = Account>) {
        self.store.put(self.tenant.pool, accounts);
    }

    pub(crate) fn put_at_provider(&self, accounts: impl IntoIterator<Item = Account>) {
        self.provider.put(self.tenant.pool, accounts);
    }

    /// A full sync run at this time with these accounts. With gaps, the scan is incomplete.
    pub(crate) async fn sync(&self, accounts: &[Account], at: OffsetDateTime, gaps: bool) {
        let cx = self.sync_context();
        let start = StartRun {
            holder: "test",
            at,
            lease: Duration::from_mins(1),
            full_every: Duration::ZERO,
        };
        let StartOutcome::Run(run) = self.mirror.start_run(&cx, start).await.unwrap() else {
            unreachable!("no other run is active")
        };
        let page = ScanPage {
            accounts: accounts.to_vec(),
            next: None,
            expected: None,
            truncated: false,
            gaps,
            left_out: Vec::new(),
        };
        self.mirror.record_page(&cx, &run, &page, at).await.unwrap();
        self.mirror.finish_run(&cx, &run, at, RemovalBrake::On).await.unwrap();
    }

    /// The accounts written back, once all writes are done.
    pub(crate) async fn written(&self) -> Vec<Account> {
        self.use_cases.close().await;
        self.registrations.take()
    }
}

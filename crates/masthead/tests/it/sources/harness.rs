//! A tenant of one source: the program's own adapters against a sandbox, and the other side in memory.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use masthead::{
    clock::SystemClock,
    providers::Adapters,
    settings::{PrivateAddresses, ProviderSettings},
};
use masthead_domain::{
    account::Account,
    answer::{Completeness, User},
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    event::Event,
    flow::Sources,
    merge::SourceKind,
    query::{EmailFilter, NamePrefix, OnProviderFailure, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_orchestrator::{Caller, Dependencies, ExportLimits, LookupRequest, ReadError, SearchRequest, UseCases};
use masthead_ports::{clock::Clock, provider::Providers, source::SourceErrorKind};
use masthead_sandbox::Sandbox;
use masthead_testkit::{
    accounts::{account, with_metadata},
    answer_table,
    audit::{FakeAuditLog, audit_policy},
    contract::list,
    events::RecordingEvents,
    exports::FakeExports,
    mirror::FakeMirror,
    providers::{FakeProvider, FakeProviders, ProviderMode},
    registrations::RecordingRegistrationWriter,
    store::{FakeStore, StoreMode},
    tenants::tenant,
};
use tokio::time::sleep;

use crate::support::{
    readers::{CITY, LAST_NAME, PROVIDER_NAME, STORE_NAME, crid, email},
    sources::{SECRETS, SourceUnderTest},
};

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENT: Duration = Duration::from_mins(4);

/// The kinds of requests for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadKind {
    ById,
    ByEmail,
    List,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct SourceRequest {
    pub(crate) kind: ReadKind,
    /// The name of the user; a list contains all users with [`LAST_NAME`], or none.
    pub(crate) name: &'static str,
    pub(crate) on_failure: OnProviderFailure,
    pub(crate) ignore_provider: bool,
    pub(crate) time_limit: Duration,
}

impl SourceRequest {
    pub(crate) const fn new(kind: ReadKind, name: &'static str) -> Self {
        Self {
            kind,
            name,
            on_failure: OnProviderFailure::Degrade,
            ignore_provider: false,
            time_limit: PATIENT,
        }
    }

    /// The same with `ignoreProvider=true`.
    pub(crate) const fn store_only(kind: ReadKind, name: &'static str) -> Self {
        Self {
            ignore_provider: true,
            ..Self::new(kind, name)
        }
    }
}

/// The answer; users are `None` if absence is not confirmed.
pub(crate) struct SourceResponse {
    pub(crate) users: Option<Vec<User>>,
    pub(crate) completeness: Completeness,
    pub(crate) took: Duration,
}

impl fmt::Debug for SourceResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = if self.users.is_some() { "found" } else { "unconfirmed" };
        write!(f, "{found} {:?} {:?} in {:?}", self.ids(), self.completeness, self.took)
    }
}

impl SourceResponse {
    /// Checks that it is complete and has exactly these users.
    pub(crate) fn assert_complete(&self, names: &[&str]) {
        let ids: Vec<_> = names.iter().map(|name| crid(name)).collect();
        assert!(self.completeness.complete && self.ids() == ids, "{names:?}: {self:?}");
    }

    /// The status of a source, and its reason or "".
    pub(crate) fn source(&self, name: &str) -> (&'static str, &'static str) {
        let mut named = self.completeness.sources.iter().filter(|source| source.name == name);
        let source = named.next().unwrap_or_else(|| panic!("{name} is not named: {self:?}"));
        (source.status.name(), source.reason.unwrap_or_default())
    }

    /// The ids of the users.
    pub(crate) fn ids(&self) -> Vec<&str> {
        let users = self.users.iter().flatten();
        users.map(|user| user.account.crid.as_str()).collect()
    }
}

/// The other side of the source.
pub(crate) enum OtherSide {
    /// The store, beside a provider.
    Store(Arc<FakeStore>),
    /// A provider, beside a remote store.
    Provider(Arc<FakeProvider>),
}

impl OtherSide {
    /// Changes how it answers from now on.
    pub(crate) fn set_answer(&self, side: answer_table::CellFinding) {
        const DOWN: SourceErrorKind = SourceErrorKind::Unavailable;
        match (self, side) {
            (_, answer_table::CellFinding::Found | answer_table::CellFinding::Absent) => {}
            (Self::Store(store), _) => store.set_mode(StoreMode::Failing(DOWN)),
            (Self::Provider(provider), answer_table::CellFinding::Unknown) => {
                provider.set_mode(ProviderMode::Failing(DOWN));
            }
            (Self::Provider(provider), answer_table::CellFinding::Stale) => {
                provider.set_mode(ProviderMode::Remembered(SystemClock.now(), DOWN));
            }
        }
    }
}

/// A tenant whose source has its own sandbox.
pub(crate) struct SourceHarness {
    pub(crate) source: &'static SourceUnderTest,
    pub(crate) sandbox: Sandbox,
    pub(crate) other: OtherSide,
    events: Arc<RecordingEvents>,
    registrations: Arc<RecordingRegistrationWriter>,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) world: Dependencies,
    pub(crate) use_cases: UseCases,
    pub(crate) adapters: Adapters,
}

/// How long answers of a provider are cached, and when cached ones are returned.
pub(crate) struct CacheDurations {
    pub(crate) fresh: Duration,
    pub(crate) stale: Duration,
    pub(crate) stale_after: Duration,
}

impl Default for CacheDurations {
    fn default() -> Self {
        Self {
            fresh: Duration::ZERO,
            stale: Duration::from_hours(1),
            // A busy machine makes every answer late.
            stale_after: PATIENT,
        }
    }
}

impl SourceHarness {
    /// A tenant with these users at the source and on the other side. Answers of a provider are cached as current for `fresh`, and as
    /// stale for an hour.
    pub(crate) async fn start(
        source: &'static SourceUnderTest,
        fresh: Duration,
        there: &[&str],
        other: &[&str],
    ) -> Self {
        let memory = CacheDurations {
            fresh,
            ..CacheDurations::default()
        };
        Self::with_memory(source, memory, there, other).await
    }

    /// The same with these cache durations.
    pub(crate) async fn with_memory(
        source: &'static SourceUnderTest,
        memory: CacheDurations,
        there: &[&str],
        other: &[&str],
    ) -> Self {
        let shown = there.iter().map(|name| (source.user)(name)).collect();
        let sandbox = Sandbox::start((source.stand_in)(shown)).await.unwrap();
        let tenant = Arc::new(tenant_of(source, &sandbox));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let options = ProviderSettings {
            allow_private_addresses: PrivateAddresses::All,
            secrets_folder: SECRETS.clone(),
            shared_secrets: false,
            connect_timeout: Duration::from_secs(5),
            call_timeout: PATIENT,
            max_answer_bytes: 1024 * 1024,
            fresh: memory.fresh,
            stale: memory.stale,
            stale_after: memory.stale_after,
        };
        let adapters = Adapters::new(&options, &clock).unwrap();
        let own = Arc::new(FakeStore::default());
        let store = adapters.subscribe(Arc::clone(&own) as _);
        let bulk = adapters.subscribe_bulk(Arc::clone(&own) as _);
        let mirror = Arc::new(FakeMirror::over(Arc::clone(&own)));
        let exports = Arc::new(FakeExports::of(Arc::clone(&own), 100));
        let (other, providers): (OtherSide, Arc<dyn Providers>) = match source.side {
            SourceKind::Provider => {
                own.put(tenant.pool, other.iter().map(|name| stored(name)));
                (OtherSide::Store(own), Arc::new(adapters.clone()))
            }
            SourceKind::Store => {
                // The local store must not be read.
                own.set_mode(StoreMode::Panicking);
                let provider = Arc::new(FakeProvider::new(source.provider(), ProviderMode::Live(clock.now())));
                provider.put(tenant.pool, other.iter().map(|name| provided(name)));
                (
                    OtherSide::Provider(Arc::clone(&provider)),
                    Arc::new(FakeProviders(Some(provider))),
                )
            }
        };
        let events = Arc::new(RecordingEvents::default());
        let registrations = Arc::new(RecordingRegistrationWriter::default());
        let world = Dependencies {
            store,
            bulk,
            exports,
            export_limits: ExportLimits::default(),
            registrations: Arc::clone(&registrations) as _,
            providers,
            mirror,
            events: Arc::clone(&events) as _,
            audit_log: Arc::new(FakeAuditLog::default()),
            audit: audit_policy(),
            clock,
        };
        Self {
            source,
            sandbox,
            other,
            events,
            registrations,
            tenant,
            use_cases: UseCases::new(world.clone(), 100_000),
            world,
            adapters,
        }
    }

    /// Changes a setting of the tenant's provider.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let (provider, _) = self.source.address.split_once('.').unwrap();
        let settings = &mut Arc::make_mut(&mut self.tenant).settings.provider;
        settings.insert(format!("{provider}.{name}").into(), value.into());
    }

    /// A setting of the tenant's provider.
    pub(crate) fn setting(&self, name: &str) -> String {
        let (provider, _) = self.source.address.split_once('.').unwrap();
        self.tenant.settings.provider[&*format!("{provider}.{name}")].to_string()
    }

    /// The caller of a request with this deadline.
    pub(crate) fn caller(&self, deadline: Instant) -> Caller {
        Caller {
            tenant: Arc::clone(&self.tenant),
            identity: Arc::default(),
            address: None,
            source_system: "CRM".into(),
            request_id: "r-1".into(),
            deadline,
        }
    }

    pub(crate) async fn send(&self, request: SourceRequest) -> SourceResponse {
        let began = Instant::now();
        let (users, completeness) = match self.answer(&request, began + request.time_limit).await {
            Ok((users, completeness)) => (Some(users), completeness),
            Err(ReadError::NoSuchUser { completeness }) => (Some(Vec::new()), completeness),
            Err(ReadError::Unavailable { completeness, .. }) => (None, completeness),
            Err(error) => panic!("{}: {request:?}: {error}", self.source.name),
        };
        SourceResponse {
            users,
            completeness: completeness.unwrap(),
            took: began.elapsed(),
        }
    }

    /// Sends requests until every source answers.
    pub(crate) async fn wait_until_complete(&self) {
        let began = Instant::now();
        // Searches are never cached.
        while !self
            .send(SourceRequest::new(ReadKind::List, UNKNOWN))
            .await
            .completeness
            .complete
        {
            assert!(began.elapsed() < PATIENT, "{}: it never answers", self.source.name);
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn answer(
        &self,
        request: &SourceRequest,
        deadline: Instant,
    ) -> Result<(Vec<User>, Option<Completeness>), ReadError> {
        let caller = self.caller(deadline);
        let query = match request.kind {
            ReadKind::ById => {
                let request = LookupRequest {
                    crid: CustomerRegistrationId::parse(&crid(request.name)).unwrap(),
                    sources: Sources::for_request(self.tenant.settings.user_provider, request.ignore_provider),
                    on_provider_failure: request.on_failure,
                };
                let answer = self.use_cases.lookup_user.find(&caller, &request).await?;
                return Ok((vec![answer.user], answer.completeness));
            }
            ReadKind::ByEmail | ReadKind::List => query(request.kind, request.name),
        };
        let request = SearchRequest {
            query,
            sources: Sources::for_request(self.tenant.settings.user_provider, request.ignore_provider),
            on_provider_failure: request.on_failure,
        };
        let answer = self.use_cases.list_users.search(&caller, &request).await?;
        Ok((answer.users, answer.completeness))
    }

    /// The events since the last call.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.take()
    }

    /// The write-backs since the last call, after all have finished.
    pub(crate) async fn written(&mut self) -> Vec<Account> {
        let next = UseCases::new(self.world.clone(), 100_000);
        std::mem::replace(&mut self.use_cases, next).close().await;
        self.registrations.take()
    }
}

/// The search for the user with this name by address, or for all users with [`LAST_NAME`].
pub(crate) fn query(kind: ReadKind, name: &str) -> UserQuery {
    let filter = match kind {
        ReadKind::ById | ReadKind::ByEmail => UserFilter {
            emails: vec![EmailFilter::Exact(EmailKey::from_text(&email(name)))],
            ..UserFilter::default()
        },
        ReadKind::List => UserFilter {
            last_name: Some(NamePrefix::from_text(if name == UNKNOWN { UNKNOWN } else { LAST_NAME })),
            ..UserFilter::default()
        },
    };
    UserQuery {
        size: 10,
        ..list(filter)
    }
}

/// A name that no user has, on either side.
pub(crate) const UNKNOWN: &str = "missing";

/// A tenant with the source at the sandbox's address.
fn tenant_of(source: &SourceUnderTest, sandbox: &Sandbox) -> Tenant {
    let settings = source.tenant_settings(sandbox.url());
    let settings: Vec<_> = settings.iter().map(|(key, value)| (&**key, &**value)).collect();
    tenant("north/daily/herald", 1, &settings)
}

fn stored(name: &str) -> Account {
    let account = account(&crid(name), &email(name), STORE_NAME, LAST_NAME);
    with_metadata(account, &[("city", CITY)])
}

fn provided(name: &str) -> Account {
    let account = account(&crid(name), &email(name), PROVIDER_NAME, LAST_NAME);
    with_metadata(account, &[("displayName", PROVIDER_NAME)])
}

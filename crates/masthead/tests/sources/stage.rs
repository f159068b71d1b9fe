//! A tenant of one source: the program's own adapters against a stand-in, and the other side in memory.

use std::{
    fmt, fs,
    path::PathBuf,
    process,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use masthead::{clock::SystemClock, providers::Adapters, settings::ProviderSettings};
use masthead_domain::{
    account::Account,
    answer::{Completeness, User},
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    event::Event,
    merge::SourceKind,
    order::Order,
    query::{CountMode, EmailFilter, NamePrefix, OnProviderFailure, Position, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_orchestrator::{Caller, Dependencies, LookupRequest, ReadError, SearchRequest, Users};
use masthead_ports::{bulk::BulkLookups, clock::Clock, provider::Providers, source::SourceErrorKind};
use masthead_sandbox::Sandbox;
use masthead_testkit::{
    accounts::{account, with_metadata},
    answer_table,
    events::RecordingEvents,
    mirror::FakeMirror,
    providers::{FakeProvider, FakeProviders, ProviderMode},
    registrations::RecordingRegistrationWriter,
    store::{FakeStore, StoreMode},
    tenants::tenant,
};
use tokio::time::sleep;

use crate::{
    people::{CITY, LAST_NAME, OUR_NAME, THEIR_NAME, crid, email},
    under_test::Source,
};

/// Far more than anything here takes, on a machine however busy: a wait that ends before was ended by something else.
pub(crate) const PATIENT: Duration = Duration::from_mins(4);

/// How many files with secrets were written.
static SECRETS_WRITTEN: AtomicU32 = AtomicU32::new(0);

/// The folder of the secrets: the tenants' settings name files in it.
static SECRETS: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sources-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
});

/// The three ways to ask for one reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ById,
    ByEmail,
    List,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) way: Way,
    /// Whom by; lists are of all who have [`LAST_NAME`], or nobody's.
    pub(crate) name: &'static str,
    pub(crate) on_failure: OnProviderFailure,
    pub(crate) ignore_provider: bool,
    pub(crate) patience: Duration,
}

impl Ask {
    pub(crate) const fn new(way: Way, name: &'static str) -> Self {
        Self {
            way,
            name,
            on_failure: OnProviderFailure::Degrade,
            ignore_provider: false,
            patience: PATIENT,
        }
    }

    /// The same with `ignoreProvider=true`.
    pub(crate) const fn of_the_store_alone(way: Way, name: &'static str) -> Self {
        Self {
            ignore_provider: true,
            ..Self::new(way, name)
        }
    }
}

/// What came back: `None` in the place of users where nobody can tell.
pub(crate) struct Told {
    pub(crate) users: Option<Vec<User>>,
    pub(crate) completeness: Completeness,
    pub(crate) took: Duration,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = if self.users.is_some() { "found" } else { "cannot tell" };
        write!(f, "{found} {:?} {:?} in {:?}", self.ids(), self.completeness, self.took)
    }
}

impl Told {
    /// What is said of a source: its status, and its reason or "".
    pub(crate) fn source(&self, name: &str) -> (&'static str, &'static str) {
        let mut named = self.completeness.sources.iter().filter(|source| source.name == name);
        let source = named.next().unwrap_or_else(|| panic!("{name} is not named: {self:?}"));
        (source.status.name(), source.reason.unwrap_or_default())
    }

    /// The ids of the users; none where nobody can tell.
    pub(crate) fn ids(&self) -> Vec<&str> {
        let users = self.users.iter().flatten();
        users.map(|user| user.account.crid.as_str()).collect()
    }
}

/// The side that the source does not stand on.
pub(crate) enum Other {
    /// Our own registrations, beside a provider.
    Store(Arc<FakeStore>),
    /// A provider, beside what stands in our registrations' place.
    Provider(Arc<FakeProvider>),
}

impl Other {
    /// From now on it says so of those whom it has, or has not.
    pub(crate) fn says(&self, side: answer_table::CellFinding) {
        const DOWN: SourceErrorKind = SourceErrorKind::Unavailable;
        match (self, side) {
            (_, answer_table::CellFinding::Found | answer_table::CellFinding::Absent) => {}
            (Self::Store(store), _) => store.set_mode(StoreMode::Failing(DOWN)),
            (Self::Provider(provider), answer_table::CellFinding::Unknown) => {
                provider.set_mode(ProviderMode::Failing(DOWN))
            }
            (Self::Provider(provider), answer_table::CellFinding::Stale) => {
                provider.set_mode(ProviderMode::Remembered(SystemClock.now(), DOWN));
            }
        }
    }
}

/// A tenant whose source has its own stand-in.
pub(crate) struct Stage {
    pub(crate) source: &'static Source,
    pub(crate) sandbox: Sandbox,
    pub(crate) other: Other,
    events: Arc<RecordingEvents>,
    registrations: Arc<RecordingRegistrationWriter>,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) world: Dependencies,
    pub(crate) users: Users,
    pub(crate) adapters: Adapters,
    pub(crate) bulk: Arc<dyn BulkLookups>,
}

/// How long answers of a provider are kept, and after how long kept ones are shown.
pub(crate) struct Memory {
    pub(crate) fresh: Duration,
    pub(crate) stale: Duration,
    pub(crate) stale_after: Duration,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            fresh: Duration::ZERO,
            stale: Duration::from_hours(1),
            // A busy machine makes every answer late.
            stale_after: PATIENT,
        }
    }
}

impl Stage {
    /// A tenant with these readers at the source and on the other side. Live answers stand in for a provider for `fresh`,
    /// and for an hour where it says nothing.
    pub(crate) async fn start(source: &'static Source, fresh: Duration, there: &[&str], other: &[&str]) -> Self {
        let memory = Memory {
            fresh,
            ..Memory::default()
        };
        Self::with_memory(source, memory, there, other).await
    }

    /// The same with this memory of a provider.
    pub(crate) async fn with_memory(source: &'static Source, memory: Memory, there: &[&str], other: &[&str]) -> Self {
        let shown = there.iter().map(|name| (source.user)(name)).collect();
        let sandbox = Sandbox::start((source.stand_in)(shown)).await.unwrap();
        let tenant = Arc::new(tenant_of(source, &sandbox));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let options = ProviderSettings {
            allow_private_addresses: true,
            secrets_folder: SECRETS.clone(),
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
        let directory = Arc::new(FakeMirror::over(Arc::clone(&own)));
        let (other, providers): (Other, Arc<dyn Providers>) = match source.side {
            SourceKind::Provider => {
                own.put(tenant.pool, other.iter().map(|name| stored(name)));
                (Other::Store(own), Arc::new(adapters.clone()))
            }
            SourceKind::Store => {
                // Whoever asked it would be told.
                own.set_mode(StoreMode::Panicking);
                let provider = Arc::new(FakeProvider::new(source.provider(), ProviderMode::Live(clock.now())));
                provider.put(tenant.pool, other.iter().map(|name| provided(name)));
                (
                    Other::Provider(Arc::clone(&provider)),
                    Arc::new(FakeProviders(Some(provider))),
                )
            }
        };
        let events = Arc::new(RecordingEvents::default());
        let registrations = Arc::new(RecordingRegistrationWriter::default());
        let world = Dependencies {
            store,
            registrations: Arc::clone(&registrations) as _,
            providers,
            directory,
            events: Arc::clone(&events) as _,
            clock,
        };
        Self {
            source,
            sandbox,
            other,
            events,
            registrations,
            tenant,
            users: Users::new(world.clone(), 100_000),
            world,
            adapters,
            bulk,
        }
    }

    /// Sets what the tenant's provider is called by, from now on.
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

    /// Who asks, until then.
    pub(crate) fn caller(&self, deadline: Instant) -> Caller {
        Caller {
            tenant: Arc::clone(&self.tenant),
            source_system: "CRM".into(),
            request_id: "r-1".into(),
            deadline,
        }
    }

    pub(crate) async fn ask(&self, ask: Ask) -> Told {
        let began = Instant::now();
        let (users, completeness) = match self.answer(&ask, began + ask.patience).await {
            Ok((users, completeness)) => (Some(users), completeness),
            Err(ReadError::NoSuchUser { completeness }) => (Some(Vec::new()), completeness),
            Err(ReadError::Unavailable { completeness, .. }) => (None, completeness),
            Err(error) => panic!("{}: {ask:?}: {error}", self.source.name),
        };
        Told {
            users,
            completeness: completeness.unwrap(),
            took: began.elapsed(),
        }
    }

    /// Asks until every source answers.
    pub(crate) async fn ask_until_complete(&self) {
        let began = Instant::now();
        // A search, since nobody remembers one.
        while !self.ask(Ask::new(Way::List, NOBODY)).await.completeness.complete {
            assert!(began.elapsed() < PATIENT, "{}: it never answers", self.source.name);
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn answer(&self, ask: &Ask, deadline: Instant) -> Result<(Vec<User>, Option<Completeness>), ReadError> {
        let caller = self.caller(deadline);
        let query = match ask.way {
            Way::ById => {
                let request = LookupRequest {
                    crid: CustomerRegistrationId::parse(&crid(ask.name)).unwrap(),
                    ignore_provider: ask.ignore_provider,
                    on_provider_failure: ask.on_failure,
                };
                let answer = self.users.by_id(&caller, &request).await?;
                return Ok((vec![answer.user], answer.completeness));
            }
            Way::ByEmail | Way::List => query(ask.way, ask.name),
        };
        let request = SearchRequest {
            query,
            ignore_provider: ask.ignore_provider,
            on_provider_failure: ask.on_failure,
        };
        let answer = self.users.search(&caller, &request).await?;
        Ok((answer.users, answer.completeness))
    }

    /// The events since the last time.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.take()
    }

    /// What was written since the last time, once all of it is.
    pub(crate) async fn written(&mut self) -> Vec<Account> {
        let next = Users::new(self.world.clone(), 100_000);
        std::mem::replace(&mut self.users, next).close().await;
        self.registrations.take()
    }
}

/// The search for the reader of this name by their address, or for all who have [`LAST_NAME`].
pub(crate) fn query(way: Way, name: &str) -> UserQuery {
    let filter = match way {
        Way::ById | Way::ByEmail => UserFilter {
            emails: vec![EmailFilter::Exact(EmailKey::from_text(&email(name)))],
            ..UserFilter::default()
        },
        Way::List => UserFilter {
            last_name: Some(NamePrefix::from_text(if name == NOBODY { NOBODY } else { LAST_NAME })),
            ..UserFilter::default()
        },
    };
    UserQuery {
        filter,
        order: Order::default(),
        position: Position::Offset(0),
        size: 10,
        count: CountMode::Exact,
    }
}

/// A name that nobody has, on either side.
pub(crate) const NOBODY: &str = "nobody";

/// The tenant, set up to ask the stand-in.
fn tenant_of(source: &Source, sandbox: &Sandbox) -> Tenant {
    let secret = SECRETS.join(source.name);
    if !secret.exists() {
        // Other tests, here or in another process, may be writing it too: each its own, and the last one stays.
        let number = SECRETS_WRITTEN.fetch_add(1, Ordering::Relaxed);
        let written = SECRETS.join(format!("{}.{}-{number}", source.name, process::id()));
        fs::write(&written, source.secret).unwrap();
        fs::rename(written, &secret).unwrap();
    }
    let place = format!("{}File", source.secret_place);
    let mut settings = vec![
        ("Flow.UserProvider", source.provider()),
        (source.address, sandbox.url().trim_end_matches('/')),
        (&place, secret.to_str().unwrap()),
    ];
    settings.extend(source.settings);
    tenant("north/daily/herald", 1, &settings)
}

fn stored(name: &str) -> Account {
    let account = account(&crid(name), &email(name), OUR_NAME, LAST_NAME);
    with_metadata(account, &[("city", CITY)])
}

fn provided(name: &str) -> Account {
    let account = account(&crid(name), &email(name), THEIR_NAME, LAST_NAME);
    with_metadata(account, &[("displayName", THEIR_NAME)])
}

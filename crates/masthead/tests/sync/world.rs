//! A provider in a sandbox, a store on a fresh database, and processes that keep the one in the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_dev_postgres::TestDatabase;
use masthead_domain::{
    account::Account,
    order::Order,
    query::UserFilter,
    tenant::{Tenant, TenantId},
};
use masthead_orchestrator::{MirrorSync, RetryOptions, SyncOptions, SyncOutcome};
use masthead_ports::{
    clock::Clock,
    mirror::{MirrorStatus, RemovalBrake, UserMirror as _},
    registrations::{RegistrationWriter, WriteOrigin},
    scan::{ScanCursor, ScanExtent, ScanPage, UserScan, UserScans},
    source::{CallContext, Priority, SourceError, SourceName},
    tenants::Tenants as _,
};
use masthead_sandbox::Sandbox;
use masthead_subscribe_store::{ImportOrigin, Store, StoreOptions, schema};
use masthead_testkit::{
    clock::StoppedClock,
    contract::mirror::{MirrorSubject, Registrar},
    registrations::write_back,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::kind::Kind;

/// Longer than any stalled machine takes.
const FOREVER: Duration = Duration::from_mins(10);

pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Arc<StoppedClock>,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) store: Arc<Store>,
    walk: Arc<Mortal>,
    subject: MirrorSubject,
}

/// Where a process is killed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Death {
    /// When a step is to be made.
    BeforeTheCall,
    /// When the provider has answered, and nobody has heard it.
    AfterTheCall,
    /// Somewhere while the step is kept, or just after.
    WhileKeeping,
    /// Not here: it was to die before, and gets no further.
    Overdue,
}

/// A walk on which a process can be killed.
struct Mortal {
    walk: Arc<dyn UserScan>,
    /// After so many steps more, and how.
    fate: Mutex<Option<(u64, Death)>>,
    met: Notify,
}

#[async_trait]
impl UserScan for Mortal {
    fn name(&self) -> SourceName {
        self.walk.name()
    }

    fn can_list_changes(&self) -> bool {
        self.walk.can_list_changes()
    }

    async fn fetch_page(
        &self,
        cx: &CallContext,
        scope: ScanExtent,
        from: Option<&ScanCursor>,
    ) -> Result<ScanPage, SourceError> {
        let death = {
            let mut fate = self.fate.lock().unwrap();
            match fate.as_mut() {
                Some((0, death)) => Some(*death),
                Some((steps, _)) => {
                    *steps -= 1;
                    None
                }
                None => None,
            }
        };
        match death {
            None => self.walk.fetch_page(cx, scope, from).await,
            Some(Death::BeforeTheCall) => {
                self.met.notify_one();
                std::future::pending().await
            }
            Some(Death::Overdue) => std::future::pending().await,
            Some(Death::AfterTheCall) => {
                let _ = self.walk.fetch_page(cx, scope, from).await;
                self.met.notify_one();
                std::future::pending().await
            }
            Some(Death::WhileKeeping) => {
                let step = self.walk.fetch_page(cx, scope, from).await;
                *self.fate.lock().unwrap() = Some((0, Death::Overdue));
                self.met.notify_one();
                step
            }
        }
    }
}

struct Only(Arc<Mortal>);

impl UserScans for Only {
    fn for_tenant(&self, _: &Arc<Tenant>) -> Option<Arc<dyn UserScan>> {
        Some(Arc::clone(&self.0) as _)
    }
}

/// These tests write registrations by other ways.
struct Nobody;

#[async_trait]
impl Registrar for Nobody {
    async fn register(&self, _: &CallContext, _: &Account) {
        panic!("not here")
    }
}

impl World {
    /// A provider with so many users, and a tenant without registrations.
    pub(crate) async fn new(kind: Kind, users: usize) -> Self {
        let users = (0..).filter_map(|number| kind.user(number)).take(users).collect();
        let sandbox = kind.sandbox(users).await;
        let clock = Arc::new(StoppedClock::default());
        sandbox.clock().freeze_at(clock.now());
        let database = Arc::new(database().await);
        let mut options = StoreOptions::new(database.url().unwrap());
        options.acquire_timeout = Duration::from_mins(1);
        options.statement_timeout = Duration::from_mins(1);
        let store = Arc::new(Store::open(&options).unwrap());
        let id = TenantId::parse("north/daily/herald").unwrap();
        let settings: BTreeMap<_, _> = kind.settings(sandbox.url()).into_iter().collect();
        store.admin().add_tenant(&id, None, &settings).await.unwrap();
        let tenant = store.tenants().by_id(&id).await.unwrap().unwrap();
        let walk = Arc::new(Mortal {
            walk: kind.walk(&(Arc::clone(&clock) as Arc<dyn Clock>)),
            fate: Mutex::default(),
            met: Notify::new(),
        });
        Self {
            subject: MirrorSubject {
                directory: store.directory(),
                bulk: store.bulk_lookups(),
                registrations: store.registrations(),
                registrar: Arc::new(Nobody),
                tenants: vec![Arc::clone(&tenant)],
                keep: Box::new((Arc::clone(&store), database)),
            },
            kind,
            sandbox,
            clock,
            tenant,
            store,
            walk,
        }
    }

    pub(crate) fn cx(&self) -> CallContext {
        CallContext::new(Arc::clone(&self.tenant), Instant::now() + FOREVER, Priority::Sync)
    }

    /// Both clocks go on by so many seconds.
    pub(crate) fn pass(&self, seconds: u32) {
        self.clock.advance(time::Duration::seconds(seconds.into()));
        self.sandbox.clock().advance(Duration::from_secs(seconds.into()));
    }

    /// What one process makes runs with.
    pub(crate) fn process(&self, holder: &str, full_every: Duration) -> MirrorSync {
        self.process_with_lease(holder, full_every, Duration::from_mins(5))
    }

    pub(crate) fn process_with_lease(&self, holder: &str, full_every: Duration, lease: Duration) -> MirrorSync {
        let options = SyncOptions {
            holder: holder.into(),
            lease,
            full_every,
            page_deadline: FOREVER,
            grace: FOREVER,
            patience: RetryOptions {
                tries: 6,
                first_pause: Duration::from_millis(1),
                longest_pause: Duration::from_millis(50),
            },
        };
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let walks = Arc::new(Only(Arc::clone(&self.walk)));
        MirrorSync::new(self.store.directory(), walks, clock, options)
    }

    /// Makes a run as the process of this name; a week lies between two about everything.
    pub(crate) async fn run(&self, holder: &str) -> SyncOutcome {
        self.run_with(holder, Duration::from_hours(7 * 24), RemovalBrake::On)
            .await
    }

    pub(crate) async fn run_with(&self, holder: &str, full_every: Duration, brake: RemovalBrake) -> SyncOutcome {
        let process = self.process(holder, full_every);
        process
            .run(&self.tenant, brake, &CancellationToken::new(), &mut |_| {})
            .await
    }

    /// Makes a process of a short lease hang when its second step is to be made, holds `meanwhile` against it, and kills it.
    pub(crate) async fn hang(self: &Arc<Self>, lease: Duration, meanwhile: impl Future<Output = ()>) {
        *self.walk.fate.lock().unwrap() = Some((1, Death::BeforeTheCall));
        let process = self.process_with_lease("a", Duration::ZERO, lease);
        let world = Arc::clone(self);
        let run = tokio::spawn(async move {
            let end = CancellationToken::new();
            process.run(&world.tenant, RemovalBrake::On, &end, &mut |_| {}).await
        });
        self.walk.met.notified().await;
        meanwhile.await;
        run.abort();
        assert!(run.await.is_err_and(|error| error.is_cancelled()));
        *self.walk.fate.lock().unwrap() = None;
    }

    /// Makes the process go on by so many steps, and kills it then.
    pub(crate) async fn die_after(self: &Arc<Self>, steps: u64, death: Death) {
        *self.walk.fate.lock().unwrap() = Some((steps, death));
        let world = Arc::clone(self);
        let mut run = tokio::spawn(async move { world.run("a").await });
        tokio::select! {
            () = self.walk.met.notified() => {}
            outcome = &mut run => panic!("it ended before it was killed: {outcome:?}"),
        }
        run.abort();
        assert!(run.await.is_err_and(|error| error.is_cancelled()));
        *self.walk.fate.lock().unwrap() = None;
    }

    pub(crate) async fn standing(&self) -> MirrorStatus {
        self.store
            .directory()
            .status(&self.cx())
            .await
            .unwrap()
            .expect("a directory")
    }

    /// Imports registrations.
    pub(crate) async fn import(&self, lines: Vec<String>) {
        let origin = ImportOrigin {
            request_id: "import-1".into(),
            source_system: "CLI".into(),
            at: self.clock.now(),
        };
        let count = lines.len() as u64;
        let lines = lines.into_iter().map(Ok);
        let imported = self.store.importer().lines(&self.tenant, &origin, lines).await.unwrap();
        assert_eq!(imported.inserted, count);
    }

    /// Writes a registration as a live answer does.
    pub(crate) async fn register(&self, account: &Account) {
        let written_for = WriteOrigin {
            request_id: "r-1".into(),
            source_system: "CRM".into(),
            at: self.clock.now(),
        };
        let registrations = self.store.registrations();
        let write_back = write_back(&*registrations, &self.cx(), account).await.unwrap();
        registrations
            .write_back(&self.cx(), &write_back, &written_for)
            .await
            .unwrap();
    }

    /// What the provider has, each user once, by a walk without troubles; it must be whom the sandbox has.
    pub(crate) async fn theirs(&self) -> Vec<Account> {
        let mut accounts = BTreeMap::new();
        let mut place = None;
        loop {
            let step = self
                .walk
                .fetch_page(&self.cx(), ScanExtent::Everything, place.as_ref())
                .await
                .unwrap();
            accounts.extend(
                step.accounts
                    .into_iter()
                    .map(|account| (account.crid.as_str().to_owned(), account)),
            );
            place = step.next;
            if place.is_none() {
                break;
            }
        }
        let users = self.kind.users(&self.sandbox);
        let ids: BTreeSet<String> = users.iter().map(|user| self.kind.id(user)).collect();
        assert_eq!(accounts.keys().cloned().collect::<BTreeSet<_>>(), ids);
        accounts.into_values().collect()
    }

    /// Every page of these orders is as a naive merge of both sides has it; answers how many users there are.
    pub(crate) async fn lists_are_the_models(&self, theirs: &[Account], orders: &[Order], size: u16) -> usize {
        let merged = self.subject.merged(theirs).await;
        for order in orders {
            self.subject
                .answers_like(&merged, &UserFilter::default(), *order, size)
                .await;
        }
        merged.len()
    }
}

/// A migrated database.
async fn database() -> TestDatabase {
    tokio::task::spawn_blocking(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        TestDatabase::from_template(&schema::fingerprint(), |url| {
            runtime.block_on(schema::migrate(url)).map(|_| ())
        })
    })
    .await
    .unwrap()
    .unwrap()
}

//! A provider's sandbox, a store on a fresh database, and processes that make sync runs.

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
    mirror::RemovalBrake,
    registrations::{RegistrationWriter, WriteOrigin},
    scan::{ScanCursor, ScanExtent, ScanPage, UserScan, UserScans},
    source::{CallContext, Priority, SourceError, SourceName},
    tenants::Tenants as _,
};
use masthead_sandbox::Sandbox;
use masthead_subscribe_store::{ImportOrigin, NewRegistration, Store, StoreOptions, schema};
use masthead_testkit::{
    clock::StoppedClock,
    contract::mirror::{MirrorSubject, Registrar},
    registrations::write_back,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::sync::kind::ProviderKind;

/// Longer than any machine stalls.
const FOREVER: Duration = Duration::from_mins(10);

pub(crate) struct SyncHarness {
    pub(crate) kind: ProviderKind,
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Arc<StoppedClock>,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) store: Arc<Store>,
    scan: Arc<KillableScan>,
    subject: MirrorSubject,
}

/// Where a process is killed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KillPoint {
    /// Before a step's call.
    BeforeTheCall,
    /// After the provider's response, before it is used.
    AfterTheCall,
    /// While the step is stored, or just after.
    WhileKeeping,
    /// The kill is under way: no further step starts.
    Overdue,
}

/// A scan during which a process can be killed.
struct KillableScan {
    scan: Arc<dyn UserScan>,
    /// After this number of further steps, and at which point.
    kill: Mutex<Option<(u64, KillPoint)>>,
    met: Notify,
}

#[async_trait]
impl UserScan for KillableScan {
    fn name(&self) -> SourceName {
        self.scan.name()
    }

    fn can_list_changes(&self) -> bool {
        self.scan.can_list_changes()
    }

    async fn fetch_page(
        &self,
        cx: &CallContext,
        scope: ScanExtent,
        from: Option<&ScanCursor>,
    ) -> Result<ScanPage, SourceError> {
        let death = {
            let mut kill = self.kill.lock().unwrap();
            match kill.as_mut() {
                Some((0, death)) => Some(*death),
                Some((steps, _)) => {
                    *steps -= 1;
                    None
                }
                None => None,
            }
        };
        match death {
            None => self.scan.fetch_page(cx, scope, from).await,
            Some(KillPoint::BeforeTheCall) => {
                self.met.notify_one();
                std::future::pending().await
            }
            Some(KillPoint::Overdue) => std::future::pending().await,
            Some(KillPoint::AfterTheCall) => {
                let _ = self.scan.fetch_page(cx, scope, from).await;
                self.met.notify_one();
                std::future::pending().await
            }
            Some(KillPoint::WhileKeeping) => {
                let step = self.scan.fetch_page(cx, scope, from).await;
                *self.kill.lock().unwrap() = Some((0, KillPoint::Overdue));
                self.met.notify_one();
                step
            }
        }
    }
}

struct SingleScan(Arc<KillableScan>);

impl UserScans for SingleScan {
    fn for_tenant(&self, _: &Arc<Tenant>) -> Option<Arc<dyn UserScan>> {
        Some(Arc::clone(&self.0) as _)
    }
}

/// These tests do not register users this way.
struct NoRegistrar;

#[async_trait]
impl Registrar for NoRegistrar {
    async fn register(&self, _: &CallContext, _: &Account) {
        panic!("not here")
    }
}

impl SyncHarness {
    /// A provider with this number of users, and a tenant without registrations.
    pub(crate) async fn new(kind: ProviderKind, users: usize) -> Self {
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
        let scan = Arc::new(KillableScan {
            scan: ProviderKind::scan(&tenant, &(Arc::clone(&clock) as Arc<dyn Clock>)),
            kill: Mutex::default(),
            met: Notify::new(),
        });
        Self {
            subject: MirrorSubject {
                mirror: store.mirror(),
                bulk: store.bulk_lookups(),
                registrations: store.registrations(),
                registrar: Arc::new(NoRegistrar),
                tenants: vec![Arc::clone(&tenant)],
                keep: Box::new((Arc::clone(&store), database)),
            },
            kind,
            sandbox,
            clock,
            tenant,
            store,
            scan,
        }
    }

    pub(crate) fn cx(&self) -> CallContext {
        CallContext::new(Arc::clone(&self.tenant), Instant::now() + FOREVER, Priority::Sync)
    }

    /// Advances both clocks by this number of seconds.
    pub(crate) fn pass(&self, seconds: u32) {
        self.clock.advance(time::Duration::seconds(seconds.into()));
        self.sandbox.clock().advance(Duration::from_secs(seconds.into()));
    }

    /// A process that makes runs.
    fn process(&self, holder: &str, full_every: Duration) -> MirrorSync {
        let options = SyncOptions {
            holder: holder.into(),
            lease: Duration::from_mins(5),
            full_every,
            page_deadline: FOREVER,
            grace: FOREVER,
            retry: RetryOptions {
                attempts: 6,
                first_pause: Duration::from_millis(1),
                longest_pause: Duration::from_millis(50),
            },
        };
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let scans = Arc::new(SingleScan(Arc::clone(&self.scan)));
        MirrorSync::new(self.store.mirror(), scans, clock, options)
    }

    /// Makes a run as the process with this name; full runs are a week apart.
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

    /// Lets the process make this number of steps, and kills it then.
    pub(crate) async fn kill_after(self: &Arc<Self>, steps: u64, death: KillPoint) {
        *self.scan.kill.lock().unwrap() = Some((steps, death));
        let harness = Arc::clone(self);
        let mut run = tokio::spawn(async move { harness.run("a").await });
        tokio::select! {
            () = self.scan.met.notified() => {}
            outcome = &mut run => panic!("it ended before it was killed: {outcome:?}"),
        }
        run.abort();
        assert!(run.await.is_err_and(|error| error.is_cancelled()));
        *self.scan.kill.lock().unwrap() = None;
    }

    /// Imports registrations.
    pub(crate) async fn import(&self, registrations: Vec<NewRegistration>) {
        let origin = ImportOrigin::new("import-1".into(), "CLI".into(), self.clock.now());
        let count = registrations.len() as u64;
        let importer = self.store.importer();
        let done = importer
            .registrations(&self.tenant, &origin, registrations.into_iter())
            .await
            .unwrap();
        assert_eq!(done.inserted, count);
    }

    /// Writes a registration as a write-back does.
    pub(crate) async fn register(&self, account: &Account) {
        let written_for = WriteOrigin::new("r-1".into(), "CRM".into(), self.clock.now());
        let registrations = self.store.registrations();
        let write_back = write_back(&*registrations, &self.cx(), account).await.unwrap();
        registrations
            .write_back(&self.cx(), &write_back, &written_for)
            .await
            .unwrap();
    }

    /// The provider's users by an undisturbed scan; they must be the sandbox's users.
    pub(crate) async fn provider_accounts(&self) -> Vec<Account> {
        let mut accounts = BTreeMap::new();
        let mut place = None;
        loop {
            let step = self
                .scan
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

    /// Checks every page of these orders against a naive merge of both sides; returns the number of users.
    pub(crate) async fn assert_lists_match(&self, accounts: &[Account], orders: &[Order], size: u16) -> usize {
        let merged = self.subject.merged(accounts).await;
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

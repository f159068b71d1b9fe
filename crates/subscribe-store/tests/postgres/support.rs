//! A store on a fresh database, tenants in it, and short forms of common steps.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_dev_postgres::{PgBouncer, PrivateServer, TestDatabase};
use masthead_domain::{
    account::Account,
    email::EmailFragment,
    metadata::MetadataPair,
    order::{Direction, Order, SortColumn},
    query::{CountMode, EmailFilter, NamePrefix, Position, UserFilter, UserQuery},
    tenant::{Tenant, TenantId},
};
use masthead_ports::{
    source::{CallContext, Priority},
    tenants::Tenants as _,
};
use masthead_subscribe_store::{ImportOrigin, Imported, NewRegistration, Store, StoreOptions, schema};
use masthead_testkit::hashing::FakeKeyedHasher;
use time::{OffsetDateTime, macros::datetime};

use crate::sample_users::sample_user;

/// The settings of a tenant with an outside provider.
pub(crate) const FEDERATED: &[(&str, &str)] = &[("Flow.UserProvider", "Auth0")];

/// A store with its database, and the PgBouncer between them, if any.
pub(crate) struct StoreFixture {
    pub(crate) store: Arc<Store>,
    pub(crate) bouncer: Option<PgBouncer>,
    pub(crate) database: Arc<TestDatabase>,
}

impl StoreFixture {
    /// Runs a script with psql and returns its output.
    pub(crate) fn sql(&self, script: &str) -> String {
        self.database.run(script).unwrap().trim().to_owned()
    }

    /// The number of rows of a table, optionally with a condition.
    pub(crate) fn count(&self, rows: &str) -> u64 {
        self.sql(&format!("SELECT count(*) FROM {rows}")).parse().unwrap()
    }

    /// Holds an exclusive lock on the registrations for some seconds, or until the test ends.
    pub(crate) async fn lock_registrations(&self, seconds: u32) -> std::thread::JoinHandle<()> {
        let database = Arc::clone(&self.database);
        let script = format!("BEGIN; LOCK TABLE registrations; SELECT pg_sleep({seconds}); COMMIT");
        let locking = std::thread::spawn(move || {
            let _ = database.run(&script);
        });
        while self
            .count("pg_locks WHERE relation = 'registrations'::regclass AND mode = 'AccessExclusiveLock' AND granted")
            == 0
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        locking
    }
}

/// An empty store.
pub(crate) async fn fixture() -> StoreFixture {
    store_with(|_| {}).await
}

/// An empty store with other options.
pub(crate) async fn store_with(change: impl FnOnce(&mut StoreOptions)) -> StoreFixture {
    open_store(database().await, None, change)
}

/// An empty store behind a PgBouncer with these settings.
pub(crate) async fn store_behind_pgbouncer(
    settings: &[(&str, &str)],
    change: impl FnOnce(&mut StoreOptions),
) -> StoreFixture {
    let database = database().await;
    let bouncer = bouncer(&database, settings);
    open_store(database, bouncer, |options| {
        options.pooler = true;
        change(options);
    })
}

/// A PgBouncer in front of this database; `None`, with a message, where it is not installed.
pub(crate) fn bouncer(database: &TestDatabase, settings: &[(&str, &str)]) -> Option<PgBouncer> {
    let bouncer = PgBouncer::start_if_installed(database, settings).unwrap();
    if bouncer.is_none() {
        println!("pgbouncer is not installed: this is not checked through a real one");
    }
    bouncer
}

/// Options with long time limits: debug builds on a busy machine are slow.
pub(crate) fn patient_options(url: String) -> StoreOptions {
    let mut options = StoreOptions::new(url);
    options.acquire_timeout = Duration::from_secs(20);
    options.statement_timeout = Duration::from_secs(30);
    options.keyed_hasher = Some(Arc::new(FakeKeyedHasher::default()));
    options
}

fn open_store(
    database: TestDatabase,
    bouncer: Option<PgBouncer>,
    change: impl FnOnce(&mut StoreOptions),
) -> StoreFixture {
    let mut options = patient_options(database.url().unwrap());
    if let Some(bouncer) = &bouncer {
        options.direct_url = Some(options.url);
        options.url = bouncer.url();
    }
    change(&mut options);
    StoreFixture {
        store: Arc::new(Store::open(&options).unwrap()),
        bouncer,
        database: Arc::new(database),
    }
}

/// A migrated database.
pub(crate) async fn database() -> TestDatabase {
    blocking(|| {
        let runtime = current_thread_runtime();
        TestDatabase::from_template(&schema::fingerprint(), |url| {
            runtime.block_on(schema::migrate(url)).map(|_| ())
        })
    })
    .await
    .unwrap()
}

/// A server of the test's own, with an empty database of this name.
pub(crate) async fn private_server(name: &'static str) -> PrivateServer {
    blocking(move || {
        let server = PrivateServer::start_new().unwrap();
        server.server().create_database(name).unwrap();
        server
    })
    .await
}

/// The wall clock, with which Postgres counts partitions and ages.
#[expect(clippy::disallowed_methods, reason = "the database has no other clock")]
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

pub(crate) fn current_thread_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// The tenant of `text`, added with these settings.
pub(crate) async fn tenant(store: &Store, text: &str, settings: &[(&str, &str)]) -> Arc<Tenant> {
    let id = TenantId::parse(text).unwrap();
    store.admin().add_tenant(&id, None, &map(settings)).await.unwrap();
    store.tenants().by_id(&id).await.unwrap().unwrap()
}

pub(crate) fn map(settings: &[(&str, &str)]) -> BTreeMap<String, String> {
    settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) fn origin() -> ImportOrigin {
    ImportOrigin::new("import-1".into(), "CLI".into(), datetime!(2026-01-02 03:04:05 UTC))
}

/// Imports the sample users of these numbers.
pub(crate) async fn import_users(store: &Store, tenant: &Tenant, numbers: Range<u64>) -> Imported {
    import(store, tenant, numbers.map(sample_user)).await
}

/// The same for this origin.
pub(crate) async fn import_users_from(
    store: &Store,
    tenant: &Tenant,
    numbers: Range<u64>,
    origin: ImportOrigin,
) -> Imported {
    let new = numbers.map(sample_user);
    store.importer().registrations(tenant, &origin, new).await.unwrap()
}

/// Imports registrations from which these accounts are read.
pub(crate) async fn import_accounts(store: &Store, tenant: &Tenant, accounts: &[Account]) -> Imported {
    import(store, tenant, accounts.iter().map(registration)).await
}

pub(crate) async fn import(store: &Store, tenant: &Tenant, new: impl Iterator<Item = NewRegistration>) -> Imported {
    store.importer().registrations(tenant, &origin(), new).await.unwrap()
}

/// The registration from which this account is read.
pub(crate) fn registration(account: &Account) -> NewRegistration {
    NewRegistration {
        crid: account.crid.clone(),
        email: account.email.clone(),
        first_name: account.first_name.clone(),
        last_name: account.last_name.clone(),
        verified: account.verified == Some(true),
        password_hash: account.has_password.then(|| "$argon2id$invented".into()),
        metadata: account.metadata.clone(),
        registered_at: account.registered_at,
        changed_at: account.changed_at,
        last_logout_at: account.last_logout_at,
    }
}

/// A call of this tenant with a distant deadline.
pub(crate) fn context(tenant: &Arc<Tenant>) -> CallContext {
    context_within(tenant, Duration::from_mins(1))
}

pub(crate) fn context_within(tenant: &Arc<Tenant>, budget: Duration) -> CallContext {
    CallContext::new(Arc::clone(tenant), Instant::now() + budget, Priority::Interactive)
}

/// The first page of ten by e-mail, without a count.
pub(crate) fn first_page(filter: UserFilter) -> UserQuery {
    UserQuery {
        filter,
        order: Order {
            column: SortColumn::Email,
            direction: Direction::Ascending,
        },
        position: Position::Offset(0),
        size: 10,
        count: CountMode::None,
    }
}

/// All orders, ascending and descending.
pub(crate) fn all_orders() -> impl Iterator<Item = Order> + Clone {
    SortColumn::ALL
        .into_iter()
        .flat_map(|column| [Direction::Ascending, Direction::Descending].map(|direction| Order { column, direction }))
}

/// Addresses that contain the needle.
pub(crate) fn containing(needle: &str) -> UserFilter {
    UserFilter {
        emails: vec![EmailFilter::Contains(EmailFragment::from_text(needle))],
        ..UserFilter::default()
    }
}

/// Addresses with this prefix.
pub(crate) fn starting_with(prefix: &str) -> UserFilter {
    UserFilter {
        emails: vec![EmailFilter::Prefix(EmailFragment::from_text(prefix))],
        ..UserFilter::default()
    }
}

/// The filter, with a prefix of the first name.
pub(crate) fn and_first_name(filter: UserFilter, prefix: &str) -> UserFilter {
    UserFilter {
        first_name: Some(NamePrefix::from_text(prefix)),
        ..filter
    }
}

/// The filter, with a metadata pair.
pub(crate) fn and_metadata(filter: UserFilter, key: &str, value: &str) -> UserFilter {
    UserFilter {
        metadata: vec![MetadataPair::new(key, value)],
        ..filter
    }
}

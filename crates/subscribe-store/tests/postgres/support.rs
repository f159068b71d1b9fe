//! A store on a fresh database, and tenants in it.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_dev_postgres::{PgBouncer, TestDatabase};
use masthead_domain::{
    account::Account,
    order::{Direction, Order, SortColumn},
    query::{CountMode, Position, UserFilter, UserQuery},
    tenant::{Tenant, TenantId},
};
use masthead_ports::{
    source::{CallContext, Priority},
    tenants::Tenants as _,
};
use masthead_subscribe_store::{ImportOrigin, NewRegistration, Store, StoreOptions, schema};
use time::macros::datetime;

/// A store, and the database that it is on.
pub(crate) struct StoreFixture {
    pub(crate) store: Store,
    /// What is between them, if anything.
    pub(crate) bouncer: Option<PgBouncer>,
    pub(crate) database: Arc<TestDatabase>,
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

/// A PgBouncer in front of this database; where it is not installed, the test says so and goes on without.
pub(crate) fn bouncer(database: &TestDatabase, settings: &[(&str, &str)]) -> Option<PgBouncer> {
    let bouncer = PgBouncer::start_if_installed(database, settings).unwrap();
    if bouncer.is_none() {
        println!("pgbouncer is not installed: this is not checked through a real one");
    }
    bouncer
}

fn open_store(
    database: TestDatabase,
    bouncer: Option<PgBouncer>,
    change: impl FnOnce(&mut StoreOptions),
) -> StoreFixture {
    let database = Arc::new(database);
    let mut options = StoreOptions::new(database.url().unwrap());
    // Debug builds on a busy machine are slow; no test is about being fast.
    options.acquire_timeout = Duration::from_secs(20);
    options.statement_timeout = Duration::from_secs(30);
    if let Some(bouncer) = &bouncer {
        options.direct_url = Some(options.url);
        options.url = bouncer.url();
    }
    change(&mut options);
    StoreFixture {
        store: Store::open(&options).unwrap(),
        bouncer,
        database,
    }
}

/// A migrated database.
pub(crate) async fn database() -> TestDatabase {
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
    ImportOrigin {
        request_id: "import-1".into(),
        source_system: "CLI".into(),
        at: datetime!(2026-01-02 03:04:05 UTC),
    }
}

/// What has to be written so that this account is read.
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

/// A call on behalf of this tenant, with all the time in the fixture.
pub(crate) fn context(tenant: &Arc<Tenant>) -> CallContext {
    let deadline = Instant::now() + Duration::from_mins(1);
    CallContext::new(Arc::clone(tenant), deadline, Priority::Interactive)
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

//! A server of this program goes on while a newer one migrates the database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, query::UserFilter, tenant::Tenant,
    user_key::UserKey,
};
use masthead_ports::{
    bulk::{BulkLookups as _, LookupKey},
    passwords::PasswordHash,
    readiness::Readiness as _,
    registrations::WriteOrigin,
    source::UserSource as _,
    users::{UserWriter as _, WriteCommit},
};
use masthead_subscribe_store::{SchemaError, Store, schema};
use masthead_testkit::source_client::FindByKey as _;
use sqlx::{Connection as _, PgConnection};
use time::macros::datetime;
use tokio::task::JoinSet;

use crate::{
    sample_users::sample_user,
    support::{
        FEDERATED, StoreFixture, blocking, context, first_page, fixture, import_users, patient_options,
        store_behind_pgbouncer, tenant,
    },
    upgrade::{database_of_version, migrate_to},
};

/// Calls of every path of the store, one after the other, until it is stopped; panics at the first that fails.
struct Load {
    calls: JoinSet<()>,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
}

impl Load {
    fn start(store: &Arc<Store>, tenant: &Arc<Tenant>, paths: &[Path]) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut calls = JoinSet::new();
        for path in paths.iter().copied() {
            let (store, tenant) = (Arc::clone(store), Arc::clone(tenant));
            let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
            calls.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    if let Err(error) = path.call(&store, &tenant).await {
                        panic!("{path:?}: {error}");
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { calls, stop, done }
    }

    /// Waits until further calls have begun and ended.
    async fn pass(&self) {
        let before = self.done.load(Ordering::Relaxed);
        while self.done.load(Ordering::Relaxed) < before + 40 && !self.calls.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.calls.join_next().await {
            ended.unwrap();
        }
    }
}

/// The ways in which the store executes statements.
#[derive(Debug, Clone, Copy)]
enum Path {
    LookUp,
    Search,
    BulkLookUp,
    /// One statement on the service connections.
    Service,
    /// Transactions that read, and that write.
    SignIn,
    Write,
}

const ALL_PATHS: &[Path] = &[
    Path::LookUp,
    Path::LookUp,
    Path::Search,
    Path::BulkLookUp,
    Path::Service,
    Path::SignIn,
    Path::Write,
];

impl Path {
    async fn call(self, store: &Store, tenant: &Arc<Tenant>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let cx = context(tenant);
        let user = sample_user(3);
        let email = user.email.as_ref().unwrap();
        let is_user = |account: &Account| assert_eq!(account.crid, user.crid);
        match self {
            Self::LookUp => {
                is_user(&store.registrations().by_id(&cx, &user.crid).await?.unwrap());
                assert!(!store.registrations().by_email(&cx, email.key()).await?.is_empty());
            }
            Self::Search => {
                let page = store
                    .registrations()
                    .search(&cx, &first_page(UserFilter::default()))
                    .await?;
                assert_eq!(page.accounts.len(), 10);
            }
            Self::BulkLookUp => {
                let keys = [LookupKey::User(UserKey::Id(user.crid.clone()))];
                let answer = store.bulk_lookups().find_many(&cx, &keys, None).await?;
                is_user(&answer.registrations[0].as_ref().unwrap()[0]);
            }
            Self::Service => assert_eq!(store.admin().tenants().await?.len(), 1),
            Self::SignIn => assert!(store.users().credentials(&cx, email).await?.is_some()),
            Self::Write => {
                let origin = WriteOrigin::new("r-1".into(), "CRM".into(), datetime!(2026-01-02 03:04:05 UTC));
                let hash = PasswordHash::from_stored("$argon2id$invented");
                let commit = WriteCommit::new(origin, &[]);
                is_user(
                    &store
                        .users()
                        .set_password(&cx, &user.crid, Some(&hash), &commit)
                        .await?,
                );
            }
        }
        Ok(())
    }
}

/// Adds a column to every table of the store, each in a transaction of its own: strong locks on several tables at once would
/// deadlock with readers.
const ADD_COLUMNS: &str = "
    SELECT format('ALTER TABLE %s ADD COLUMN of_a_later_version text', oid::regclass) FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY oid \\gexec";

/// No migration may do this beside running servers: columns of other types make their prepared statements fail.
const CHANGE_TYPES: &str = "
    ALTER TABLE registrations ALTER COLUMN first_name TYPE varchar COLLATE \"C\", ALTER COLUMN crid TYPE varchar COLLATE \"C\";
    ALTER TABLE tenants ALTER COLUMN client TYPE varchar COLLATE \"C\"";

async fn run(fixture: &StoreFixture, script: &'static str) {
    let database = Arc::clone(&fixture.database);
    blocking(move || database.run(script)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_tables_change() {
    for fixture in [
        fixture().await,
        store_behind_pgbouncer(&[("pool_mode", "transaction")], |_| ()).await,
    ] {
        let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
        import_users(&fixture.store, &tenant, 0..50).await;
        let mut naive = PgConnection::connect(&fixture.database.url().unwrap()).await.unwrap();
        let statement = "SELECT first_name, client FROM registrations, tenants LIMIT 1";
        sqlx::query(statement).fetch_one(&mut naive).await.unwrap();

        let load = Load::start(&fixture.store, &tenant, ALL_PATHS);
        load.pass().await;
        run(&fixture, ADD_COLUMNS).await;
        load.pass().await;
        run(&fixture, CHANGE_TYPES).await;
        load.pass().await;
        load.stop().await;

        let stale = sqlx::query(statement).fetch_one(&mut naive).await.unwrap_err();
        let code = stale.as_database_error().unwrap().code().unwrap().into_owned();
        assert_eq!(
            code, "0A000",
            "connections that prepared a statement before cannot execute it"
        );
        fixture.store.close().await;
    }
}

/// Look-ups read no column that is younger than this version.
const LOOK_UPS_SINCE: i64 = 15;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_look_up_fails_during_migrations() {
    let database = database_of_version(LOOK_UPS_SINCE).await;
    database
        .run(
            "INSERT INTO pools (name, masters_accounts) VALUES ('north/daily/herald', true);
             INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, email_typed, first_key,
                last_key, first_name, last_name, metadata, search_terms)
             SELECT 1, 0, true, true, 'user-' || n, 'user-' || n || '@example.org', NULL, '', '', '', '', '{}', '{}'
               FROM generate_series(1, 1000) AS n",
        )
        .unwrap();
    let store = Arc::new(Store::open(&patient_options(database.url().unwrap())).unwrap());
    let tenant = Arc::new(masthead_testkit::tenants::tenant("north/daily/herald", 1, &[]));
    let (stop, failures) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let done = Arc::new(AtomicU64::new(0));
    let looking_up: Vec<_> = (1..=4)
        .map(|n| {
            let (source, tenant) = (store.registrations(), Arc::clone(&tenant));
            let (stop, failures, done) = (Arc::clone(&stop), Arc::clone(&failures), Arc::clone(&done));
            let crid = CustomerRegistrationId::parse(&format!("user-{n}")).unwrap();
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    match source.by_id(&context(&tenant), &crid).await {
                        Ok(Some(_)) => done.fetch_add(1, Ordering::Relaxed),
                        _ => failures.fetch_add(1, Ordering::Relaxed),
                    };
                }
            })
        })
        .collect();
    let pass = async || {
        let before = done.load(Ordering::Relaxed);
        while done.load(Ordering::Relaxed) < before + 40 && failures.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    pass().await;
    for version in LOOK_UPS_SINCE + 1..=schema::version() {
        migrate_to(version, &database).await;
        pass().await;
    }
    let database = Arc::new(database);
    let later = Arc::clone(&database);
    blocking(move || later.run(ADD_COLUMNS)).await.unwrap();
    pass().await;
    stop.store(true, Ordering::Relaxed);
    for task in looking_up {
        task.await.unwrap();
    }
    assert_eq!(failures.load(Ordering::Relaxed), 0);
    store.close().await;
}

#[tokio::test]
async fn newer_compatible_schema_is_served() {
    let fixture = fixture().await;
    let url = fixture.database.url().unwrap();
    let newest = schema::version();
    let later = |version: i64, compatible_with: i64| {
        fixture.sql(&format!(
            "INSERT INTO _sqlx_migrations SELECT {version}, 'later', now(), true, checksum, 0 FROM _sqlx_migrations LIMIT 1;
             INSERT INTO schema_compatibility VALUES ({version}, {compatible_with})"
        ));
    };
    later(newest + 1, newest - 1);
    later(newest + 2, newest);
    run(&fixture, ADD_COLUMNS).await;
    fixture.store.check_schema().await.unwrap();
    assert_eq!(fixture.store.readiness().check().await, Ok(()));
    // As after the return to an earlier version, whose `masthead migrate` runs too.
    schema::migrate(&url).await.unwrap();
    let tenant = tenant(&fixture.store, "north/daily/herald", FEDERATED).await;
    import_users(&fixture.store, &tenant, 0..3).await;
    let found = fixture
        .store
        .registrations()
        .by_id(&context(&tenant), &sample_user(1).crid)
        .await;
    assert!(found.unwrap().is_some());

    later(newest + 3, newest + 2);
    let store = Store::open(&patient_options(url.clone())).unwrap();
    for refused in [store.check_schema().await, schema::migrate(&url).await.map(|_| ())] {
        let Err(SchemaError::TooNew { found, oldest, needed }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!([found, oldest, needed], [newest + 3, newest + 2, newest]);
    }
    assert_eq!(store.readiness().check().await, Err("wrong schema version"));
}

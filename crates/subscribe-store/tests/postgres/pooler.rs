//! Behind a real `PgBouncer` all answers are correct, and an unexpected pooler is rejected.

use std::{
    fmt::Debug,
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    order::{Direction, Order, SortColumn},
    query::{CountMode, NamePrefix, Total, UserFilter, UserQuery},
    settings::TenantSettings,
    tenant::{PoolId, Tenant, TenantId},
    user_key::UserKey,
    workspace::{Credential, KeyHash, WorkspaceId},
};
use masthead_ports::{
    bulk::{BulkLookups as _, LookupKey},
    events::ReadEvents as _,
    mirror::UserMirror as _,
    source::{SourceError, SourceErrorKind, UserSource as _},
    tenants::Tenants as _,
    workspaces::Workspaces as _,
};
use masthead_subscribe_store::{PoolerError, SchemaError, Store, StoreOptions, schema};
use masthead_testkit::source_client::FindByKey as _;
use tokio::task::JoinSet;

use crate::{
    events::event,
    sample_users::{Dice, sample_user},
    support::{
        StoreFixture, bouncer, context, database, first_page, fixture, import_users, patient_options,
        store_behind_pgbouncer, tenant,
    },
};

/// The number of users per tenant.
const USERS: u64 = 300;
/// The number of distinct requests.
const REQUESTS: usize = 800;
/// The number of compared answers.
const ANSWERS: u64 = 5_000;
/// The number of concurrent clients.
const CLIENTS: u64 = 24;

/// A request of a mixed load; about half of the users belong to the other tenant, and are absent.
enum LoadRequest {
    Id(CustomerRegistrationId),
    Email(EmailKey),
    List(Box<UserQuery>),
    Export(Vec<LookupKey>),
    Mirror(CustomerRegistrationId),
    Tenant(TenantId),
}

impl LoadRequest {
    fn pick(dice: &mut Dice) -> Self {
        let user = sample_user(dice.below(2 * USERS));
        match dice.below(20) {
            0..9 => Self::Id(user.crid),
            9..15 => match &user.email {
                Some(email) => Self::Email(email.key().clone()),
                None => Self::Id(user.crid),
            },
            15..17 => {
                let columns = SortColumn::ALL;
                let column = columns[usize::try_from(dice.below(columns.len() as u64)).unwrap()];
                let counts = [CountMode::Exact, CountMode::Estimate, CountMode::None];
                Self::List(Box::new(UserQuery {
                    order: Order {
                        column,
                        direction: Direction::Descending,
                    },
                    count: counts[usize::try_from(dice.below(3)).unwrap()],
                    ..first_page(UserFilter {
                        last_name: Some(NamePrefix::from_text(user.last_name.get(..2).unwrap_or("q"))),
                        ..UserFilter::default()
                    })
                }))
            }
            17 => Self::Export(
                (0..dice.below(40))
                    .map(|_| LookupKey::User(UserKey::Id(sample_user(dice.below(2 * USERS)).crid)))
                    .collect(),
            ),
            18 => Self::Mirror(user.crid),
            _ => Self::Tenant(TenantId::new("north", "daily", &dice.below(1_000).to_string()).unwrap()),
        }
    }

    /// The answer, as text.
    async fn send(&self, store: &Store, tenant: &Arc<Tenant>) -> Result<String, SourceError> {
        fn text(answer: impl Debug) -> String {
            format!("{answer:?}")
        }
        let (cx, source) = (context(tenant), store.registrations());
        Ok(match self {
            Self::Id(id) => text(source.by_id(&cx, id).await?.map(|account| account.registration_id)),
            Self::Email(email) => {
                let accounts = source.by_email(&cx, email).await?;
                text(
                    accounts
                        .iter()
                        .map(|account| account.registration_id)
                        .collect::<Vec<_>>(),
                )
            }
            Self::List(query) => {
                let page = source.search(&cx, query).await?;
                let ids: Vec<_> = page.accounts.iter().map(|account| account.registration_id).collect();
                // An estimate changes with the statistics.
                let total = page.total.filter(|total| matches!(total, Total::Exact(_)));
                text((ids, page.more, total))
            }
            Self::Export(keys) => {
                let answer = store.bulk_lookups().find_many(&cx, keys, None).await?;
                let ids = answer.registrations.iter().map(|key| {
                    key.as_ref()
                        .map(|accounts| accounts.iter().map(|a| a.registration_id).collect::<Vec<_>>())
                });
                text((ids.collect::<Vec<_>>(), answer.mirror))
            }
            Self::Mirror(id) => {
                let mirror = store.mirror();
                text((
                    mirror.profiles(&cx, &UserKey::Id(id.clone())).await?,
                    mirror.status(&cx).await?,
                ))
            }
            Self::Tenant(id) => text(store.tenants().by_id(id).await?.map(|tenant| tenant.pool)),
        })
    }
}

/// Sends the same requests through two stores behind one `PgBouncer` and directly, while events are written.
async fn compare_answers_with_direct_store(settings: &[(&str, &str)]) {
    let StoreFixture {
        store: pooled,
        bouncer,
        database,
    } = store_behind_pgbouncer(settings, |_| {}).await;
    let mut options = patient_options(database.url().unwrap());
    let direct = Store::open(&options).unwrap();
    // Another client, whose statements are prepared on the same server connections.
    if let Some(bouncer) = &bouncer {
        options.url = bouncer.url();
    }
    options.pooler = true;
    let beside = Arc::new(Store::open(&options).unwrap());

    // All writes go through the pooler.
    let mut tenants = Vec::new();
    for (name, users) in [("north/daily/1", 0..USERS), ("north/daily/2", USERS..2 * USERS)] {
        let tenant = tenant(&pooled, name, &[]).await;
        assert_eq!(import_users(&pooled, &tenant, users).await.inserted, USERS);
        tenants.push(tenant);
    }
    let unknown = Credential::new(&WorkspaceId::parse("herald").unwrap(), &KeyHash::for_key("none"));
    assert!(pooled.workspaces().authenticate(&unknown).await.unwrap().is_none());

    let mut dice = Dice(1);
    let mut requests = Vec::new();
    for n in 0..REQUESTS {
        let (tenant, request) = (Arc::clone(&tenants[n % 2]), LoadRequest::pick(&mut dice));
        let expected = request.send(&direct, &tenant).await.unwrap();
        requests.push((tenant, request, expected));
    }
    let requests = Arc::new(requests);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let store = Arc::clone(if client % 2 == 0 { &pooled } else { &beside });
        let requests = Arc::clone(&requests);
        clients.spawn(async move {
            let mut dice = Dice(client);
            for n in 0..=ANSWERS / CLIENTS {
                let (tenant, request, expected) = &requests[usize::try_from(dice.below(REQUESTS as u64)).unwrap()];
                store
                    .read_events()
                    .record(event(tenant.pool, &format!("{client}-{n}")))
                    .unwrap();
                assert_eq!(request.send(&store, tenant).await.unwrap(), *expected);
            }
        });
    }
    clients.join_all().await;
    let events = CLIENTS * (ANSWERS / CLIENTS + 1);
    pooled.close().await;
    beside.close().await;
    direct.close().await;
    let written = database.run("SELECT count(*) FROM events WHERE kind = 4001").unwrap();
    assert_eq!(written.trim(), events.to_string());
    let names = "SELECT count(*) FROM pg_prepared_statements";
    assert_eq!(database.run(names).unwrap().trim(), "0");
    drop(bouncer);
}

/// Four server connections for the forty of two stores: each transaction may use another server session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_in_transaction_mode_are_correct() {
    compare_answers_with_direct_store(&[("pool_mode", "transaction"), ("default_pool_size", "4")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_in_session_mode_are_correct() {
    compare_answers_with_direct_store(&[("pool_mode", "session"), ("default_pool_size", "60")]).await;
}

/// See `ignore_startup_parameters` in <https://www.pgbouncer.org/config.html>.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unexpected_pooler_is_rejected() {
    let database = database().await;
    for (settings, pooler, expected) in [
        // By default it rejects a parameter of sqlx; configured to ignore that, it drops our settings silently.
        (&[("pool_mode", "transaction")][..], false, PoolerError::Unexpected),
        (
            &[
                ("pool_mode", "transaction"),
                ("ignore_startup_parameters", "extra_float_digits,options"),
            ],
            false,
            PoolerError::Unexpected,
        ),
        (
            &[
                ("pool_mode", "session"),
                ("ignore_startup_parameters", "extra_float_digits,options"),
            ],
            false,
            PoolerError::Unexpected,
        ),
        (&[("pool_mode", "statement")], true, PoolerError::StatementMode),
    ] {
        let Some(bouncer) = bouncer(&database, settings) else {
            return;
        };
        let mut options = StoreOptions::new(bouncer.url());
        options.pooler = pooler;
        let store = Store::open(&options).unwrap();
        let refused = store.check_schema().await;
        assert!(
            matches!(refused, Err(SchemaError::Pooler(error)) if error == expected),
            "{refused:?}"
        );
        let cx = context(&Arc::new(Tenant {
            id: TenantId::parse("north/daily/1").unwrap(),
            pool: PoolId(1),
            settings: TenantSettings::default(),
        }));
        let source = store.registrations();
        for error in [
            source.by_id(&cx, &sample_user(0).crid).await.unwrap_err(),
            source
                .search(&cx, &first_page(UserFilter::default()))
                .await
                .unwrap_err(),
        ] {
            assert_eq!(error.kind, SourceErrorKind::Misconfigured, "{settings:?} {error:?}");
        }
        store.close().await;
        // Migrations use a session lock, and a pooler shares sessions.
        let migrated = schema::migrate(&bouncer.url()).await;
        assert!(
            matches!(migrated, Err(SchemaError::Pooler(PoolerError::Unexpected))),
            "{migrated:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pooled_statement_ends_at_its_time_limit() {
    let fixture = store_behind_pgbouncer(&[("pool_mode", "transaction")], |options| {
        options.statement_timeout = Duration::from_millis(700);
    })
    .await;
    let tenant = tenant(&fixture.store, "north/daily/1", &[]).await;
    let locking = fixture.lock_registrations(4).await;
    let started = Instant::now();
    let source = fixture.store.registrations();
    let (cx, query, id) = (context(&tenant), first_page(UserFilter::default()), sample_user(0).crid);
    let (listed, found) = tokio::join!(source.search(&cx, &query), source.by_id(&cx, &id));
    assert_eq!(listed.unwrap_err().kind, SourceErrorKind::TooBroad);
    assert_eq!(found.unwrap_err().kind, SourceErrorKind::Unavailable);
    assert!(started.elapsed() < Duration::from_secs(3));
    // The server has cancelled both: no statement waits for the lock any more.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let waiting = fixture.count("pg_locks WHERE relation = 'registrations'::regclass AND NOT granted");
    assert_eq!(waiting, 0);
    fixture.store.close().await;
    locking.join().unwrap();
}

/// Over TCP, `COPY` sends two small packets one after the other: without `TCP_NODELAY` the second waits for the delayed
/// acknowledgement of the first, 40 ms on Linux (transact-rs/sqlx#4335).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copy_over_tcp_is_not_delayed() {
    let fixture = fixture().await;
    assert!(fixture.database.url().unwrap().contains("127.0.0.1"));
    let tenant = tenant(&fixture.store, "north/daily/1", &[]).await;
    let events = fixture.store.read_events();
    let mut took = Vec::new();
    for n in 0..50 {
        events.record(event(tenant.pool, &n.to_string())).unwrap();
        let started = Instant::now();
        events.flush().await;
        took.push(started.elapsed());
    }
    took.sort_unstable();
    // The median: a busy machine is slow now and then, but not always.
    assert!(took[25] < Duration::from_millis(35), "{took:?}");
    fixture.store.close().await;
}

/// Several servers keep the partitions at once, each message of which may meet another session of the pooler.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_kept_behind_pgbouncer() {
    let settings = &[("pool_mode", "transaction"), ("default_pool_size", "4")];
    let StoreFixture {
        store,
        bouncer,
        database: _database,
    } = store_behind_pgbouncer(settings, |_| {}).await;
    if bouncer.is_none() {
        println!("pgbouncer is not installed: the partitions behind it are not checked");
        return;
    }
    let partitions = store.event_partitions();
    for month in 1..=12_u8 {
        let day = time::Date::from_calendar_date(2031, month.try_into().unwrap(), 1).unwrap();
        let (first, second, third) = tokio::join!(partitions.keep(day), partitions.keep(day), partitions.keep(day));
        for kept in [first, second, third] {
            kept.unwrap();
        }
    }
}

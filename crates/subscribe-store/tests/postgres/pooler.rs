//! Behind a real `PgBouncer` every answer is the database's, and a pooler that the settings do not expect is refused.

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
    tenant::{Tenant, TenantId},
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
use tokio::task::JoinSet;

use crate::{
    events::event,
    readers::{Dice, reader},
    support::{World, bouncer, context, database, first_page, origin, tenant, world, world_behind},
};

/// How many registrations each tenant has; the second has them from [`READERS`] on.
const READERS: u64 = 300;
/// How many questions are asked straight, whose answers are the right ones.
const QUESTIONS: usize = 800;
/// How many answers are compared.
const ANSWERS: u64 = 5_000;
/// How many questions are on their way at a time.
const ASKERS: u64 = 24;

/// A question of a mixed load; about half of the users are the other tenant's, and so absent.
#[derive(Clone)]
enum Question {
    Id(CustomerRegistrationId),
    Email(EmailKey),
    List(Box<UserQuery>),
    Export(Vec<LookupKey>),
    Directory(CustomerRegistrationId),
    Tenant(TenantId),
}

impl Question {
    fn of(dice: &mut Dice) -> Self {
        let user = reader(dice.below(2 * READERS));
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
                    .map(|_| LookupKey::Id(reader(dice.below(2 * READERS)).crid))
                    .collect(),
            ),
            18 => Self::Directory(user.crid),
            _ => Self::Tenant(TenantId::new("north", "daily", &dice.below(1_000).to_string()).unwrap()),
        }
    }

    /// The answer, as text to be compared and shown.
    async fn ask(&self, store: &Store, tenant: &Arc<Tenant>) -> Result<String, SourceError> {
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
                // An estimate is the planner's, whose statistics change in between.
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
            Self::Directory(id) => {
                let directory = store.directory();
                text((directory.profile(&cx, id).await?, directory.status(&cx).await?))
            }
            Self::Tenant(id) => text(store.tenants().by_id(id).await?.map(|tenant| tenant.pool)),
        })
    }
}

/// Asks the same questions through two stores behind one `PgBouncer` and straight, while events are written.
async fn every_answer_is_the_databases(settings: &[(&str, &str)]) {
    let world = world_behind(settings, |_| {}).await;
    let mut options = StoreOptions::new(world.database.url().unwrap());
    options.acquire_timeout = Duration::from_secs(20);
    options.statement_timeout = Duration::from_secs(30);
    let straight = Arc::new(Store::open(&options).unwrap());
    // Another program's connections, of whose statements some are prepared on the same server at the same time.
    if let Some(bouncer) = &world.bouncer {
        options.url = bouncer.url();
    }
    options.pooler = true;
    let beside = Arc::new(Store::open(&options).unwrap());
    let World {
        store,
        bouncer,
        database,
    } = world;
    let pooled = Arc::new(store);

    // All is written through the pooler.
    let mut tenants = Vec::new();
    for (name, readers) in [("north/daily/1", 0..READERS), ("north/daily/2", READERS..2 * READERS)] {
        let tenant = tenant(&pooled, name, &[]).await;
        let imported = pooled
            .importer()
            .registrations(&tenant, &origin(), readers.map(reader))
            .await;
        assert_eq!(imported.unwrap().inserted, READERS);
        tenants.push(tenant);
    }
    let nobody = Credential::new(&WorkspaceId::parse("herald").unwrap(), &KeyHash::for_key("none"));
    assert!(pooled.workspaces().authenticate(&nobody).await.unwrap().is_none());

    let mut dice = Dice(1);
    let mut questions = Vec::new();
    for n in 0..QUESTIONS {
        let (tenant, question) = (Arc::clone(&tenants[n % 2]), Question::of(&mut dice));
        let expected = question.ask(&straight, &tenant).await.unwrap();
        questions.push((tenant, question, expected));
    }
    let questions = Arc::new(questions);
    let mut askers = JoinSet::new();
    for asker in 0..ASKERS {
        let store = Arc::clone(if asker % 2 == 0 { &pooled } else { &beside });
        let questions = Arc::clone(&questions);
        askers.spawn(async move {
            let mut dice = Dice(asker);
            for n in 0..=ANSWERS / ASKERS {
                let (tenant, question, expected) = &questions[usize::try_from(dice.below(QUESTIONS as u64)).unwrap()];
                store.read_events().record(event(tenant.pool, &format!("{asker}-{n}")));
                assert_eq!(question.ask(&store, tenant).await.unwrap(), *expected);
            }
        });
    }
    askers.join_all().await;
    let events = ASKERS * (ANSWERS / ASKERS + 1);
    pooled.close().await;
    beside.close().await;
    straight.close().await;
    let written = database.run("SELECT count(*) FROM events WHERE kind = 4001").unwrap();
    assert_eq!(written.trim(), events.to_string());
    let names = "SELECT count(*) FROM pg_prepared_statements";
    assert_eq!(database.run(names).unwrap().trim(), "0");
    drop(bouncer);
}

/// Four server connections for the forty of two stores: between two transactions a connection has another server's session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_in_transaction_mode_are_the_databases() {
    every_answer_is_the_databases(&[("pool_mode", "transaction"), ("default_pool_size", "4")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_in_session_mode_are_the_databases() {
    every_answer_is_the_databases(&[("pool_mode", "session"), ("default_pool_size", "60")]).await;
}

/// What `PgBouncer` says of its own: `ignore_startup_parameters` in <https://www.pgbouncer.org/config.html>.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_no_setting_names_is_refused() {
    let database = database().await;
    for (settings, pooler, expected) in [
        // As installed it refuses what sqlx sends; told to ignore that, it drops our settings without a word.
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
            pool: masthead_domain::tenant::PoolId(1),
            settings: masthead_domain::settings::TenantSettings::default(),
        }));
        let error = store.registrations().by_id(&cx, &reader(0).crid).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Misconfigured, "{settings:?} {error:?}");
        let error = store
            .registrations()
            .search(&cx, &first_page(UserFilter::default()))
            .await
            .unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Misconfigured, "{settings:?} {error:?}");
        store.close().await;
        // Migrations wait for each other by a lock of the session, which a pooler hands on.
        let migrated = schema::migrate(&bouncer.url()).await;
        assert!(
            matches!(migrated, Err(SchemaError::Pooler(PoolerError::Unexpected))),
            "{migrated:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_through_a_pooler_ends_at_its_time_limit() {
    let world = world_behind(&[("pool_mode", "transaction")], |options| {
        options.statement_timeout = Duration::from_millis(700);
    })
    .await;
    let tenant = tenant(&world.store, "north/daily/1", &[]).await;
    let database = Arc::clone(&world.database);
    let locked = std::thread::spawn(move || {
        let _ = database.run("BEGIN; LOCK TABLE registrations; SELECT pg_sleep(4); COMMIT");
    });
    let held = "SELECT count(*) FROM pg_locks WHERE relation = 'registrations'::regclass AND mode = 'AccessExclusiveLock' AND granted";
    while world.database.run(held).unwrap().trim() == "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let started = Instant::now();
    let source = world.store.registrations();
    let (cx, query, id) = (context(&tenant), first_page(UserFilter::default()), reader(0).crid);
    let (listed, found) = tokio::join!(source.search(&cx, &query), source.by_id(&cx, &id));
    assert_eq!(listed.unwrap_err().kind, SourceErrorKind::TooBroad);
    assert_eq!(found.unwrap_err().kind, SourceErrorKind::Unavailable);
    assert!(started.elapsed() < Duration::from_secs(3));
    // The server itself has given them up: no statement of ours waits for the lock any more.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'registrations'::regclass AND NOT granted";
    assert_eq!(world.database.run(waiting).unwrap().trim(), "0");
    world.store.close().await;
    locked.join().unwrap();
}

/// Over TCP, `COPY` sends two small packets one after the other: without `TCP_NODELAY` the second waits for the delayed
/// acknowledgement of the first, 40 ms on Linux (transact-rs/sqlx#4335).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_over_tcp_waits_for_no_acknowledgement() {
    let world = world().await;
    assert!(world.database.url().unwrap().contains("127.0.0.1"));
    let tenant = tenant(&world.store, "north/daily/1", &[]).await;
    let events = world.store.read_events();
    let mut took = Vec::new();
    for n in 0..50 {
        events.record(event(tenant.pool, &n.to_string()));
        let started = Instant::now();
        events.flush().await;
        took.push(started.elapsed());
    }
    took.sort_unstable();
    // Half of them in less than the wait that each would have: a busy machine is slow now and then, not always.
    assert!(took[25] < Duration::from_millis(35), "{took:?}");
    world.store.close().await;
}

//! The plans of all public query shapes: the buffers that a page touches, and the number of statements.
//!
//! `auto_explain` logs the plans of the store's own statements, on 200,000 rows and with the default planner settings.

use std::{
    io::{Read as _, Seek as _, SeekFrom},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use masthead_dev_postgres::PrivateServer;
use masthead_domain::{
    order::{Direction, Order, SortColumn, SortKey},
    query::{CountMode, Position, UserFilter, UserQuery},
    settings::TenantSettings,
    tenant::Tenant,
    user_key::UserKey,
};
use masthead_ports::{
    bulk::{BulkLookups as _, LookupKey},
    mirror::UserMirror as _,
    source::UserSource as _,
};
use masthead_subscribe_store::{NewRegistration, Store, StoreOptions};
use masthead_testkit::source_client::FindByKey as _;
use time::OffsetDateTime;

use crate::{
    query_shapes::shapes,
    sample_users::sample_user,
    support::{
        all_orders, and_first_name, and_metadata, containing, context, first_page, import_users, private_server, tenant,
    },
};

const ROWS: u64 = 200_000;
/// Three quarters of the rows belong to one tenant: the worst case for the planner's statistics.
const BIG: u64 = 150_000;
/// The maximum number of 8 KB buffers for a page of ten: a scan up to its limit (each entry a row, and a bit in the visibility
/// map), and collecting the matches that it can have missed. Reading the search terms of all rows would be a million.
const MOST_BUFFERS: u64 = 30_000;
/// The same for thousands of matches in the middle of the order: all of them are read and sorted.
const MOST_BUFFERS_DISTANT: u64 = 30_000;
/// The steps of a search, of which each is tried when the ones before have not found the page (ADR 0117).
const MOST_STATEMENTS: usize = 5;

struct PlanFixture {
    server: PrivateServer,
    store: Store,
    big: Arc<Tenant>,
    small: Arc<Tenant>,
}

const DATABASE: &str = "masthead_test_plans";

/// On a private server, since its log is read.
async fn loaded() -> PlanFixture {
    let server = private_server(DATABASE).await;
    let mut options = StoreOptions::new(server.server().url(DATABASE).unwrap());
    options.statement_timeout = Duration::from_mins(2);
    options.acquire_timeout = Duration::from_mins(1);
    let loading = Store::open(&options).unwrap();
    loading.migrate().await.unwrap();
    let big = filled(&loading, "a/b/big", 0..BIG).await;
    let small = filled(&loading, "a/b/small", BIG..BIG + 500).await;
    let share = (ROWS - BIG - 500) / 10;
    for n in 0..10 {
        let from = BIG + 500 + n * share;
        filled(&loading, &format!("a/b/{n}"), from..from + share).await;
    }
    loading.close().await;
    // Not before: foreign key checks would fill the log while rows are loaded.
    server
        .server()
        .run(
            DATABASE,
            "INSERT INTO mirrors (pool, provider, precedence, as_of) \
               SELECT DISTINCT pool, 'Auth0', '', now() FROM registrations;\n\
             INSERT INTO mirror_entries (pool, registration_id, registered_at, changed_at, profile_as_of, verified, \
                    by_email, crid, email_key, first_key, last_key, profile, search_terms) \
               SELECT pool, id, registered_at, changed_at, now(), verified, false, crid, email_key, first_key, last_key, \
                      json_build_object('email', nullif(email_key, ''), 'firstName', first_name, 'lastName', last_name, \
                                        'metadata', metadata), search_terms FROM registrations;\n\
             VACUUM ANALYZE registrations, mirror_entries;\n\
             ALTER DATABASE masthead_test_plans SET session_preload_libraries = 'auto_explain';\n\
             ALTER DATABASE masthead_test_plans SET auto_explain.log_min_duration = 0;\n\
             ALTER DATABASE masthead_test_plans SET auto_explain.log_analyze = on;\n\
             ALTER DATABASE masthead_test_plans SET auto_explain.log_buffers = on;\n\
             ALTER DATABASE masthead_test_plans SET auto_explain.log_timing = off;\n\
             ALTER DATABASE masthead_test_plans SET auto_explain.log_format = json;\n",
        )
        .unwrap();
    let store = Store::open(&options).unwrap();
    PlanFixture {
        server,
        store,
        big,
        small,
    }
}

async fn filled(store: &Store, name: &str, users: std::ops::Range<u64>) -> Arc<Tenant> {
    let tenant = tenant(store, name, &[]).await;
    import_users(store, &tenant, users).await;
    tenant
}

impl PlanFixture {
    fn log(&self) -> std::fs::File {
        std::fs::File::open(self.server.server().log_file().unwrap()).unwrap()
    }

    fn log_end(&self) -> u64 {
        self.log().metadata().unwrap().len()
    }

    /// The buffers touched by each statement on registrations, since the log had this length.
    async fn statements_since(&self, start: u64) -> Vec<u64> {
        // Another process writes the log, shortly after the answer.
        for _ in 0..500 {
            let (mut log, mut bytes) = (self.log(), Vec::new());
            log.seek(SeekFrom::Start(start)).unwrap();
            log.read_to_end(&mut bytes).unwrap();
            let found = buffers_of(&String::from_utf8_lossy(&bytes));
            if !found.is_empty() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("the server logged no plan");
    }

    /// The buffers touched by one search of the mirror.
    async fn search_mirror(&self, tenant: &Arc<Tenant>, query: &UserQuery) -> Vec<u64> {
        let start = self.log_end();
        let page = self.store.mirror().search(&context(tenant), query).await.unwrap();
        assert!(page.is_some());
        self.statements_since(start).await
    }

    /// The buffers touched by one search of the registrations.
    async fn search(&self, tenant: &Arc<Tenant>, query: &UserQuery) -> Vec<u64> {
        let (start, source) = (self.log_end(), self.store.registrations());
        source.search(&context(tenant), query).await.unwrap();
        self.statements_since(start).await
    }

    /// The buffers touched by one export, which finds more than half of its keys.
    async fn export(&self, tenant: &Arc<Tenant>, keys: &[LookupKey], with_mirror: bool) -> Vec<u64> {
        let (start, bulk) = (self.log_end(), self.store.bulk_lookups());
        let since = with_mirror.then_some(OffsetDateTime::UNIX_EPOCH);
        let answer = bulk.find_many(&context(tenant), keys, since).await.unwrap();
        let found = if with_mirror {
            let entries = answer.mirror.unwrap().by_key;
            entries.into_iter().flatten().flatten().count()
        } else {
            answer.registrations.iter().flatten().flatten().count()
        };
        assert!(found > keys.len() / 2);
        self.statements_since(start).await
    }
}

/// The top node's buffers of each logged plan of a statement on registrations. No page is found by a sequential scan.
fn buffers_of(log: &str) -> Vec<u64> {
    log.split("duration: ")
        .skip(1)
        .filter(|entry| entry.contains("registrations") && entry.contains("\"Query Text\""))
        .filter_map(|entry| {
            let of_totals = |node: &str| {
                let table = node.split("\"Relation Name\": \"").nth(1);
                table.is_some_and(|name| name.starts_with("registration_totals") || name.starts_with("mirror_totals"))
            };
            let whole = entry.split("\"Seq Scan\"").skip(1).any(|node| !of_totals(node));
            assert!(!whole, "the whole table is read: {entry}");
            let number = |name: &str| -> Option<u64> {
                let rest = entry.split(&format!("\"{name}\": ")).nth(1)?;
                rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
            };
            Some(number("Shared Hit Blocks")? + number("Shared Read Blocks")?)
        })
        .collect()
}

/// A key of this user, in turn an address, a number and an id.
fn key_of(number: u64, n: u64) -> LookupKey {
    let user = sample_user(number);
    match (n % 3, &user.email) {
        (0, Some(email)) => LookupKey::User(UserKey::Email(email.key().clone())),
        (1, _) => LookupKey::Registration(i64::try_from(number).unwrap() + 2),
        _ => LookupKey::User(UserKey::Id(user.crid)),
    }
}

/// The tenant with a provider, whose mirror has a profile of each user.
fn federated(tenant: &Tenant) -> Arc<Tenant> {
    let settings = TenantSettings::parse([("Flow.UserProvider", "Auth0")]).0;
    Arc::new(Tenant {
        settings,
        ..tenant.clone()
    })
}

/// The same shapes and users, each with a profile, from the mirror.
async fn check_mirror_lists(loaded: &PlanFixture) {
    let (big, small) = (federated(&loaded.big), federated(&loaded.small));
    let mut worst = (0, String::new());
    // Only the table differs from lists of registrations, so three orders of each shape, in turn, are enough.
    let mut orders = all_orders().cycle();
    for (name, filter) in shapes().into_iter().filter(|(_, filter)| !filter.only_active) {
        for order in orders.by_ref().take(3) {
            let query = UserQuery {
                order,
                ..first_page(filter.clone())
            };
            let touched = loaded.search_mirror(&big, &query).await;
            worst = worst.max((touched.iter().sum(), format!("{name} by {order:?}")));
        }
        let touched: u64 = loaded.search_mirror(&small, &first_page(filter)).await.iter().sum();
        assert!(touched < 8_000, "{name} of a small pool touched {touched}");
    }
    println!("the worst page of the mirror touched {} buffers: {}", worst.0, worst.1);
    assert!(worst.0 < MOST_BUFFERS, "{} touched {} buffers", worst.1, worst.0);
}

/// What the statistics know to be rare, and a list without a filter, are one statement, which reads little (ADR 0145).
async fn check_single_statements(loaded: &PlanFixture) {
    for (name, filter) in [
        ("everyone", UserFilter::default()),
        ("absent part", containing("absentneedle")),
        ("rare first name", and_first_name(UserFilter::default(), "zzz")),
        ("rare metadata", and_metadata(UserFilter::default(), "city", "nowhere")),
    ] {
        let touched = loaded.search(&loaded.big, &first_page(filter)).await;
        assert_eq!(touched.len(), 1, "{name}");
        assert!(touched[0] < 300, "{name} touched {}", touched[0]);
    }
    let few = loaded.search(&loaded.small, &first_page(containing("maria"))).await;
    assert_eq!(few.len(), 1, "a part of addresses of a small pool");
}

/// One user in nine, all in the middle of the orders by name, and mostly of that by address.
async fn check_many_distant_matches(loaded: &PlanFixture) {
    let named = and_metadata(UserFilter::default(), "firstName", "Maria");
    let both = and_metadata(containing("maria"), "promo_flag", "N");
    for (name, filter) in [("metadata", named), ("address", containing("maria")), ("both", both)] {
        for column in [SortColumn::FirstName, SortColumn::Email, SortColumn::LastName] {
            for direction in [Direction::Ascending, Direction::Descending] {
                let order = Order { column, direction };
                let query = UserQuery {
                    order,
                    ..first_page(filter.clone())
                };
                let touched: u64 = loaded.search(&loaded.big, &query).await.iter().sum();
                assert!(touched < MOST_BUFFERS_DISTANT, "{name} by {order:?} touched {touched}");
            }
        }
    }
}

/// A page by number amid many matches, which are read up to a bound that a sample gives.
async fn check_pages_by_number(loaded: &PlanFixture) {
    let (offset, pool) = (20_000, loaded.big.pool.0);
    for (column, key) in [
        (SortColumn::Email, "email_key"),
        (SortColumn::FirstName, "first_key"),
        (SortColumn::DateRegistered, "registered_at::text"),
    ] {
        let query = UserQuery {
            order: Order {
                column,
                direction: Direction::Ascending,
            },
            position: Position::Offset(offset),
            count: CountMode::None,
            ..first_page(and_metadata(UserFilter::default(), "country", "no"))
        };
        let source = loaded.store.registrations();
        let page = source.search(&context(&loaded.big), &query).await.unwrap();
        let sql = format!(
            "SELECT crid FROM registrations WHERE pool = {pool} AND deleted_at IS NULL AND metadata->>'country' = 'NO' \
             ORDER BY {key} = '', {key}, crid LIMIT {} OFFSET {offset}",
            query.size
        );
        let wanted = loaded.server.server().run(DATABASE, &sql).unwrap();
        let found: Vec<&str> = page.accounts.iter().map(|account| account.crid.as_str()).collect();
        assert_eq!(found, wanted.lines().collect::<Vec<_>>(), "by {column:?}");
    }
}

#[tokio::test]
async fn every_query_shape_touches_few_buffers() {
    let loaded = loaded().await;
    let mut worst = (0, String::new());
    for (name, filter) in shapes() {
        for order in all_orders() {
            let query = UserQuery {
                order,
                ..first_page(filter.clone())
            };
            let touched = loaded.search(&loaded.big, &query).await;
            assert!(touched.len() <= MOST_STATEMENTS, "{name}: {} statements", touched.len());
            worst = worst.max((touched.iter().sum(), format!("{name} by {order:?}")));
        }
        // A big pool does not slow a small one down.
        let touched = loaded.search(&loaded.small, &first_page(filter.clone())).await;
        let buffers: u64 = touched.iter().sum();
        assert!(buffers < 8_000, "{name} of a small pool touched {buffers}");
        for (count, most) in [
            (CountMode::None, MOST_STATEMENTS),
            (CountMode::Exact, MOST_STATEMENTS + 1),
        ] {
            for size in [1, 100] {
                let query = UserQuery {
                    size,
                    count,
                    ..first_page(filter.clone())
                };
                let statements = loaded.search(&loaded.big, &query).await.len();
                assert!(
                    statements <= most,
                    "{name}: {statements} statements for a page of {size}"
                );
            }
        }
    }
    println!("the worst page touched {} buffers: {}", worst.0, worst.1);
    assert!(worst.0 < MOST_BUFFERS, "{} touched {} buffers", worst.1, worst.0);
    check_mirror_lists(&loaded).await;
    check_single_statements(&loaded).await;
    check_many_distant_matches(&loaded).await;
    check_pages_by_number(&loaded).await;

    // A page at a distant cursor costs what the first page costs.
    let first = first_page(UserFilter::default());
    let start = loaded.search(&loaded.big, &first).await[0];
    let distant = UserQuery {
        position: Position::Offset(100_000),
        size: 1,
        ..first.clone()
    };
    let source = loaded.store.registrations();
    let page = source.search(&context(&loaded.big), &distant).await.unwrap();
    let cursor = SortKey::for_account(&page.accounts[0], SortColumn::Email, false);
    let after = UserQuery {
        position: Position::After(cursor.into()),
        ..first
    };
    let by_cursor = loaded.search(&loaded.big, &after).await[0];
    assert!(
        by_cursor <= start + 20,
        "{by_cursor} buffers at a cursor, {start} at the start"
    );

    check_lookups(&loaded).await;
    check_exports(&loaded).await;
    check_export_of_new_pool(&loaded).await;
    loaded.store.close().await;
}

/// Concurrent look-ups of one kind or both: one statement, and a few buffers per key.
async fn check_lookups(loaded: &PlanFixture) {
    let known: Vec<NewRegistration> = (0..30)
        .map(|n| sample_user(n * 149))
        .filter(|known| known.email.is_some())
        .collect();
    let (ids, emails) = (
        known.iter().map(|known| (known, true)),
        known.iter().map(|known| (known, false)),
    );
    for keys in [
        ids.clone().take(1).collect(),
        emails.clone().take(1).collect(),
        ids.clone().collect(),
        emails.clone().collect(),
        ids.zip(emails).flat_map(|(id, email)| [id, email]).collect::<Vec<_>>(),
    ] {
        let start = loaded.log_end();
        join_all(keys.iter().map(|(known, by_id)| look_up(loaded, known, *by_id))).await;
        let touched = loaded.statements_since(start).await;
        let count = keys.len() as u64;
        assert_eq!(touched.len(), 1, "{count} keys");
        assert!(touched[0] < count * 30, "{count} keys touched {}", touched[0]);
    }
}

/// Finds exactly this user.
async fn look_up(loaded: &PlanFixture, known: &NewRegistration, by_id: bool) {
    let (cx, source) = (context(&loaded.big), loaded.store.registrations());
    let found = if by_id {
        source.by_id(&cx, &known.crid).await.unwrap().into_iter().collect()
    } else {
        let email = known.email.as_ref().unwrap();
        source.by_email(&cx, email.key()).await.unwrap()
    };
    let ids: Vec<_> = found.iter().map(|account| &account.crid).collect();
    assert_eq!(ids, [&known.crid]);
}

/// Exports of any size: one statement, and a few buffers per key; with the mirror twice as many.
async fn check_exports(loaded: &PlanFixture) {
    for count in [20, 1_000] {
        let keys: Vec<LookupKey> = (0..count).map(|n| key_of(n * 149 % BIG, n)).collect();
        for (tenant, with_mirror, per_key) in [(Arc::clone(&loaded.big), false, 30), (federated(&loaded.big), true, 60)]
        {
            let touched = loaded.export(&tenant, &keys, with_mirror).await;
            assert_eq!(touched.len(), 1, "{count}");
            assert!(
                touched[0] < count * per_key,
                "an export of {count} touched {}",
                touched[0]
            );
        }
    }
}

/// The same in a pool that the statistics do not know yet, as after its first sync.
async fn check_export_of_new_pool(loaded: &PlanFixture) {
    const NEW: u64 = 5_000;
    let run = |sql: &str| loaded.server.server().run(DATABASE, sql).unwrap();
    run("ALTER TABLE registrations SET (autovacuum_enabled = off);\n\
         ALTER TABLE mirror_entries SET (autovacuum_enabled = off);\n");
    let new = filled(&loaded.store, "a/b/new", ROWS..ROWS + NEW).await;
    let pool = new.pool.0;
    run(&format!(
        "INSERT INTO mirrors (pool, provider, precedence, as_of) VALUES ({pool}, 'Auth0', '', now());\n\
         INSERT INTO mirror_entries (pool, registration_id, profile_as_of, verified, by_email, crid, \
                email_key, first_key, last_key, profile, search_terms) \
           SELECT pool, id, now(), verified, false, crid, email_key, first_key, last_key, \
                  json_build_object('firstName', first_name, 'lastName', last_name, 'metadata', metadata), search_terms \
             FROM registrations WHERE pool = {pool};\n"
    ));
    let keys: Vec<LookupKey> = (0..1_000).map(|n| key_of(ROWS + n * 3 % NEW, 2 * (n % 2))).collect();
    let touched: u64 = loaded.export(&federated(&new), &keys, true).await.iter().sum();
    assert!(touched < 60_000, "an export of a new pool touched {touched}");
}

//! What Postgres does for each public query shape, as it did it: the buffers that a page touches, and the statements.
//!
//! `auto_explain` tells it of the very statements that the store sent, on 200,000 rows and with the planner's settings as
//! they come.

use std::{
    io::{Read as _, Seek as _, SeekFrom},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use masthead_dev_postgres::PrivateServer;
use masthead_domain::{
    email::EmailFragment,
    metadata::MetadataPair,
    order::{Direction, Order, SortColumn, SortKey},
    query::{CountMode, EmailFilter, NamePrefix, Position, UserFilter, UserQuery},
    settings::TenantSettings,
    tenant::Tenant,
};
use masthead_ports::{
    bulk::{BulkLookups as _, LookupKey},
    mirror::UserMirror as _,
    source::UserSource as _,
};
use masthead_subscribe_store::{NewRegistration, Store, StoreOptions};
use time::OffsetDateTime;

use crate::{
    readers::reader,
    support::{context, first_page, origin, tenant},
};

const ROWS: u64 = 200_000;
/// Three quarters of the rows are one tenant's: the worst case of the planner's statistics.
const BIG: u64 = 150_000;
/// The most 8 KB buffers that a page of ten may touch: what a walk to the end of its budget touches (each entry a row, and
/// its bit in the visibility map), and a gathering of what such a walk can have missed. Reading
/// every row's tokens would be a million.
const MOST_BUFFERS: u64 = 30_000;

/// The same where thousands match, in the midst of the order: the rows of all of them alone are on as many.
const MOST_BUFFERS_FAR: u64 = 7_000;

struct Loaded {
    server: PrivateServer,
    store: Store,
    big: Arc<Tenant>,
    small: Arc<Tenant>,
}

const DATABASE: &str = "masthead_test_plans";

/// A server of this test's own, since its log is read.
async fn loaded() -> Loaded {
    let server = tokio::task::spawn_blocking(|| {
        let server = PrivateServer::start_new().unwrap();
        server.server().create_database(DATABASE).unwrap();
        server
    })
    .await
    .unwrap();
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
    // Only now: the checks of foreign keys would fill the log while rows are loaded.
    server
        .server()
        .run(
            DATABASE,
            "INSERT INTO directories (pool, provider, precedence, as_of) \
               SELECT DISTINCT pool, 'Auth0', '', now() FROM registrations;\n\
             DROP INDEX directory_entries_tokens_idx;\n\
             INSERT INTO directory_entries (pool, registration_id, registered_at, changed_at, profile_as_of, verified, \
                    by_email, shares_tokens, crid, email_key, first_key, last_key, profile, tokens) \
               SELECT pool, id, registered_at, changed_at, now(), verified, false, id % 3 > 0, crid, email_key, first_key, last_key, \
                      json_build_object('email', nullif(email_key, ''), 'firstName', first_name, 'lastName', last_name, \
                                        'metadata', metadata), CASE WHEN id % 3 = 0 THEN tokens ELSE '{}' END FROM registrations;\n\
             CREATE INDEX directory_entries_tokens_idx ON directory_entries USING gin (tokens);\n\
             VACUUM ANALYZE registrations, directory_entries;\n\
             ALTER DATABASE masthead_test_plans SET session_preload_libraries = 'auto_explain';\n\
             ALTER DATABASE masthead_test_plans SET auto_explain.log_min_duration = 0;\n\
             ALTER DATABASE masthead_test_plans SET auto_explain.log_analyze = on;\n\
             ALTER DATABASE masthead_test_plans SET auto_explain.log_buffers = on;\n\
             ALTER DATABASE masthead_test_plans SET auto_explain.log_timing = off;\n\
             ALTER DATABASE masthead_test_plans SET auto_explain.log_format = json;\n",
        )
        .unwrap();
    let store = Store::open(&options).unwrap();
    Loaded {
        server,
        store,
        big,
        small,
    }
}

async fn filled(store: &Store, name: &str, readers: std::ops::Range<u64>) -> Arc<Tenant> {
    let tenant = tenant(store, name, &[]).await;
    store
        .importer()
        .registrations(&tenant, &origin(), readers.map(reader))
        .await
        .unwrap();
    tenant
}

impl Loaded {
    fn log(&self) -> std::fs::File {
        std::fs::File::open(self.server.server().log_file().unwrap()).unwrap()
    }

    fn log_end(&self) -> u64 {
        self.log().metadata().unwrap().len()
    }

    /// The buffers touched by each statement on registrations, since the log was this long.
    async fn statements_since(&self, start: u64) -> Vec<u64> {
        // The log is written by another process, a moment after the answer.
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

    /// What one search of the directory touched.
    async fn search_directory(&self, tenant: &Arc<Tenant>, query: &UserQuery) -> Vec<u64> {
        let start = self.log_end();
        let page = self.store.directory().search(&context(tenant), query).await.unwrap();
        assert!(page.is_some());
        self.statements_since(start).await
    }

    /// What one search touched.
    async fn search(&self, tenant: &Arc<Tenant>, query: &UserQuery) -> Vec<u64> {
        let start = self.log_end();
        self.store
            .registrations()
            .search(&context(tenant), query)
            .await
            .unwrap();
        self.statements_since(start).await
    }
}

/// The top node's buffers of each logged plan whose statement reads registrations. No page is come by through
/// the whole table.
fn buffers_of(log: &str) -> Vec<u64> {
    log.split("duration: ")
        .skip(1)
        .filter(|entry| entry.contains("registrations") && entry.contains("\"Query Text\""))
        .filter_map(|entry| {
            // Only to count what matches in most of a table may Postgres read all of it.
            let counts = entry.contains("few AS MATERIALIZED") || entry.contains("ELSE (SELECT count(*)");
            let whole = entry.contains("\"Seq Scan\"");
            assert!(counts || !whole, "the whole table is read: {entry}");
            let number = |name: &str| -> Option<u64> {
                let rest = entry.split(&format!("\"{name}\": ")).nth(1)?;
                rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
            };
            Some(number("Shared Hit Blocks")? + number("Shared Read Blocks")?)
        })
        .collect()
}

fn contains(needle: &str) -> UserFilter {
    UserFilter {
        emails: vec![EmailFilter::Contains(EmailFragment::from_text(needle))],
        ..UserFilter::default()
    }
}

fn shapes() -> Vec<(String, UserFilter)> {
    let mut shapes = vec![("everybody".to_owned(), UserFilter::default())];
    for needle in [
        "a",
        "q",
        "%",
        "_",
        "\\",
        "qj",
        "%%",
        "gma",
        "gmail",
        "@",
        "maria",
        "absentneedle",
        "nobody@nowhere.example",
        "zarzar",
    ] {
        shapes.push((format!("contains {needle}"), contains(needle)));
    }
    for prefix in ["m", "maria", "q", "zzz"] {
        let first = Some(NamePrefix::from_text(prefix));
        shapes.push((
            format!("first {prefix}"),
            UserFilter {
                first_name: first.clone(),
                ..UserFilter::default()
            },
        ));
        shapes.push((
            format!("gmail, first {prefix}"),
            UserFilter {
                first_name: first,
                ..contains("gmail")
            },
        ));
        let starts = vec![EmailFilter::Prefix(EmailFragment::from_text(prefix))];
        shapes.push((
            format!("starts {prefix}"),
            UserFilter {
                emails: starts,
                ..UserFilter::default()
            },
        ));
    }
    shapes.push((
        "contradiction".to_owned(),
        UserFilter {
            first_name: Some(NamePrefix::from_text("walt")),
            ..contains("maria")
        },
    ));
    for (key, value) in [
        ("country", "no"),
        ("city", "nowhere"),
        ("phonenumber", "+47 10000042"),
        ("firstname", "maria"),
    ] {
        let pair = vec![MetadataPair::new(key, value)];
        shapes.push((
            format!("{key}={value}"),
            UserFilter {
                metadata: pair.clone(),
                ..UserFilter::default()
            },
        ));
        shapes.push((
            format!("gmail, {key}={value}"),
            UserFilter {
                metadata: pair,
                ..contains("gmail")
            },
        ));
    }
    for name in [
        "everybody",
        "contains a",
        "contains gmail",
        "first m",
        "starts maria",
        "country=no",
    ] {
        let active = shapes
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, filter)| UserFilter {
                only_active: true,
                ..filter.clone()
            });
        shapes.push((format!("{name}, active"), active.unwrap()));
    }
    shapes
}

/// A key of this reader, each of another kind than the last.
fn key_of(number: u64, n: u64) -> LookupKey {
    let reader = reader(number);
    match (n % 3, &reader.email) {
        (0, Some(email)) => LookupKey::Email(email.key().clone()),
        (1, _) => LookupKey::Registration(i64::try_from(number).unwrap() + 2),
        _ => LookupKey::Id(reader.crid),
    }
}

/// The tenant with a provider, whose directory has a profile of everybody.
fn federated(tenant: &Tenant) -> Arc<Tenant> {
    let settings = TenantSettings::parse([("Flow.UserProvider", "Auth0")]).0;
    Arc::new(Tenant {
        settings,
        ..tenant.clone()
    })
}

/// The same shapes of the same people, each with a profile, from the directory.
async fn lists_of_both_sides_touch_as_little(loaded: &Loaded) {
    let (big, small) = (federated(&loaded.big), federated(&loaded.small));
    let mut worst = (0, String::new());
    // The statement is the same but for the table, so a few orders of each shape, in turn, tell.
    let mut orders = SortColumn::ALL
        .into_iter()
        .flat_map(|column| [Direction::Ascending, Direction::Descending].map(|direction| Order { column, direction }))
        .cycle();
    for (name, filter) in shapes().into_iter().filter(|(_, filter)| !filter.only_active) {
        for order in orders.by_ref().take(3) {
            let query = UserQuery {
                order,
                ..first_page(filter.clone())
            };
            let touched = loaded.search_directory(&big, &query).await;
            assert_eq!(touched.len(), 1, "{name}: one statement");
            worst = worst.max((touched[0], format!("{name} by {order:?}")));
        }
        let touched = loaded.search_directory(&small, &first_page(filter)).await;
        assert!(touched[0] < 8_000, "{name} of a small pool touched {}", touched[0]);
    }
    println!(
        "the worst page of the directory touched {} buffers: {}",
        worst.0, worst.1
    );
    assert!(worst.0 < MOST_BUFFERS, "{} touched {} buffers", worst.1, worst.0);
}

/// One reader in nine, all of them in the middle of the orders by name and mostly of that by address.
async fn many_matches_far_away_are_not_all_read(loaded: &Loaded) {
    let named = UserFilter {
        metadata: vec![MetadataPair::new("firstName", "Maria")],
        ..UserFilter::default()
    };
    let both = UserFilter {
        metadata: vec![MetadataPair::new("promo_flag", "N")],
        ..contains("maria")
    };
    for (name, filter) in [("metadata", named), ("address", contains("maria")), ("both", both)] {
        for column in [SortColumn::FirstName, SortColumn::Email, SortColumn::LastName] {
            for direction in [Direction::Ascending, Direction::Descending] {
                let order = Order { column, direction };
                let query = UserQuery {
                    order,
                    ..first_page(filter.clone())
                };
                let touched = loaded.search(&loaded.big, &query).await[0];
                // The sample is of the lowest ids, since those came first; among equal names they are the last in this order.
                let by_arrival = column == SortColumn::FirstName && direction == Direction::Descending;
                let most = if by_arrival { 15_000 } else { MOST_BUFFERS_FAR };
                assert!(touched < most, "{name} by {order:?} touched {touched}");
            }
        }
    }
}

#[tokio::test]
async fn every_shape_touches_a_bounded_number_of_buffers_in_as_many_statements_whatever_the_page() {
    let loaded = loaded().await;
    let mut worst = (0, String::new());
    for (name, filter) in shapes() {
        for column in SortColumn::ALL {
            for direction in [Direction::Ascending, Direction::Descending] {
                let order = Order { column, direction };
                let query = UserQuery {
                    order,
                    ..first_page(filter.clone())
                };
                let touched = loaded.search(&loaded.big, &query).await;
                assert_eq!(touched.len(), 1, "{name}: one statement");
                worst = worst.max((touched[0], format!("{name} by {order:?}")));
            }
        }
        // A small pool is none the worse for a big one beside it.
        let touched = loaded.search(&loaded.small, &first_page(filter.clone())).await;
        assert!(touched[0] < 8_000, "{name} of a small pool touched {}", touched[0]);
        for count in [CountMode::None, CountMode::Exact] {
            let mut statements = Vec::new();
            for size in [1, 100] {
                let query = UserQuery {
                    size,
                    count,
                    ..first_page(filter.clone())
                };
                statements.push(loaded.search(&loaded.big, &query).await.len());
            }
            assert_eq!(statements, [1, 1], "{name}: a page of 1 and a page of 100");
        }
    }
    println!("the worst page touched {} buffers: {}", worst.0, worst.1);
    assert!(worst.0 < MOST_BUFFERS, "{} touched {} buffers", worst.1, worst.0);
    lists_of_both_sides_touch_as_little(&loaded).await;
    many_matches_far_away_are_not_all_read(&loaded).await;

    // A cursor far into the list costs what the first page costs.
    let deep = first_page(UserFilter::default());
    let start = loaded.search(&loaded.big, &deep).await[0];
    let far = UserQuery {
        position: Position::Offset(100_000),
        size: 1,
        ..deep.clone()
    };
    let place = loaded
        .store
        .registrations()
        .search(&context(&loaded.big), &far)
        .await
        .unwrap();
    let place = SortKey::for_account(&place.accounts[0], SortColumn::Email, false);
    let by_cursor = loaded
        .search(
            &loaded.big,
            &UserQuery {
                position: Position::After(place.into()),
                ..deep
            },
        )
        .await[0];
    assert!(
        by_cursor <= start + 20,
        "{by_cursor} buffers at a cursor, {start} at the start"
    );

    look_ups_touch_a_few_buffers_for_each_key(&loaded).await;
    exports_touch_a_few_buffers_for_each_key(&loaded).await;
    exports_of_a_new_pool_touch_no_more(&loaded).await;
    loaded.store.close().await;
}

/// Exact look-ups that travel together: one statement, whether of one kind or of both, and a few buffers for each key.
async fn look_ups_touch_a_few_buffers_for_each_key(loaded: &Loaded) {
    let known: Vec<NewRegistration> = (0..30)
        .map(|n| reader(n * 149))
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
        let at = loaded.log_end();
        join_all(keys.iter().map(|(known, by_id)| looked_up(loaded, known, *by_id))).await;
        let touched = loaded.statements_since(at).await;
        assert_eq!(touched.len(), 1, "{} keys", keys.len());
        assert!(
            touched[0] < keys.len() as u64 * 30,
            "{} keys touched {}",
            keys.len(),
            touched[0]
        );
    }
}

/// Finds a reader, and nobody else.
async fn looked_up(loaded: &Loaded, known: &NewRegistration, by_id: bool) {
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

/// An export: one statement however many are asked for, and a few buffers for each; of both sides twice as many.
async fn exports_touch_a_few_buffers_for_each_key(loaded: &Loaded) {
    for count in [20, 1_000] {
        let keys: Vec<LookupKey> = (0..count).map(|n| key_of(n * 149 % BIG, n)).collect();
        let at = loaded.log_end();
        let answers = loaded
            .store
            .bulk_lookups()
            .find_many(&context(&loaded.big), &keys, None)
            .await
            .unwrap();
        assert!(answers.registrations.iter().flatten().flatten().count() > keys.len() / 2);
        let touched = loaded.statements_since(at).await;
        assert_eq!(touched.len(), 1, "{count}");
        assert!(touched[0] < count * 30, "an export of {count} touched {}", touched[0]);

        // And of both sides: still one.
        let at = loaded.log_end();
        let answers = loaded
            .store
            .bulk_lookups()
            .find_many(
                &context(&federated(&loaded.big)),
                &keys,
                Some(OffsetDateTime::UNIX_EPOCH),
            )
            .await
            .unwrap();
        let entries = answers.mirror.unwrap().by_key;
        assert!(entries.into_iter().flatten().flatten().count() > keys.len() / 2);
        let touched = loaded.statements_since(at).await;
        assert_eq!(touched.len(), 1, "{count}");
        assert!(
            touched[0] < count * 60,
            "an export of {count} of both sides touched {}",
            touched[0]
        );
    }
}

/// The same of a pool of which the statistics know nothing yet, as after its first synchronisation.
async fn exports_of_a_new_pool_touch_no_more(loaded: &Loaded) {
    const NEW: u64 = 5_000;
    let run = |sql: &str| loaded.server.server().run(DATABASE, sql).unwrap();
    run("ALTER TABLE registrations SET (autovacuum_enabled = off);\n\
         ALTER TABLE directory_entries SET (autovacuum_enabled = off);\n");
    let new = filled(&loaded.store, "a/b/new", ROWS..ROWS + NEW).await;
    let pool = new.pool.0;
    run(&format!(
        "INSERT INTO directories (pool, provider, precedence, as_of) VALUES ({pool}, 'Auth0', '', now());\n\
         INSERT INTO directory_entries (pool, registration_id, profile_as_of, verified, by_email, shares_tokens, crid, \
                email_key, first_key, last_key, profile, tokens) \
           SELECT pool, id, now(), verified, false, true, crid, email_key, first_key, last_key, \
                  json_build_object('firstName', first_name, 'lastName', last_name, 'metadata', metadata), '{{}}' \
             FROM registrations WHERE pool = {pool};\n"
    ));
    let keys: Vec<LookupKey> = (0..1_000).map(|n| key_of(ROWS + n * 3 % NEW, 2 * (n % 2))).collect();
    let at = loaded.log_end();
    let bulk = loaded.store.bulk_lookups();
    let cx = context(&federated(&new));
    let answers = bulk.find_many(&cx, &keys, Some(OffsetDateTime::UNIX_EPOCH)).await;
    let entries = answers.unwrap().mirror.unwrap().by_key;
    assert!(entries.into_iter().flatten().flatten().count() > keys.len() / 2);
    let touched: u64 = loaded.statements_since(at).await.iter().sum();
    assert!(touched < 60_000, "an export of a new pool touched {touched}");
}

//! The ten slowest searches that a generator finds, on as many rows as are asked for.
//!
//! `MASTHEAD_MEASURE_URL=postgres://… MASTHEAD_MEASURE_ROWS=1000000 cargo test … -- --ignored --nocapture slowest_needles`

use std::{sync::Arc, time::Instant};

use masthead_domain::{
    email::EmailFragment,
    metadata::MetadataPair,
    order::{Direction, Order, SortColumn},
    query::{CountMode, EmailFilter, NamePrefix, Position, UserFilter, UserQuery},
    tenant::{Tenant, TenantId},
};
use masthead_ports::{source::UserSource as _, tenants::Tenants as _};
use masthead_subscribe_store::{Store, StoreOptions, schema};

use crate::{
    readers::reader,
    support::{context, first_page, origin, tenant, world},
};

#[tokio::test]
#[ignore = "a measurement, not a test: takes minutes"]
async fn slowest_needles() {
    #[expect(
        clippy::disallowed_methods,
        reason = "an ignored measurement that is told where to measure"
    )]
    let setting = |name: &str| std::env::var(name).unwrap();
    let deep = setting("MASTHEAD_MEASURE_DEEP") == "1";
    let url = setting("MASTHEAD_MEASURE_URL");
    let rows: u64 = setting("MASTHEAD_MEASURE_ROWS").parse().unwrap();
    schema::migrate(&url).await.unwrap();
    let mut options = StoreOptions::new(url);
    options.statement_timeout = std::time::Duration::from_mins(1);
    let store = Store::open(&options).unwrap();
    let tenant = loaded(&store, rows).await;
    let mut found = Vec::new();
    for (name, query) in candidates() {
        if !deep && (query.position != Position::Offset(0) || query.count != CountMode::None) {
            continue;
        }
        let mut best = f64::MAX;
        let mut users = 0;
        for _ in 0..3 {
            let started = Instant::now();
            let page = store.registrations().search(&context(&tenant), &query).await.unwrap();
            best = best.min(started.elapsed().as_secs_f64() * 1000.0);
            users = page.accounts.len();
        }
        found.push((best, users, name));
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let median = found[found.len() / 2].0;
    println!("{} searches, median {median:.2} ms; the slowest:", found.len());
    for (ms, users, name) in found.iter().take(40) {
        println!("{ms:8.2} ms {users:5} rows  {name}");
    }
}

/// Half of the rows in one pool, a twentieth in the next, the rest spread over many.
async fn loaded(store: &Store, rows: u64) -> Arc<Tenant> {
    let big = TenantId::parse("t/t/1").unwrap();
    if store.admin().tenants().await.unwrap().is_empty() {
        load(store, rows).await;
    }
    store.tenants().by_id(&big).await.unwrap().unwrap()
}

async fn load(store: &Store, rows: u64) {
    let mut from = 0;
    let mut shares = vec![rows / 2, rows / 20];
    shares.extend(std::iter::repeat_n(rows * 9 / 20 / 200, 200));
    let started = Instant::now();
    for (n, share) in shares.into_iter().enumerate() {
        let tenant = tenant(store, &format!("t/t/{}", n + 1), &[]).await;
        let readers = (from..from + share).map(reader);
        store
            .importer()
            .registrations(&tenant, &origin(), readers)
            .await
            .unwrap();
        from += share;
        if n < 3 || n % 50 == 0 {
            println!("{from} rows after {:.1} s", started.elapsed().as_secs_f64());
        }
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn filters() -> Vec<(String, UserFilter)> {
    let contains = |needle: &str| UserFilter {
        emails: vec![EmailFilter::Contains(EmailFragment::from_text(needle))],
        ..UserFilter::default()
    };
    let first = |filter: UserFilter, prefix: &str| UserFilter {
        first_name: Some(NamePrefix::from_text(prefix)),
        ..filter
    };
    let mut filters: Vec<(String, UserFilter)> = Vec::new();
    for needle in [
        "a",
        "q",
        "x",
        "z",
        "j",
        "%",
        "_",
        "\\",
        "'",
        "\u{e9}",
        "qj",
        "zz",
        "__",
        "%%",
        "a_",
        ".c",
        "ma",
        "mar",
        "gmail",
        "gmail.com",
        "@gmail",
        "maria",
        "maria1",
        "wal",
        "zar",
        "zarzarzar",
        "senzar",
        "absentneedle",
        "nobody@nowhere",
        "xena",
        "walt",
        "quinn",
        "com",
        "@",
        ".",
        "1",
        "99999",
        "uma",
        "_4",
        "otto",
        "web.de",
        "mail.example",
        "ylyl",
        "@aol.com",
        "verver",
        "vera",
        "tessz",
    ] {
        filters.push((format!("contains {needle:?}"), contains(needle)));
    }
    for prefix in ["m", "x", "z", "maria", "walt", "zo", "nobody", "q"] {
        filters.push((format!("first {prefix:?}"), first(UserFilter::default(), prefix)));
        filters.push((
            format!("contains \"gmail\", first {prefix:?}"),
            first(contains("gmail"), prefix),
        ));
    }
    for (needle, prefix) in [
        ("maria", "walt"),
        ("walt", "maria"),
        ("xena", "maria"),
        ("otto", "quinn"),
        ("a", "zz"),
        ("x", "m"),
        ("maria", "ana"),
        ("@aol", "x"),
        ("1", "q"),
    ] {
        filters.push((
            format!("contains {needle:?}, first {prefix:?}"),
            first(contains(needle), prefix),
        ));
    }
    for prefix in ["m", "maria", "zzz", "w", "x", "q", "1"] {
        let starts = UserFilter {
            emails: vec![EmailFilter::Prefix(EmailFragment::from_text(prefix))],
            ..UserFilter::default()
        };
        filters.push((format!("starts {prefix:?}"), starts.clone()));
        filters.push((format!("starts {prefix:?}, first \"z\""), first(starts, "z")));
    }
    for (key, value) in [
        ("city", "oslo"),
        ("country", "no"),
        ("promo_flag", "y"),
        ("city", "nowhere"),
        ("firstname", "maria"),
    ] {
        let pair = UserFilter {
            metadata: vec![MetadataPair::new(key, value)],
            ..UserFilter::default()
        };
        filters.push((format!("metadata {key}={value}"), pair.clone()));
        filters.push((
            format!("metadata {key}={value}, contains \"xena\""),
            UserFilter {
                metadata: pair.metadata.clone(),
                ..contains("xena")
            },
        ));
        filters.push((format!("metadata {key}={value}, first \"walt\""), first(pair, "walt")));
    }
    filters.push(("everybody".into(), UserFilter::default()));
    filters
}

fn candidates() -> Vec<(String, UserQuery)> {
    let mut queries = Vec::new();
    for (name, filter) in &filters() {
        for column in SortColumn::ALL {
            for direction in [Direction::Ascending, Direction::Descending] {
                let order = Order { column, direction };
                let query = UserQuery {
                    order,
                    ..first_page(filter.clone())
                };
                queries.push((format!("{name} by {} {direction:?}", column.name()), query));
            }
        }
        for (size, count, offset) in [
            (1000, CountMode::None, 0),
            (10, CountMode::Exact, 0),
            (10, CountMode::None, 100_000),
        ] {
            let query = UserQuery {
                size,
                count,
                position: Position::Offset(offset),
                ..first_page(filter.clone())
            };
            queries.push((format!("{name} [size {size}, {count:?}, offset {offset}]"), query));
        }
    }
    queries
}

/// `MASTHEAD_MEASURE_ROWS=200000 cargo test … -- --ignored --nocapture making_keys_anew`
#[tokio::test]
#[ignore = "a measurement, not a test: takes minutes"]
async fn making_keys_anew() {
    #[expect(
        clippy::disallowed_methods,
        reason = "an ignored measurement that is told how much to measure"
    )]
    let rows: u64 = std::env::var("MASTHEAD_MEASURE_ROWS").unwrap().parse().unwrap();
    let world = world().await;
    let tenant = tenant(&world.store, "t/t/1", &[]).await;
    let importer = world.store.importer();
    let loaded = importer.registrations(&tenant, &origin(), (0..rows).map(reader)).await;
    loaded.unwrap();
    // As the rules before ADR 0098 had it.
    world
        .database
        .run("UPDATE registrations SET first_key = 'søren', tokens = '{7}' WHERE first_name = 'Søren'; VACUUM ANALYZE registrations")
        .unwrap();
    for run in ["first", "second"] {
        let started = Instant::now();
        let made = world.store.migrate().await.unwrap();
        println!("{run} run: {rows} rows, {made:?}, {:?}", started.elapsed());
    }
}

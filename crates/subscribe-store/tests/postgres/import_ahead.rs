//! Batches that are written while the batch before them is not committed have the results of batches one after the other.

use std::{ops::Range, sync::Arc, time::Duration};

use masthead_domain::tenant::Tenant;
use masthead_subscribe_store::{
    DuplicatePolicy, ImportSession, Importer, NewRegistration, OnDuplicate, PendingBatch, StoredBatch,
};
use proptest::{
    collection::vec,
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};

use crate::{
    import::{begin, fixture_with_tenant, outcomes, rows, show, user},
    support::{StoreFixture, store_with, tenant},
};

/// The transactions that have written registrations and wait.
const WAITING: &str = "pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()
                        AND query LIKE 'INSERT INTO registrations%'";

/// A session that has written 200 users with the ids 0 to 199: the next batches are written ahead.
async fn begun(importer: &Importer, policy: DuplicatePolicy, tenant: &Arc<Tenant>) -> ImportSession {
    begun_with(importer, policy, tenant, 0..200).await
}

/// A session that has written users with these ids.
async fn begun_with(
    importer: &Importer,
    policy: DuplicatePolicy,
    tenant: &Arc<Tenant>,
    ids: Range<u64>,
) -> ImportSession {
    let mut session = begin(importer, policy);
    let first = begin_batch(&mut session, tenant, ids.map(|n| reader(n, n)).collect()).await;
    store_and_commit(&mut session, first).await;
    session
}

async fn begin_batch(session: &mut ImportSession, tenant: &Arc<Tenant>, users: Vec<NewRegistration>) -> PendingBatch {
    session.begin_batch(rows(tenant, users)).await.unwrap()
}

/// Returns what became of the rows, in short.
async fn store_and_commit(session: &mut ImportSession, batch: PendingBatch) -> Vec<String> {
    let stored = session.store(batch, None).await.unwrap();
    let shown = shown(&stored);
    session.commit(stored, None).await.unwrap();
    shown
}

/// Begins each batch before the one before it is stored, and returns what became of the rows.
async fn two_at_a_time(
    session: &mut ImportSession,
    tenant: &Arc<Tenant>,
    batches: impl Iterator<Item = Vec<NewRegistration>>,
) -> Vec<String> {
    let mut results = Vec::new();
    let mut pending = None;
    for users in batches.map(Some).chain([None]) {
        let next = match users {
            Some(users) => Some(begin_batch(session, tenant, users).await),
            None => None,
        };
        if let Some(batch) = std::mem::replace(&mut pending, next) {
            results.extend(store_and_commit(session, batch).await);
        }
    }
    results
}

fn reader(id: u64, address: u64) -> NewRegistration {
    user(&id.to_string(), &format!("reader{address}@example.org"))
}

async fn wait_until_written(fixture: &StoreFixture, transactions: u64) {
    let begun = std::time::Instant::now();
    while fixture.count(WAITING) < transactions {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is written ahead");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn shown(stored: &StoredBatch) -> Vec<String> {
    stored.results.iter().map(|result| show(result.unwrap())).collect()
}

#[tokio::test]
async fn two_batches_are_written_at_the_same_time_and_committed_in_order() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let importer = fixture.store.importer();
    let mut session = begun(&importer, DuplicatePolicy::default(), &tenant).await;
    let first = begin_batch(&mut session, &tenant, vec![reader(200, 200), reader(201, 201)]).await;
    let twins = vec![reader(202, 201), reader(200, 202), reader(203, 203), reader(7, 204)];
    let second = begin_batch(&mut session, &tenant, twins).await;
    wait_until_written(&fixture, 2).await;
    assert_eq!(fixture.count("registrations"), 200);
    store_and_commit(&mut session, first).await;
    assert_eq!(fixture.count("registrations"), 202);
    assert_eq!(
        store_and_commit(&mut session, second).await,
        [
            "rejected: Email File",
            "rejected: Id File",
            "imported",
            "rejected: Id File"
        ]
    );
    assert_eq!(fixture.count("registrations"), 203);
    assert_eq!(
        fixture.sql("SELECT string_agg(users::text, ',' ORDER BY id) FROM events"),
        "200,2,1"
    );
    assert_eq!(fixture.sql("SELECT sum(users) FROM registration_totals"), "203");
}

/// 40 batches with ids and addresses of each other and of the store, two at a time, against a dry run, whose batches are decided one after
/// the other.
#[tokio::test]
async fn results_are_those_of_one_batch_after_the_other() {
    let mut runner = TestRunner::deterministic();
    let batches = vec(vec((100..700_u64, 100..700_u64), 0..30), 40);
    for policy in [
        DuplicatePolicy::default(),
        DuplicatePolicy::all(OnDuplicate::Reject),
        DuplicatePolicy::all(OnDuplicate::Skip),
    ] {
        let (fixture, tenant) = fixture_with_tenant().await;
        let importer = fixture.store.importer();
        drop(begun(&importer, policy, &tenant).await);
        let mut file: Vec<Vec<(u64, u64)>> = vec![(1000..1100).map(|n| (n, n)).collect()];
        file.extend(batches.new_tree(&mut runner).unwrap().current());
        let batch =
            |keys: &Vec<(u64, u64)>| -> Vec<_> { keys.iter().map(|(id, address)| reader(*id, *address)).collect() };
        let dry = importer.clone().dry_run();
        let expected = outcomes(&dry, policy, &tenant, file.iter().map(batch).collect()).await;

        let mut session = begin(&importer, policy);
        let results = two_at_a_time(&mut session, &tenant, file.iter().map(batch)).await;
        assert_eq!(results, expected, "{policy:?}");
        let new = results.iter().filter(|result| *result == "imported").count() as u64;
        assert!(new > 250, "{new}");
        assert_eq!(fixture.count("registrations"), 200 + new);
    }
}

#[tokio::test]
async fn tombstone_written_meanwhile_is_respected() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let importer = fixture.store.importer();
    drop(begun(&importer, DuplicatePolicy::default(), &tenant).await);
    crate::deletions::delete(&fixture.store, &tenant, "7").await;
    fixture.sql("CREATE TABLE kept AS SELECT * FROM tombstones; DELETE FROM tombstones");
    // Of a new process, which has not seen the id.
    let mut session = begun_with(&importer, DuplicatePolicy::default(), &tenant, 1000..1200).await;
    let batch = begin_batch(&mut session, &tenant, vec![reader(7, 300), reader(301, 301)]).await;
    wait_until_written(&fixture, 1).await;
    fixture.sql("INSERT INTO tombstones SELECT * FROM kept");
    assert_eq!(
        store_and_commit(&mut session, batch).await,
        ["skipped Deleted", "imported"]
    );
    assert_eq!(
        fixture.count("registrations WHERE crid IN ('7', '301') AND deleted_at IS NULL"),
        1
    );
}

#[tokio::test]
async fn batch_whose_connection_breaks_is_written_again() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let importer = fixture.store.importer();
    let mut session = begun(&importer, DuplicatePolicy::default(), &tenant).await;
    let batch = begin_batch(&mut session, &tenant, vec![reader(200, 200), reader(7, 201)]).await;
    wait_until_written(&fixture, 1).await;
    fixture.sql(&format!("SELECT pg_terminate_backend(pid) FROM {WAITING}"));
    assert_eq!(
        store_and_commit(&mut session, batch).await,
        ["imported", "rejected: Id File"]
    );
    assert_eq!(fixture.count("registrations"), 201);
}

#[tokio::test]
async fn batch_written_ahead_ends_after_too_many_rejected_rows() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let importer = fixture.store.importer();
    let mut session = begun(&importer, DuplicatePolicy::default(), &tenant).await;
    let batch = rows(
        &tenant,
        vec![reader(200, 200), reader(1, 1), reader(2, 2), reader(201, 201)],
    );
    let batch = session.begin_batch(batch).await.unwrap();
    wait_until_written(&fixture, 1).await;
    let stored = session.store(batch, Some(1)).await.unwrap();
    assert_eq!(shown(&stored), ["imported", "rejected: Id File", "rejected: Id File"]);
    session.commit(stored, None).await.unwrap();
    assert_eq!(fixture.count("registrations"), 201);
}

#[tokio::test]
async fn dropped_batch_leaves_nothing() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let importer = fixture.store.importer();
    let mut session = begun(&importer, DuplicatePolicy::default(), &tenant).await;
    let batch = begin_batch(&mut session, &tenant, vec![reader(200, 200)]).await;
    wait_until_written(&fixture, 1).await;
    drop(batch);
    let again = begin_batch(&mut session, &tenant, vec![reader(201, 201)]).await;
    store_and_commit(&mut session, again).await;
    assert_eq!(fixture.count("registrations"), 201);
    assert_eq!(fixture.count("registrations WHERE crid = '200'"), 0);
}

/// A batch that is written ahead takes a second connection.
#[tokio::test]
async fn one_connection_is_enough() {
    let fixture = store_with(|options| options.service_connections = 1).await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let importer = fixture.store.importer();
    let mut session = begun(&importer, DuplicatePolicy::default(), &tenant).await;
    let first = begin_batch(&mut session, &tenant, vec![reader(200, 200)]).await;
    let second = begin_batch(&mut session, &tenant, vec![reader(201, 201)]).await;
    for batch in [first, second] {
        store_and_commit(&mut session, batch).await;
    }
    assert_eq!(fixture.count("registrations"), 202);
}

/// Another import has the lock of the pool, for which the first batch waits, and waits for the second one, which is written ahead.
#[tokio::test]
async fn batch_written_ahead_does_not_wait_for_ever() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let importer = fixture.store.importer();
    let mut session = begun(&importer, DuplicatePolicy::default(), &tenant).await;
    let first = begin_batch(&mut session, &tenant, vec![reader(200, 200)]).await;
    let second = begin_batch(&mut session, &tenant, vec![reader(300, 300)]).await;
    wait_until_written(&fixture, 2).await;
    let database = Arc::clone(&fixture.database);
    let other = std::thread::spawn(move || {
        database.run(
            "BEGIN; SELECT FROM pools FOR NO KEY UPDATE;
             INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, first_name,
                                        last_name, metadata, search_terms)
                SELECT id, 0, false, true, '300', 'x@example.org', '', '', '', '', '{}', '{}' FROM pools;
             COMMIT",
        )
    });
    let waiting = "pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while !other.is_finished() && fixture.count(waiting) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(store_and_commit(&mut session, first).await, ["imported"]);
    other.join().unwrap().unwrap();
    assert_eq!(
        store_and_commit(&mut session, second).await,
        ["skipped Exists: Id Store"]
    );
    assert_eq!(fixture.count("registrations"), 202);
}

/// Each import writes two batches at a time, and waits for the other's.
#[tokio::test]
async fn two_imports_of_the_same_users_store_each_once() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let importer = fixture.store.importer();
    drop(begun(&importer, DuplicatePolicy::default(), &tenant).await);
    let import = |first: u64| {
        let (importer, tenant) = (importer.clone(), Arc::clone(&tenant));
        async move {
            let mut session = begin(&importer, DuplicatePolicy::default());
            // Of this import alone, so that the next batches are written ahead.
            let own = (first..first + 100).map(|n| reader(n, n)).collect();
            let batches = (0..10).map(|n| (200 + 40 * n..240 + 40 * n).map(|n| reader(n, n)).collect());
            let results = two_at_a_time(&mut session, &tenant, [own].into_iter().chain(batches)).await;
            results.iter().filter(|result| *result == "imported").count()
        }
    };
    let (one, other) = tokio::join!(import(10_000), import(20_000));
    assert_eq!(one + other, 100 + 100 + 400);
    assert_eq!(fixture.count("registrations"), 200 + 600);
}

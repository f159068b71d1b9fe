//! Deleted users do not come back by imports, syncs or write-backs, and what has ended is purged.

use std::sync::Arc;

use masthead_domain::{account::Account, tenant::Tenant};
use masthead_ports::{
    mirror::RemovalBrake,
    registrations::{RegistrationWriter as _, WriteBackOutcome},
    users::{NewRegistration, UserWriter as _},
};
use masthead_subscribe_store::{Purged, Store};
use masthead_testkit::{
    accounts::readers,
    contract::{
        mirror::{MirrorSubject, NOON, minute, scan_page, start_run},
        users::{commit, email, id, new_user},
    },
    hashing::FakeKeyedHasher,
    registrations::write_back,
};

use crate::{
    mirror::mirror_subject,
    support::{FEDERATED, StoreFixture, context, fixture, import_accounts, patient_options, tenant},
};

async fn create(store: &Store, tenant: &Arc<Tenant>, new: &NewRegistration) {
    let created = store.users().create(&context(tenant), new, false, &commit(0)).await;
    created.unwrap();
}

pub(crate) async fn delete(store: &Store, tenant: &Arc<Tenant>, crid: &str) {
    let deleted = store.users().delete(&context(tenant), &id(crid), &commit(1)).await;
    deleted.unwrap();
}

fn account(crid: &str, address: &str) -> Account {
    Account {
        email: Some(email(address)),
        ..Account::new(id(crid))
    }
}

async fn with_tenant(settings: &[(&str, &str)]) -> (StoreFixture, Arc<Tenant>) {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", settings).await;
    (fixture, tenant)
}

#[tokio::test]
async fn import_skips_deleted_users() {
    let (fixture, tenant) = with_tenant(&[]).await;
    let store = &fixture.store;
    create(store, &tenant, &new_user("7", "ann@example.com")).await;
    delete(store, &tenant, "7").await;
    let accounts = [
        account("7", "other@example.com"),
        account("8", "Ann@Example.com"),
        account("9", "new@example.com"),
    ];
    let imported = import_accounts(store, &tenant, &accounts).await;
    assert_eq!((imported.inserted, imported.skipped), (1, 2));
    // The API may create the user again, and then its tombstones are gone.
    create(store, &tenant, &new_user("7", "ann@example.com")).await;
    assert_eq!(fixture.count("tombstones"), 0);
}

#[tokio::test]
async fn tombstones_have_no_clear_text_and_outlive_a_key() {
    let (fixture, tenant) = with_tenant(&[]).await;
    create(&fixture.store, &tenant, &new_user("secret-id", "secret@example.com")).await;
    delete(&fixture.store, &tenant, "secret-id").await;
    assert_eq!(fixture.sql("SELECT kind FROM tombstones ORDER BY kind"), "email\nid");
    assert!(!fixture.sql("SELECT t FROM tombstones AS t").contains("secret"));

    let mut options = patient_options(fixture.database.url().unwrap());
    options.keyed_hasher = Some(Arc::new(FakeKeyedHasher(vec![2, 1])));
    let replaced = Store::open(&options).unwrap();
    let returning = [account("secret-id", "a@example.com")];
    let imported = import_accounts(&replaced, &tenant, &returning).await;
    assert_eq!((imported.inserted, imported.skipped), (0, 1));
    replaced.close().await;

    options.keyed_hasher = None;
    let without = Store::open(&options).unwrap();
    let new = [account("9", "new@example.com")].map(|account| crate::support::registration(&account));
    let refused = without
        .importer()
        .registrations(&tenant, &crate::support::origin(), new.into_iter())
        .await;
    assert!(refused.is_err());
    let refused = without.users().delete(&context(&tenant), &id("9"), &commit(1)).await;
    assert!(refused.is_err());
    without.close().await;
}

/// A federated tenant with a mirror of these users, who are registered too.
async fn mirrored(users: &[Account]) -> (StoreFixture, Arc<Tenant>, MirrorSubject) {
    let (fixture, tenant) = with_tenant(FEDERATED).await;
    let subject = mirror_subject(&fixture.store, vec![Arc::clone(&tenant)], ());
    subject.run(users, NOON, RemovalBrake::On).await;
    for user in users {
        subject.register(user).await;
    }
    (fixture, tenant, subject)
}

#[tokio::test]
async fn scan_does_not_return_deleted_user() {
    let users = readers(3);
    let (fixture, tenant, subject) = mirrored(&users).await;
    let deleted = users[1].crid.as_str();
    delete(&fixture.store, &tenant, deleted).await;
    let left = ["r-00000 r-00000", "r-00002 r-00002"];
    assert_eq!(subject.pairs().await, left);

    // The provider still returns the user: by scans, live answers and write-backs.
    let cx = subject.context(0);
    let all = masthead_ports::mirror::StartRun {
        full_every: std::time::Duration::ZERO,
        ..start_run("a", minute(1))
    };
    let run = subject.begin(all).await;
    let page = masthead_ports::scan::ScanPage {
        expected: Some(3),
        ..scan_page(&users, None)
    };
    let taken = subject.mirror.record_page(&cx, &run, &page, minute(1)).await.unwrap();
    assert_eq!((taken.added, taken.refused, taken.again), (0, 0, false));
    let finished = subject
        .mirror
        .finish_run(&cx, &run, minute(2), RemovalBrake::On)
        .await
        .unwrap();
    assert!(finished.whole, "the deleted user was returned, and is not missing");
    subject.feed(&users, minute(3)).await;
    let registrations = fixture.store.registrations();
    let returning = write_back(&*registrations, &cx, &users[1]).await.unwrap();
    let origin = commit(4).origin;
    let written = registrations.write_back(&cx, &returning, &origin).await.unwrap();
    assert_eq!(written, WriteBackOutcome::Unchanged);
    assert_eq!(subject.pairs().await, left);

    // Another id with the deleted address is the same person.
    let other = Account {
        crid: id("other"),
        ..users[1].clone()
    };
    subject.feed(std::slice::from_ref(&other), minute(5)).await;
    let returning = write_back(&*registrations, &cx, &other).await.unwrap();
    let written = registrations.write_back(&cx, &returning, &origin).await.unwrap();
    assert_eq!(written, WriteBackOutcome::Unchanged);
    assert_eq!(subject.pairs().await, left);

    // Until the API creates it again.
    let again = NewRegistration {
        of_provider: true,
        email: users[1].email.clone(),
        ..new_user(deleted, "-@example.com")
    };
    create(&fixture.store, &tenant, &again).await;
    subject.feed(&users, minute(6)).await;
    assert_eq!(subject.pairs().await.len(), 3);
}

#[tokio::test]
async fn profile_that_the_address_joined_goes_too() {
    let (fixture, tenant) = with_tenant(FEDERATED).await;
    let subject = mirror_subject(&fixture.store, vec![Arc::clone(&tenant)], ());
    let profile = account("auth0|7", "ann@example.com");
    create(&fixture.store, &tenant, &new_user("local", "ann@example.com")).await;
    subject
        .run(std::slice::from_ref(&profile), NOON, RemovalBrake::On)
        .await;
    assert_eq!(subject.pairs().await, ["auth0|7 local"]);
    delete(&fixture.store, &tenant, "local").await;
    assert!(subject.pairs().await.is_empty());
    let moved = account("auth0|7", "ann@new.example");
    subject.run(&[moved], minute(1), RemovalBrake::On).await;
    assert!(subject.pairs().await.is_empty());
}

#[tokio::test]
async fn other_user_of_shared_address_stays() {
    let twins = ["a", "b"].map(|crid| account(crid, "twin@example.com"));
    let (fixture, tenant, subject) = mirrored(&twins).await;
    delete(&fixture.store, &tenant, "a").await;
    subject.run(&twins, minute(1), RemovalBrake::On).await;
    assert_eq!(subject.pairs().await, ["b b"]);
    assert_eq!(fixture.sql("SELECT kind FROM tombstones"), "id");
}

#[tokio::test]
async fn number_of_a_deleted_user_is_no_new_id() {
    let (fixture, tenant) = with_tenant(&[]).await;
    let store = &fixture.store;
    let unnamed = |address: &str| NewRegistration {
        crid: None,
        ..new_user("-", address)
    };
    create(store, &tenant, &unnamed("a@example.com")).await;
    let next: i64 = fixture.sql("SELECT max(id) + 2 FROM registrations").parse().unwrap();
    create(store, &tenant, &new_user(&next.to_string(), "b@example.com")).await;
    delete(store, &tenant, &next.to_string()).await;
    create(store, &tenant, &unnamed("c@example.com")).await;
    let found = fixture.count(&format!("registrations WHERE deleted_at IS NULL AND crid = '{next}'"));
    assert_eq!(found, 0);
    assert_eq!(
        fixture.count("registrations WHERE deleted_at IS NULL AND crid = id::text"),
        2
    );
}

/// Rows that have ended and rows that have not, of every kind, by the time of the contract suite.
const ENDED: &str = "
    INSERT INTO pending_registrations (pool, created_at, expires_at, verified, had_password, ignore_provider, of_provider,
                                       email_key, first_name, last_name, metadata)
        SELECT 1, '2026-03-04 00:00Z', e, false, false, false, false, 'pending-' || n, '', '', '{}' FROM ended;
    INSERT INTO verification_codes (pool, expires_at, sent_at, day_from, ends_at, sent_in_day, wrong_tries, email_key, hash)
        SELECT 1, e, e, e, e, 1, 0, 'code-' || n, sha256(n::text::bytea) FROM ended;
    INSERT INTO reset_links (pool, registration_id, created_at, expires_at, hash)
        SELECT 1, n, e, e, sha256(n::text::bytea) FROM ended;
    INSERT INTO sign_in_attempts (pool, ends_at, failures, key) SELECT 1, e, 1, sha256(n::text::bytea) FROM ended;
    INSERT INTO idempotency_keys (pool, running_until, expires_at, claim, key, content)
        SELECT 1, e, e, 1, sha256(n::text::bytea), sha256('') FROM ended;
    INSERT INTO known_addresses (pool, seen_at, key) SELECT 1, e - interval '90 days', sha256(n::text::bytea) FROM ended;
    INSERT INTO mail_outbox (pool, queued_at, dead_at, dead_reason, tenant, kind, sealed)
        SELECT 1, e, e - interval '30 days', 'refused', 'a/b/c', 'verification', '' FROM ended;
    INSERT INTO import_runs (id, changed_at, rows, rejects_bytes) SELECT 'run-' || n, e - interval '7 days', 0, 0 FROM ended;
    INSERT INTO import_scratch (kind, run, key, value) SELECT 0, 'run-' || n, 'k', 'v' FROM ended;
    INSERT INTO tombstones (pool, created_at, kind, hash) SELECT 1, '2020-01-01', 'id', sha256(n::text::bytea) FROM ended;";

#[tokio::test]
async fn purge_is_bounded_and_keeps_what_has_not_ended() {
    let (fixture, tenant) = with_tenant(&[("Users.PurgeDays", "2")]).await;
    // Five that have ended at noon, and three that have not.
    fixture.sql(&format!(
        "CREATE TABLE ended AS SELECT n, '2026-03-04 12:00Z'::timestamptz + CASE WHEN n > 5 THEN 1 ELSE -1 END * interval '1 minute' AS e
             FROM generate_series(1, 8) AS n; {ENDED}"
    ));
    let users = fixture.store.users();
    for number in 0..3 {
        let crid = number.to_string();
        create(
            &fixture.store,
            &tenant,
            &new_user(&crid, &format!("{crid}@example.com")),
        )
        .await;
    }
    for (crid, day) in [("0", 0), ("1", 1)] {
        let with = commit(day * 24 * 60);
        users.delete(&context(&tenant), &id(crid), &with).await.unwrap();
    }
    // One of the ended keys belongs to an open intent.
    fixture.sql(
        "INSERT INTO write_intents (pool, created_at, deadline, due_at, idempotency_id, idempotency_claim, tenant, kind, step, sealed,
                                    request_id, source_system)
             SELECT pool, now(), now(), now(), id, claim, 'a/b/c', 'create', 'provider', '', '', ''
               FROM idempotency_keys ORDER BY expires_at, id LIMIT 1",
    );
    let purge = async |at, limit| users.purge_expired(at, limit).await.unwrap();
    let first = purge(NOON, 2).await;
    assert_eq!(
        first,
        Purged {
            registrations: 0,
            others: 9 * 2
        }
    );
    for _ in 0..3 {
        purge(NOON, 2).await;
    }
    assert_eq!(purge(NOON, 2).await, Purged::default());
    for (table, left) in [
        ("pending_registrations", 3),
        ("verification_codes", 3),
        ("reset_links", 3),
        ("sign_in_attempts", 3),
        ("idempotency_keys", 4),
        ("known_addresses", 3),
        ("mail_outbox WHERE dead_at IS NOT NULL", 3),
        ("import_runs", 3),
        ("import_scratch", 3),
        ("tombstones", 8 + 4),
        ("registrations", 3),
    ] {
        assert_eq!(fixture.count(table), left, "{table}");
    }
    // Two days after the first deletion.
    let second = purge(minute(2 * 24 * 60), 100).await;
    assert_eq!(second.registrations, 1);
    assert_eq!(fixture.sql("SELECT crid FROM registrations ORDER BY crid"), "1\n2");
}

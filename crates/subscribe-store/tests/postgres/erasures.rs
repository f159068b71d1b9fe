//! Erasures of persons, inactive users, and what a purge would delete.

use std::{sync::Arc, time::Duration};

use masthead_domain::{
    account::Account,
    email::Email,
    event::{EventKind, EventOutcome},
    tenant::{Tenant, TenantId},
    user_key::UserKey,
};
use masthead_ports::{
    attempts::{AttemptEnd, SignInAttempts as _},
    audit::AuditSubject,
    erasure::{ErasureOutcome, Erasures as _, NewErasure, Receipt, StoredTexts},
    mirror::RemovalBrake,
    passwords::PasswordHash,
    person::{PersonRecords as _, SourceAnswer, sources},
    registrations::{RegistrationWriter as _, WriteBackOutcome},
    users::{NewRegistration, PendingRegistration, UserWriter as _, WriteCommit},
};
use masthead_testkit::{
    contract::{
        mirror::NOON,
        users::{commit, email, hash, id, minute, new_user},
    },
    registrations::write_back,
};

use crate::{
    mirror::mirror_subject,
    support::{FEDERATED, StoreFixture, context, fixture, import_accounts, tenant},
};

/// Mails and intents whose sealed text is an address.
struct PlainTexts;

impl StoredTexts for PlainTexts {
    fn address_of_mail(&self, _: &TenantId, sealed: &str) -> Option<Email> {
        Email::parse(sealed).ok()
    }

    fn address_of_intent(&self, _: &TenantId, sealed: &str) -> Option<Email> {
        Email::parse(sealed).ok()
    }

    fn hash_family(&self, _: &PasswordHash) -> String {
        "argon2".to_owned()
    }
}

const LONG: Duration = Duration::from_mins(1);

const NOTHING_MORE: fn() -> NewErasure = || NewErasure {
    lines: Vec::new(),
    attempt_keys: vec![hash(1)],
};

fn erasing(at: i64) -> WriteCommit {
    WriteCommit {
        events: vec![(EventKind::SubscribeUserErase, EventOutcome::Found)],
        ..commit(at)
    }
}

async fn erase(fixture: &StoreFixture, tenant: &Arc<Tenant>, key: UserKey, at: i64) -> Receipt {
    let (users, cx) = (fixture.store.users(), context(tenant));
    let person = users.identify(&cx, &key).await.unwrap();
    let receipt = users.erase(&cx, &person, &NOTHING_MORE(), &erasing(at)).await.unwrap();
    users
        .sweep(receipt.id, &PlainTexts, minute(at), LONG)
        .await
        .unwrap()
        .unwrap()
}

fn count_of(receipt: &Receipt, source: &str) -> Option<u64> {
    let line = receipt.lines.iter().find(|line| line.source == source);
    line.unwrap_or_else(|| panic!("{source}")).count
}

/// Rows of both users beside their registrations.
const BESIDE: &str = "
    DELETE FROM events;
    DELETE FROM mail_outbox;
    INSERT INTO pending_registrations (pool, created_at, expires_at, verified, had_password, ignore_provider, of_provider,
                                       email_key, first_name, last_name, metadata)
        SELECT 1, now(), '2030-01-01', false, false, false, false, k || '@example.com', '', '', '{}'
          FROM unnest(ARRAY['ann', 'bob']) AS k;
    INSERT INTO verification_codes (pool, expires_at, sent_at, day_from, ends_at, sent_in_day, wrong_tries, email_key, hash)
        SELECT 1, now(), now(), now(), now(), 1, 0, k || '@example.com', sha256(k::bytea) FROM unnest(ARRAY['ann', 'bob']) AS k;
    INSERT INTO reset_links (pool, registration_id, created_at, expires_at, hash)
        SELECT 1, id, now(), '2030-01-01', sha256(crid::bytea) FROM registrations;
    INSERT INTO reset_links (pool, crid, created_at, expires_at, hash)
        SELECT 1, crid, now(), '2030-01-01', sha256((crid || ' remote')::bytea) FROM registrations;
    INSERT INTO last_sign_ins (pool, registration_id, on_day) SELECT 1, id, '2026-03-04' FROM registrations;
    INSERT INTO idempotency_keys (pool, running_until, expires_at, claim, key, content, written, crid)
        SELECT 1, now(), '2030-01-01', 1, sha256(crid::bytea), sha256(''), true, crid FROM registrations;
    INSERT INTO write_intents (pool, created_at, deadline, due_at, tenant, kind, step, crid, sealed, request_id, source_system)
        SELECT 1, now(), timestamptz '2020-01-01', timestamptz '2030-01-01', 'north/daily/herald', 'update', 'provider', crid, '', 'r', 'CRM' FROM registrations
        UNION ALL
        SELECT 1, now(), timestamptz '2020-01-01', timestamptz '2030-01-01', 'north/daily/herald', 'create', 'provider', NULL, email_key, 'r', 'CRM'
          FROM registrations;
    INSERT INTO mail_outbox (pool, queued_at, tenant, kind, sealed)
        SELECT 1, now(), 'north/daily/herald', 'verification', email_key FROM registrations;
    INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, users, registration_id, filter_kind, filter_hash)
        SELECT 1, 4001, now(), 'north/daily/herald', 'one', 'CRM', 'found', 1, id, 'id', id FROM registrations;
    INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, users, user_ids, filter_kind, filter_hash)
        SELECT 1, 4000, now(), 'north/daily/herald', 'both', 'CRM', 'found', 2, array_agg(id), 'all', 7 FROM registrations;";

const TABLES: [&str; 11] = [
    "registrations",
    "pending_registrations",
    "verification_codes",
    "reset_links WHERE registration_id IS NOT NULL",
    "reset_links WHERE crid IS NOT NULL",
    "last_sign_ins",
    "idempotency_keys",
    "write_intents WHERE crid IS NOT NULL",
    "write_intents WHERE crid IS NULL",
    "mail_outbox WHERE sealed LIKE '%@%'",
    "events WHERE kind = 4001 AND registration_id IS NOT NULL",
];

async fn two_users() -> (StoreFixture, Arc<Tenant>) {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let (users, cx) = (fixture.store.users(), context(&tenant));
    for name in ["ann", "bob"] {
        let new = new_user(name, &format!("{name}@example.com"));
        users.create(&cx, &new, false, &commit(0)).await.unwrap();
    }
    fixture.sql(BESIDE);
    (fixture, tenant)
}

#[tokio::test]
async fn erasure_takes_every_row_of_a_person_and_no_other() {
    let (fixture, tenant) = two_users().await;
    fixture.sql("INSERT INTO sign_in_attempts (pool, ends_at, failures, key) VALUES (1, '2030-01-01', 1, decode(repeat('01', 32), 'hex')), (1, '2030-01-01', 1, decode(repeat('02', 32), 'hex'))");
    for table in TABLES {
        assert_eq!(fixture.count(table), 2, "{table}");
    }
    let bob = fixture.sql("SELECT id FROM registrations WHERE crid = 'bob'");
    let receipt = erase(&fixture, &tenant, id("ann").into(), 1).await;
    for table in TABLES {
        assert_eq!(fixture.count(table), 1, "{table}");
    }
    assert_eq!(fixture.count("sign_in_attempts"), 1);
    // A list that named both names the other alone, and what was searched for is the hash of no id.
    assert_eq!(
        fixture.sql("SELECT user_ids, filter_hash FROM events WHERE request_id = 'both'"),
        format!("{{{bob}}}|7")
    );
    assert_eq!(
        fixture.sql("SELECT filter_kind, filter_hash FROM events WHERE request_id = 'one' AND registration_id IS NULL"),
        "id|0"
    );
    let (log, audited) = (fixture.store.audit_log(), AuditSubject::User(id("ann")));
    let query = masthead_ports::audit::AuditQuery {
        subject: audited,
        since: time::OffsetDateTime::UNIX_EPOCH,
        until: crate::support::now() + Duration::from_mins(1),
        before: None,
        limit: 10,
    };
    let entries = masthead_ports::audit::AuditLog::read(&log, &tenant, &query)
        .await
        .unwrap()
        .entries;
    assert!(entries.is_empty(), "no event names the person");
    for (source, count) in [
        (sources::REGISTRATIONS, 1),
        (sources::PENDING, 1),
        (sources::CODES, 1),
        (sources::LINKS, 2),
        (sources::SIGN_IN_DAYS, 1),
        (sources::COUNTERS, 1),
        (sources::KEYS, 1),
        (sources::INTENTS, 2),
        (sources::MAILS, 1),
        (sources::EVENTS, 2),
    ] {
        assert_eq!(count_of(&receipt, source), Some(count), "{source}");
    }
    let row = fixture.sql("SELECT e FROM erasures AS e");
    assert!(!row.contains("ann@") && !row.contains("ann\""), "{row}");
}

#[tokio::test]
async fn second_sweep_ends_the_erasure_and_counts_late_events() {
    let (fixture, tenant) = two_users().await;
    let number = fixture.sql("SELECT id FROM registrations WHERE crid = 'ann'");
    let receipt = erase(&fixture, &tenant, id("ann").into(), 1).await;
    assert!(receipt.finished_at.is_some());
    // Another server still had an event in memory.
    fixture.sql(&format!(
        "INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, users, registration_id)
             VALUES (1, 4001, now(), 'north/daily/herald', 'late', 'CRM', 'found', 1, {number})"
    ));
    let users = fixture.store.users();
    let lease = Duration::from_mins(1);
    assert!(users.claim_due(minute(2), lease, 10).await.unwrap().is_empty());
    assert_eq!(users.claim_due(minute(4), lease, 10).await.unwrap(), [receipt.id]);
    let ended = users
        .sweep(receipt.id, &PlainTexts, minute(4), LONG)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(count_of(&ended, sources::EVENTS), Some(3));
    assert_eq!(
        fixture.sql("SELECT numbers, attempt_keys, due_at FROM erasures"),
        "{}|{}|"
    );
    assert!(users.claim_due(minute(600), lease, 10).await.unwrap().is_empty());
    let memory = ended.lines.iter().find(|line| line.source == sources::SERVER_MEMORY);
    assert_eq!(memory.unwrap().outcome, ErasureOutcome::Erased);
    assert!(
        users
            .sweep(masthead_ports::erasure::ErasureId(99), &PlainTexts, NOON, LONG)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn deleted_and_pending_registrations_are_erased_too() {
    let (fixture, tenant) = two_users().await;
    let (users, cx) = (fixture.store.users(), context(&tenant));
    users.delete(&cx, &id("ann"), &commit(1)).await.unwrap();
    let by_address = UserKey::Email(email("ANN@example.com").key().clone());
    let receipt = erase(&fixture, &tenant, by_address, 2).await;
    assert_eq!(count_of(&receipt, sources::REGISTRATIONS), Some(1));
    assert_eq!(fixture.sql("SELECT crid FROM registrations"), "bob");

    let pending = PendingRegistration {
        registration: NewRegistration {
            crid: Some(id("wanted")),
            ..new_user("wanted", "cy@example.com")
        },
        email: email("cy@example.com"),
        had_password: false,
        ignore_provider: false,
        expires_at: minute(600),
    };
    let code = masthead_ports::users::NewCode {
        hash: hash(3),
        expires_at: minute(600),
    };
    users.create_pending(&cx, &pending, &code, &commit(3)).await.unwrap();
    let receipt = erase(&fixture, &tenant, id("wanted").into(), 4).await;
    assert_eq!(count_of(&receipt, sources::PENDING), Some(1));
    assert_eq!(
        fixture.sql("SELECT email_key FROM pending_registrations"),
        "bob@example.com"
    );
}

#[tokio::test]
async fn receipt_is_found_by_the_person_and_in_its_pool_alone() {
    let (fixture, tenant) = two_users().await;
    let courier = crate::support::tenant(&fixture.store, "north/daily/courier", &[]).await;
    let receipt = erase(&fixture, &tenant, id("ann").into(), 1).await;
    let users = fixture.store.users();
    let (cx, foreign) = (context(&tenant), context(&courier));
    let person = users.identify(&cx, &id("ann").into()).await.unwrap();
    assert!(!person.is_stored);
    let of_person = users.receipts_of(&cx, &person).await.unwrap();
    assert_eq!(of_person, std::slice::from_ref(&receipt));
    assert_eq!(users.receipt(&cx, receipt.id).await.unwrap().as_ref(), Some(&receipt));
    assert!(users.receipts_of(&foreign, &person).await.unwrap().is_empty());
    assert!(users.receipt(&foreign, receipt.id).await.unwrap().is_none());
}

#[tokio::test]
async fn erased_profile_does_not_return() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", FEDERATED).await;
    let subject = mirror_subject(&fixture.store, vec![Arc::clone(&tenant)], ());
    let account = |crid: &str, address: &str| Account {
        email: Some(email(address)),
        ..Account::new(id(crid))
    };
    let joined = account("auth0|7", "ann@example.com");
    let alone = account("auth0|8", "bob@example.com");
    let users = fixture.store.users();
    let cx = context(&tenant);
    let local = new_user("local", "ann@example.com");
    users.create(&cx, &local, false, &commit(0)).await.unwrap();
    let all = [joined.clone(), alone.clone()];
    subject.run(&all, NOON, RemovalBrake::On).await;
    assert_eq!(subject.pairs().await.len(), 2);

    // One id names the registration and the profile that its address joins.
    let person = users.identify(&cx, &id("auth0|7").into()).await.unwrap();
    assert_eq!(person.ids, [id("auth0|7"), id("local")]);
    let receipt = erase(&fixture, &tenant, id("auth0|7").into(), 1).await;
    assert_eq!(count_of(&receipt, sources::MIRROR), Some(1));
    // A profile without a registration.
    let receipt = erase(&fixture, &tenant, id("auth0|8").into(), 1).await;
    assert_eq!(count_of(&receipt, sources::REGISTRATIONS), Some(0));
    assert_eq!(fixture.count("registrations") + fixture.count("mirror_entries"), 0);

    subject.run(&all, minute(10), RemovalBrake::On).await;
    subject.feed(&all, minute(11)).await;
    let registrations = fixture.store.registrations();
    for user in [&joined, &alone] {
        let returning = write_back(&*registrations, &cx, user).await.unwrap();
        let written = registrations
            .write_back(&cx, &returning, &commit(12).origin)
            .await
            .unwrap();
        assert_eq!(written, WriteBackOutcome::Unchanged);
    }
    let imported = import_accounts(&fixture.store, &tenant, &all).await;
    assert_eq!((imported.inserted, imported.skipped), (0, 2));
    assert_eq!(fixture.count("registrations") + fixture.count("mirror_entries"), 0);
}

#[tokio::test]
async fn report_counts_every_source_of_one_person() {
    let (fixture, tenant) = two_users().await;
    let (users, cx) = (fixture.store.users(), context(&tenant));
    let person = users.identify(&cx, &id("ann").into()).await.unwrap();
    let records = fixture.store.person_records();
    let report = records.read(&cx, &person, &[hash(1)], &PlainTexts, NOON).await.unwrap();
    let total = |name: &str| {
        let source = report.iter().find(|source| source.name == name);
        match &source.unwrap_or_else(|| panic!("{name}")).answer {
            SourceAnswer::Held { total, .. } => *total,
            SourceAnswer::Unavailable(kind) => panic!("{name}: {kind}"),
        }
    };
    for (source, count) in [
        (sources::REGISTRATIONS, 1),
        (sources::MIRROR, 0),
        (sources::PENDING, 1),
        (sources::CODES, 1),
        (sources::LINKS, 2),
        (sources::SIGN_IN_DAYS, 1),
        (sources::COUNTERS, 0),
        (sources::INTENTS, 2),
        (sources::KEYS, 1),
        (sources::MAILS, 1),
        (sources::EVENTS, 2),
        (sources::TOMBSTONES, 0),
        (sources::ERASURES, 0),
    ] {
        assert_eq!(total(source), count, "{source}");
    }
    // A source that fails is distinct from one that holds nothing.
    fixture.sql("ALTER TABLE reset_links RENAME TO elsewhere");
    let report = records.read(&cx, &person, &[], &PlainTexts, NOON).await.unwrap();
    let links = report.iter().find(|source| source.name == sources::LINKS).unwrap();
    assert!(matches!(links.answer, SourceAnswer::Unavailable(_)));
    fixture.sql("ALTER TABLE elsewhere RENAME TO reset_links");
}

#[tokio::test]
async fn long_log_does_not_hold_up_the_rest() {
    let (fixture, tenant) = two_users().await;
    fixture.sql(
        "CREATE OR REPLACE FUNCTION forget_event_user (of_pool bigint, numbers bigint[]) RETURNS bigint LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_sleep(3600); RETURN 0; END'",
    );
    let (users, cx) = (fixture.store.users(), context(&tenant));
    let person = users.identify(&cx, &id("ann").into()).await.unwrap();
    let receipt = users.erase(&cx, &person, &NOTHING_MORE(), &erasing(1)).await.unwrap();
    let short = Duration::from_millis(50);
    let swept = users.sweep(receipt.id, &PlainTexts, minute(1), short).await.unwrap();
    let swept = swept.unwrap();
    assert_eq!((swept.finished_at, count_of(&swept, sources::MAILS)), (None, Some(1)));
    let events = swept.lines.iter().find(|line| line.source == sources::EVENTS);
    assert_eq!(events.unwrap().outcome, ErasureOutcome::Waiting);
    assert_eq!(users.receipt(&cx, receipt.id).await.unwrap(), Some(swept));
    assert_eq!(
        users.claim_due(minute(2), LONG, 1).await.unwrap(),
        [receipt.id],
        "it goes on"
    );
}

#[tokio::test]
async fn running_sweep_is_not_begun_again() {
    let (fixture, tenant) = two_users().await;
    let (users, cx) = (fixture.store.users(), context(&tenant));
    let person = users.identify(&cx, &id("ann").into()).await.unwrap();
    let receipt = users.erase(&cx, &person, &NOTHING_MORE(), &erasing(1)).await.unwrap();
    let database = Arc::clone(&fixture.database);
    let running = std::thread::spawn(move || {
        let _ = database.run("BEGIN; SELECT id FROM erasures FOR UPDATE; SELECT pg_sleep(3600)");
    });
    while fixture.count("pg_locks WHERE relation = 'erasures'::regclass AND mode = 'RowShareLock' AND granted") == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let second = users.sweep(receipt.id, &PlainTexts, minute(2), LONG).await.unwrap();
    assert!(second.is_none());
    assert!(users.claim_due(minute(600), LONG, 10).await.unwrap().is_empty());
    assert_eq!(users.receipt(&cx, receipt.id).await.unwrap(), Some(receipt));
    fixture.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'erasures'::regclass");
    running.join().unwrap();
}

#[tokio::test]
async fn report_finds_a_write_behind_many_others() {
    let (fixture, tenant) = two_users().await;
    fixture.sql(
        "INSERT INTO write_intents (pool, created_at, deadline, due_at, tenant, kind, step, crid, sealed, request_id, source_system)
             SELECT 1, now(), now(), now(), 'north/daily/herald', 'create', 'provider', NULL,
                    CASE n WHEN 10500 THEN 'ann@example.com' ELSE 'cy@example.com' END, 'r', 'CRM' FROM generate_series(1, 10500) AS n",
    );
    let (users, cx) = (fixture.store.users(), context(&tenant));
    let person = users.identify(&cx, &id("ann").into()).await.unwrap();
    let records = fixture.store.person_records();
    let report = records.read(&cx, &person, &[], &PlainTexts, NOON).await.unwrap();
    let intents = report.iter().find(|source| source.name == sources::INTENTS).unwrap();
    assert!(matches!(intents.answer, SourceAnswer::Held { total: 3, .. }));
}

#[tokio::test]
async fn tombstones_without_a_key_are_not_known() {
    let (fixture, tenant) = two_users().await;
    let cx = context(&tenant);
    fixture.store.users().delete(&cx, &id("bob"), &commit(1)).await.unwrap();
    let mut options = crate::support::patient_options(fixture.database.url().unwrap());
    options.keyed_hasher = None;
    let without = masthead_subscribe_store::Store::open(&options).unwrap();
    let person = without.users().identify(&cx, &id("ann").into()).await.unwrap();
    let records = without.person_records();
    let report = records.read(&cx, &person, &[], &PlainTexts, NOON).await.unwrap();
    let stones = report.iter().find(|source| source.name == sources::TOMBSTONES);
    assert!(matches!(stones.unwrap().answer, SourceAnswer::Unavailable(_)));
    without.close().await;
}

#[tokio::test]
async fn sign_ins_are_known_anew_after_a_provider() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", FEDERATED).await;
    let admin = fixture.store.admin();
    let long_ago = "UPDATE pools SET sign_ins_since = '2018-01-01'";
    let is_today = || fixture.count("pools WHERE sign_ins_since >= (now() AT TIME ZONE 'UTC')::date - 1");
    fixture.sql(long_ago);
    let other = crate::support::map(&[("Retention.InactiveMonths", "12")]);
    admin.set_tenant(&tenant.id, &other).await.unwrap();
    assert_eq!(is_today(), 0);
    let removed = crate::support::map(&[("Flow.UserProvider", "")]);
    admin.set_tenant(&tenant.id, &removed).await.unwrap();
    assert_eq!(is_today(), 1);
    let again = crate::support::map(FEDERATED);
    admin.set_tenant(&tenant.id, &again).await.unwrap();
    fixture.sql(long_ago);
    admin.remove_tenant(&tenant.id, false).await.unwrap();
    assert_eq!(is_today(), 1);
}

#[tokio::test]
async fn only_users_without_any_activity_are_inactive() {
    let fixture = fixture().await;
    let rules: &[(&str, &str)] = &[
        ("Retention.InactiveMonths", "12"),
        ("Retention.InactiveAction", "erase"),
    ];
    let tenant = tenant(&fixture.store, "north/daily/herald", rules).await;
    let (users, cx) = (fixture.store.users(), context(&tenant));
    for name in ["idle", "changed", "registered", "out", "in", "unknown"] {
        let new = new_user(name, &format!("{name}@example.com"));
        users.create(&cx, &new, false, &commit(0)).await.unwrap();
    }
    fixture.sql(
        "UPDATE registrations SET changed_at = '2020-01-01', registered_at = '2019-01-01';
         UPDATE registrations SET changed_at = now() WHERE crid = 'changed';
         UPDATE registrations SET registered_at = now() WHERE crid = 'registered';
         UPDATE registrations SET last_logout_at = now() WHERE crid = 'out';
         UPDATE registrations SET changed_at = NULL WHERE crid = 'unknown';
         INSERT INTO last_sign_ins (pool, registration_id, on_day)
             SELECT pool, id, CASE crid WHEN 'in' THEN current_date ELSE '2019-01-01' END FROM registrations WHERE crid IN ('in', 'idle');",
    );
    let now = crate::support::now();
    // Sign-ins of before the upgrade are not known.
    let pools = users.inactive_pools(now).await.unwrap();
    assert!(!pools[0].is_known && pools[0].erases);
    assert!(users.inactive_users(&pools[0], 10).await.unwrap().is_empty());
    fixture.sql("UPDATE pools SET sign_ins_since = '2018-01-01'");
    let pools = users.inactive_pools(now).await.unwrap();
    assert!(pools[0].is_known);
    // Stored today, as by an import of old dates.
    assert!(users.inactive_users(&pools[0], 10).await.unwrap().is_empty());
    fixture.sql("UPDATE registrations SET stored_on = '2019-01-01'");
    let pools = users.inactive_pools(now).await.unwrap();
    assert_eq!(users.inactive_users(&pools[0], 10).await.unwrap(), [id("idle")]);
    assert!(users.is_inactive(&pools[0], &id("idle")).await.unwrap());
    assert!(!users.is_inactive(&pools[0], &id("in")).await.unwrap());

    // One process at a time erases them.
    let first = users.begin_erasing_inactive().await.unwrap();
    assert!(first.is_some() && users.begin_erasing_inactive().await.unwrap().is_none());
    drop(first);

    // Another tenant of the pool that sets nothing keeps its users.
    let mut settings = crate::support::map(&[]);
    let other = TenantId::parse("north/daily/sunday").unwrap();
    let pool = fixture.sql("SELECT name FROM pools");
    fixture
        .store
        .admin()
        .add_tenant(&other, Some(&pool), &settings)
        .await
        .unwrap();
    assert!(users.inactive_pools(now).await.unwrap().is_empty());
    settings.insert("Retention.InactiveMonths".to_owned(), "24".to_owned());
    fixture.store.admin().set_tenant(&other, &settings).await.unwrap();
    let pools = users.inactive_pools(now).await.unwrap();
    assert!(!pools[0].erases, "one of them only reports");
    assert!(pools[0].since < now - Duration::from_hours(23 * 730));
}

#[tokio::test]
async fn sign_in_is_noted_once_a_day() {
    let (fixture, tenant) = two_users().await;
    fixture.sql("DELETE FROM last_sign_ins");
    let (users, cx) = (fixture.store.users(), context(&tenant));
    let record = async |kind, outcome, at| {
        let (origin, ann) = (commit(at).origin, id("ann"));
        let end = AttemptEnd {
            user: Some(&ann),
            events: &[(kind, outcome)],
            ..AttemptEnd::new(&origin)
        };
        users.end(&cx, &end).await.unwrap();
    };
    record(EventKind::SubscribeUserLoginFailed, EventOutcome::Refused, 0).await;
    assert_eq!(fixture.count("last_sign_ins"), 0);
    for at in [0, 24 * 60, 5] {
        record(EventKind::SubscribeUserLogin, EventOutcome::Found, at).await;
    }
    assert_eq!(fixture.sql("SELECT on_day FROM last_sign_ins"), "2026-03-05");
}

#[tokio::test]
async fn preview_of_a_purge_counts_what_it_deletes() {
    let (fixture, tenant) = two_users().await;
    let (users, cx) = (fixture.store.users(), context(&tenant));
    users.delete(&cx, &id("ann"), &commit(0)).await.unwrap();
    fixture.sql("UPDATE pending_registrations SET expires_at = '2026-01-01' WHERE email_key = 'bob@example.com'");
    let late = minute(40 * 24 * 60);
    let counts =
        |counts: Vec<(&'static str, u64)>| counts.into_iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>();
    let of_all = counts(users.preview_purge(late, None).await.unwrap());
    let of_tenant = counts(users.preview_purge(late, Some(&tenant)).await.unwrap());
    assert_eq!(of_all, of_tenant);
    let purged = users.purge_expired(late, 100).await.unwrap();
    assert_eq!(
        of_all.iter().map(|(_, count)| count).sum::<u64>(),
        purged.registrations + purged.others
    );
    assert_eq!(fixture.count("last_sign_ins"), 1, "of a purged user nothing stays");
    assert!(counts(users.preview_purge(late, None).await.unwrap()).is_empty());
}

#[tokio::test]
async fn purge_goes_on_after_a_kind_that_fails() {
    let (fixture, _) = two_users().await;
    let users = fixture.store.users();
    fixture.sql(
        "INSERT INTO import_runs (id, changed_at, rows, rejects_bytes) VALUES ('b', '2030-01-01', 0, 0);
         INSERT INTO import_scratch (kind, run, key, value) SELECT 1, run, n, '' FROM unnest(ARRAY['a', 'b', 'c']) AS run, generate_series(1, 3) AS n;
         ALTER TABLE verification_codes RENAME TO elsewhere",
    );
    let purged = users.purge_expired(NOON, 2).await.unwrap();
    assert_eq!(purged.others, 4, "two rows of each run that has ended");
    assert_eq!(users.purge_expired(NOON, 2).await.unwrap().others, 2);
    assert_eq!(fixture.sql("SELECT DISTINCT run FROM import_scratch"), "b");
    assert!(users.purge_expired(NOON, 2).await.is_err());
}

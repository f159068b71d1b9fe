//! No statement of a write scans a table of 100,000 rows.

use std::{sync::Arc, time::Duration};

use masthead_domain::{
    account::Account,
    event::{EventKind, EventOutcome},
    user_change::UserChange,
};
use masthead_ports::{
    attempts::{AttemptCounter, AttemptEnd, AttemptLimit, SignInAttempts},
    erasure::{Erasures as _, NewErasure, Person},
    idempotency::{IdempotencyKeys, KeyState, StoredAnswer},
    intents::{IntentKind, IntentStep, NewIntent, WriteIntents},
    mail::{DeadReason, MailOutbox},
    remote_store::{EndedByWrite, RemoteStoreRecords as _},
    source::CallContext,
    users::{
        NewCode, NewRegistration, NewResetLink, PendingRegistration, UserWriteError, UserWriter as _, WriteCommit,
    },
};
use masthead_subscribe_store::PgUsers;
use masthead_testkit::contract::users::{commit, email, hash, id, minute, new_user, password};

use crate::support::{FEDERATED, StoreFixture, context, fixture, import_accounts, tenant};

/// 100,000 rows in each table, of the first pool.
const LOADED: &str = "
    CREATE TABLE numbers AS SELECT n FROM generate_series(1, 100000) AS n;
    INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, first_name, last_name,
                               metadata, search_terms, deleted_at)
        SELECT 1, 1, true, false, 'user-' || n, 'user-' || n || '@example.org', '', '', '', '', '{}', '{}',
               CASE WHEN n % 10 = 0 THEN '2027-01-01'::timestamptz END FROM numbers;
    INSERT INTO mirrors (pool, provider, precedence, as_of) VALUES (1, 'Auth0', '', now());
    INSERT INTO mirror_entries (pool, registration_id, verified, by_email, crid, email_key, first_key, last_key,
                                search_terms)
        SELECT pool, id, true, false, crid, email_key, '', '', '{}' FROM registrations WHERE deleted_at IS NULL;
    INSERT INTO pending_registrations (pool, created_at, expires_at, verified, had_password, ignore_provider, of_provider,
                                       email_key, first_name, last_name, metadata)
        SELECT 1, now(), '2027-01-01', false, false, false, false, 'pending-' || n, '', '', '{}' FROM numbers;
    INSERT INTO verification_codes (pool, expires_at, sent_at, day_from, ends_at, sent_in_day, wrong_tries, email_key, hash)
        SELECT 1, '2027-01-01', now(), now(), '2027-01-01', 1, 0, 'pending-' || n, sha256(n::text::bytea) FROM numbers;
    INSERT INTO reset_links (pool, registration_id, created_at, expires_at, hash)
        SELECT 1, n, now(), '2027-01-01', sha256(n::text::bytea) FROM numbers;
    INSERT INTO sign_in_attempts (pool, ends_at, failures, key)
        SELECT 1, '2027-01-01', 1, sha256(n::text::bytea) FROM numbers;
    INSERT INTO idempotency_keys (pool, running_until, expires_at, claim, key, content)
        SELECT 1, now(), '2027-01-01', 1, sha256(n::text::bytea), sha256('') FROM numbers;
    INSERT INTO known_addresses (pool, seen_at, key) SELECT 1, '2027-01-01', sha256(n::text::bytea) FROM numbers;
    INSERT INTO write_intents (pool, created_at, deadline, due_at, idempotency_id, idempotency_claim, tenant, kind, step, sealed,
                               request_id, source_system)
        SELECT 1, now(), now(), '2027-01-01', n, 1, 'north/daily/' || n % 100, 'create', 'provider', '', '', '' FROM numbers;
    INSERT INTO tombstones (pool, created_at, kind, hash) SELECT 1, now(), 'id', sha256(n::text::bytea) FROM numbers;
    INSERT INTO mail_outbox (pool, queued_at, next_attempt_at, tenant, kind, sealed)
        SELECT 1, now(), '2027-01-01', 'a/b/c', 'verification', '' FROM numbers;
    INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, users)
        SELECT 1, 4002, now(), 'a/b/c', 'r', 'CRM', 'found', 1 FROM numbers;
    DROP TABLE numbers;
    VACUUM ANALYZE;";

/// The scans of large tables since the last call, and the index entries that were read.
struct Statistics {
    scans: String,
    entries: u64,
}

/// Statistics of ended connections are complete.
fn statistics(fixture: &StoreFixture) -> Statistics {
    Statistics {
        scans: fixture.sql(
            "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE n_live_tup >= 10000 OR relname = 'mirror_entries'
              ORDER BY relname",
        ),
        entries: fixture
            .sql("SELECT sum(idx_tup_read) FROM pg_stat_user_indexes")
            .parse()
            .unwrap(),
    }
}

async fn write_users(users: &PgUsers, cx: &CallContext) {
    let with = commit(0);
    let new = new_user("7", "ann@example.com");
    users.create(cx, &new, false, &with).await.unwrap();
    let unnamed = NewRegistration {
        crid: None,
        ..new_user("-", "unnamed@example.com")
    };
    users.create(cx, &unnamed, false, &with).await.unwrap();
    let renamed = NewRegistration {
        of_provider: true,
        ..new.clone()
    };
    users.create(cx, &renamed, false, &with).await.unwrap();
    let change = UserChange {
        first_name: Some("Anna".into()),
        ..UserChange::default()
    };
    users.update(cx, &id("7"), &change, None, &with).await.unwrap();
    users
        .rehash(cx, &id("7"), &password("hash-1"), &password("hash-2"))
        .await
        .unwrap();
    users.credentials(cx, &email("ann@example.com")).await.unwrap().unwrap();
    users
        .set_email(cx, &id("7"), &email("anna@example.com"), Some(false), &with)
        .await
        .unwrap();
    let code = NewCode {
        hash: hash(1),
        expires_at: minute(60),
    };
    users
        .replace_code(cx, &email("anna@example.com"), &code, &with)
        .await
        .unwrap()
        .unwrap();
    users
        .check_code(cx, &email("anna@example.com"), &[hash(1)], minute(1))
        .await
        .unwrap();
    let pending = PendingRegistration {
        registration: NewRegistration {
            crid: Some(id("8")),
            ..new_user("8", "bob@example.com")
        },
        email: email("bob@example.com"),
        had_password: true,
        ignore_provider: false,
        expires_at: minute(60),
    };
    users.create_pending(cx, &pending, &code, &with).await.unwrap();
    users.create(cx, &pending.registration, true, &with).await.unwrap();
    let link = NewResetLink {
        hash: hash(2),
        expires_at: minute(60),
        proves_address: false,
    };
    users.create_reset_link(cx, &id("7"), &link, &with).await.unwrap();
    users.find_reset_link(cx, &[hash(2)], minute(1)).await.unwrap().unwrap();
    users.use_reset_link(cx, &[hash(2)], None, &with).await.unwrap();
    users
        .set_password(cx, &id("7"), Some(&password("hash-3")), &with)
        .await
        .unwrap();
    users.record(cx, Some(&id("7")), &with).await.unwrap();
    users.delete(cx, &id("7"), &with).await.unwrap();
    let person = Person {
        emails: vec![email("bob@example.com")],
        ..Person::from_id(id("8"))
    };
    let new = NewErasure {
        lines: Vec::new(),
        attempt_keys: vec![hash(9)],
    };
    users.erase(cx, &person, &new, &with).await.unwrap();
}

/// What is kept of a user of a remote Users API.
async fn write_of_remote_users(users: &PgUsers, cx: &CallContext) {
    let with = WriteCommit {
        reset_link: Some(NewResetLink {
            hash: hash(20),
            expires_at: minute(60),
            proves_address: false,
        }),
        ..commit(0)
    };
    let address = email("cid@example.com");
    let ended = EndedByWrite {
        pending: Some(&address),
        links: true,
    };
    users.record_write(cx, &id("remote-1"), ended, &with).await.unwrap();
    assert!(!users.has_pending(cx, &address, minute(1)).await.unwrap());
    let code = NewCode {
        hash: hash(21),
        expires_at: minute(60),
    };
    let user = Account::new(id("remote-1"));
    users
        .replace_code_of(cx, &user, &address, &code, &commit(0))
        .await
        .unwrap()
        .unwrap();
    assert!(!users.is_right_code(cx, &address, &[hash(22)], minute(1)).await.unwrap());
    assert!(users.is_right_code(cx, &address, &[hash(21)], minute(1)).await.unwrap());
    let found = users.find_link(cx, &[hash(20)], minute(1)).await.unwrap().unwrap();
    assert_eq!(found.account.crid, id("remote-1"));
    // It names no registration of our store.
    assert!(
        users
            .find_reset_link(cx, &[hash(20)], minute(1))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        users.use_link(cx, &[hash(20)], &commit(0)).await.unwrap(),
        id("remote-1")
    );
    let again = users.use_link(cx, &[hash(20)], &commit(0)).await;
    assert!(matches!(again, Err(UserWriteError::NoSuchUser)), "{again:?}");
}

async fn write_beside_users(users: &PgUsers, cx: &CallContext) {
    let claimed = IdempotencyKeys::claim(users, cx, hash(3), hash(4), minute(0), minute(1))
        .await
        .unwrap();
    let KeyState::Claimed(ticket) = claimed else {
        panic!("{claimed:?}")
    };
    IdempotencyKeys::claim(users, cx, hash(3), hash(4), minute(2), minute(3))
        .await
        .unwrap();
    IdempotencyKeys::claim(users, cx, hash(3), hash(4), minute(2), minute(3))
        .await
        .unwrap();
    users.release(cx, ticket).await.unwrap();
    let claimed = IdempotencyKeys::claim(users, cx, hash(5), hash(4), minute(0), minute(1))
        .await
        .unwrap();
    let KeyState::Claimed(ticket) = claimed else {
        panic!("{claimed:?}")
    };
    let new = NewIntent {
        kind: IntentKind::Create,
        crid: None,
        sealed: "sealed".into(),
        deadline: minute(1),
        request_id: "r-1".into(),
        source_system: "CRM".into(),
        idempotency: Some(ticket),
    };
    let intent = WriteIntents::begin(users, cx, &new, minute(0)).await.unwrap();
    users.provider_done(cx, intent, &id("9")).await.unwrap();
    assert_eq!(
        WriteIntents::claim_due(users, minute(1), Duration::from_mins(1), 10)
            .await
            .unwrap()
            .len(),
        1
    );
    users
        .postpone((cx.tenant.pool, intent), IntentStep::Store, "unavailable", minute(2))
        .await
        .unwrap();
    users.list(Some(&cx.tenant.id), 10).await.unwrap();
    users.list(None, 10).await.unwrap();
    let with = WriteCommit {
        intent: Some(intent),
        idempotency: Some(ticket),
        ..commit(0)
    };
    users.record(cx, None, &with).await.unwrap();
    let answer = StoredAnswer {
        status: 200,
        sealed_body: "sealed".into(),
    };
    users.answer(cx, ticket, &answer).await.unwrap();
    let new = NewIntent {
        idempotency: None,
        ..new
    };
    let intent = WriteIntents::begin(users, cx, &new, minute(0)).await.unwrap();
    users.abandon(cx, intent).await.unwrap();

    let counter = AttemptCounter {
        key: hash(6),
        limit: AttemptLimit {
            failures: 10,
            window: Duration::from_mins(15),
        },
    };
    SignInAttempts::begin(users, cx, &[counter], minute(0))
        .await
        .unwrap()
        .unwrap();
    let (origin, user) = (commit(0).origin, id("user-11"));
    let failed = AttemptEnd {
        failed: &[counter],
        ..AttemptEnd::new(&origin)
    };
    users.end(cx, &failed).await.unwrap();
    let success = AttemptEnd {
        uncounted: &[counter],
        cleared: &[hash(7)],
        known: Some(hash(8)),
        user: Some(&user),
        events: &[(EventKind::SubscribeUserLogin, EventOutcome::Found)],
        ..AttemptEnd::new(&origin)
    };
    users.end(cx, &success).await.unwrap();
    assert!(users.is_known(cx, hash(8), minute(0)).await.unwrap());
}

async fn send_mails(users: &PgUsers) {
    for _ in 0..3 {
        for mail in MailOutbox::claim(users, 100, Duration::from_mins(1)).await.unwrap() {
            match mail.content.0.len() % 3 {
                0 => users.sent(&mail).await.unwrap(),
                1 => users.retry(&mail, minute(0)).await.unwrap(),
                _ => users.dead(&mail, DeadReason::Refused).await.unwrap(),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_write_scans_a_large_table() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", FEDERATED).await;
    assert_eq!(tenant.pool.0, 1);
    fixture.sql(LOADED);
    let before = statistics(&fixture);
    assert!(before.scans.lines().count() >= 12, "{}", before.scans);

    let cx = context(&tenant);
    let users: Arc<PgUsers> = fixture.store.users();
    write_users(&users, &cx).await;
    write_of_remote_users(&users, &cx).await;
    write_beside_users(&users, &cx).await;
    send_mails(&users).await;
    users.purge_expired(minute(0), 100).await.unwrap();
    let returning = masthead_testkit::accounts::readers(100);
    import_accounts(&fixture.store, &tenant, &returning).await;
    fixture.store.close().await;

    let after = statistics(&fixture);
    assert_eq!(after.scans, before.scans);
    let read = after.entries - before.entries;
    println!("the writes read {read} index entries");
    // An erasure looks through the deleted users of its pool, 10,000 here.
    assert!(read < 40_000, "{read} index entries");
}

/// 100 rows in each of 1,000 pools, of which the first grew by 20,000 after the statistics were taken.
const GROWN: &str = "
    ALTER TABLE registrations SET (autovacuum_enabled = false);
    CREATE FUNCTION add_registrations(pools int, first int, last int) RETURNS void LANGUAGE sql AS $$
        INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, first_name,
                                   last_name, metadata, search_terms)
            SELECT p, 1, true, false, 'user-' || n, 'user-' || n || '@example.org', '', '', '', '', '{}', '{}'
              FROM generate_series(1, pools) AS p, generate_series(first, last) AS n $$;
    INSERT INTO pools (name, masters_accounts) SELECT 'pool ' || n, false FROM generate_series(2, 1000) AS n;
    SELECT add_registrations(1000, 1, 100);
    VACUUM ANALYZE registrations;
    SELECT add_registrations(1, 101, 20100);";

#[tokio::test(flavor = "multi_thread")]
async fn new_id_reads_no_grown_pool() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", FEDERATED).await;
    assert_eq!(tenant.pool.0, 1);
    fixture.sql(GROWN);
    let before = statistics(&fixture);

    let users = fixture.store.users();
    for n in 0..20 {
        let unnamed = NewRegistration {
            crid: None,
            ..new_user("-", &format!("unnamed-{n}@example.com"))
        };
        users
            .create(&context(&tenant), &unnamed, false, &commit(0))
            .await
            .unwrap();
    }
    fixture.store.close().await;

    let after = statistics(&fixture);
    assert_eq!(after.scans, before.scans);
    let read = after.entries - before.entries;
    assert!(read < 20_000, "{read} index entries for 20 users");
}

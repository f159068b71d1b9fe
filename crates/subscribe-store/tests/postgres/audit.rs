//! Who read a user is found through indexes; partitions are kept; what is lost is counted.

use std::sync::Arc;

use masthead_dev_postgres::PrivateServer;
use masthead_domain::{
    access::TokenIdentity,
    event::{Event, EventKind, EventOutcome, hash_text, hashed_user},
    tenant::Tenant,
};
use masthead_ports::{
    audit::{AuditEntry, AuditLog as _, AuditQuery, AuditSubject},
    events::ReadEvents as _,
    keyed_hash::{HashPurpose, KeyedHasher as _},
    users::UserWriter as _,
};
use masthead_subscribe_store::{OperatorChange, Store, schema};
use masthead_testkit::{
    contract::users::{commit, id, new_user},
    hashing::FakeKeyedHasher,
};
use time::{Date, Duration, macros::date};

use crate::{
    events::event,
    support::{StoreFixture, blocking, context, fixture, patient_options, private_server, tenant},
};

fn caller(subject: &str) -> Arc<TokenIdentity> {
    Arc::new(TokenIdentity {
        issuer: "https://login.example.com".into(),
        subject: Some(subject.into()),
        ..TokenIdentity::default()
    })
}

/// The events of this subject in the last three days and the next, at most `limit`.
fn query(subject: AuditSubject, limit: u16) -> AuditQuery {
    let now = crate::support::now();
    AuditQuery {
        subject,
        since: now - Duration::days(3),
        until: now + Duration::days(1),
        before: None,
        limit,
    }
}

fn hashed(tenant: &Tenant, crid: &str) -> i64 {
    let hasher = FakeKeyedHasher::default();
    hashed_user(
        hasher
            .hash(tenant.pool, HashPurpose::Audit, &hash_text(&id(crid)))
            .number(),
    )
}

impl StoreFixture {
    /// Records a read, some minutes ago.
    fn read(&self, tenant: &Tenant, request_id: &str, minutes: i64, change: impl FnOnce(&mut Event)) {
        let mut read = Event {
            tenant: tenant.id.clone(),
            at: crate::support::now() - Duration::minutes(minutes),
            registration_id: None,
            ..event(tenant.pool, request_id)
        };
        change(&mut read);
        self.store.read_events().record(read).unwrap();
    }

    async fn entries(&self, tenant: &Tenant, subject: AuditSubject) -> Vec<AuditEntry> {
        self.store.read_events().flush().await;
        let page = self.store.audit_log().read(tenant, &query(subject, 100)).await.unwrap();
        assert!(!page.more);
        page.entries
    }

    /// The request ids of the events, the latest first.
    async fn found(&self, tenant: &Tenant, subject: AuditSubject) -> Vec<String> {
        let entries = self.entries(tenant, subject).await;
        entries.into_iter().map(|entry| entry.request_id).collect()
    }
}

#[tokio::test]
async fn reads_of_a_user_are_found() {
    let fixture = fixture().await;
    let herald = tenant(&fixture.store, "north/daily/herald", &[("Retention.EventDays", "30")]).await;
    let courier = tenant(&fixture.store, "north/daily/courier", &[]).await;
    let users = fixture.store.users();
    users
        .create(&context(&herald), &new_user("7", "ann@example.com"), false, &commit(0))
        .await
        .unwrap();
    let number: i64 = fixture.sql("SELECT id FROM registrations").parse().unwrap();

    fixture.read(&herald, "alone", 5, |read| read.registration_id = Some(number));
    fixture.read(&herald, "in a list", 4, |read| {
        read.user_ids = [9999, number].into();
        read.caller = caller("job");
    });
    fixture.read(&herald, "at the provider", 3, |read| {
        read.user_ids = [hashed(&herald, "7")].into();
    });
    fixture.read(&herald, "of another user", 2, |read| read.user_ids = [9999].into());
    fixture.read(&herald, "too old", 31 * 24 * 60, |read| {
        read.registration_id = Some(number);
    });
    fixture.read(&courier, "of another tenant", 1, |read| {
        read.registration_id = Some(number);
    });

    let ann = || AuditSubject::User(id("7"));
    assert_eq!(
        fixture.found(&herald, ann()).await,
        ["at the provider", "in a list", "alone"]
    );
    assert_eq!(fixture.found(&herald, AuditSubject::User(id("8"))).await, [""; 0]);
    let by_job = fixture.entries(&herald, AuditSubject::Caller("job".into())).await;
    assert_eq!(by_job.len(), 1);
    assert_eq!(
        (by_job[0].subject.as_deref(), by_job[0].kind),
        (Some("job"), Some(EventKind::SubscribeUserGetById))
    );
    assert_eq!(by_job[0].issuer.as_deref(), Some("https://login.example.com"));

    // A page begins after the last event of the one before.
    let log = fixture.store.audit_log();
    let first = log.read(&herald, &query(ann(), 2)).await.unwrap();
    assert!(first.more);
    let next = AuditQuery {
        before: Some(first.entries[1].place),
        ..query(ann(), 2)
    };
    let last = log.read(&herald, &next).await.unwrap();
    assert_eq!((last.entries.len(), last.more), (1, false));
    assert_eq!(last.entries[0].request_id, "alone");
}

#[tokio::test]
async fn reads_of_a_purged_user_are_found() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let (users, cx) = (fixture.store.users(), context(&tenant));
    users
        .create(&cx, &new_user("7", "ann@example.com"), false, &commit(0))
        .await
        .unwrap();
    let number: i64 = fixture.sql("SELECT id FROM registrations").parse().unwrap();
    fixture.read(&tenant, "before", 5, |read| read.registration_id = Some(number));
    let mut deletion = commit(0);
    deletion.events = vec![(EventKind::SubscribeUserDelete, EventOutcome::Found)];
    users.delete(&cx, &id("7"), &deletion).await.unwrap();
    fixture.sql("DELETE FROM registrations");
    assert_eq!(fixture.found(&tenant, AuditSubject::User(id("7"))).await, ["before"]);
}

/// Reads of 100,000 users by 100 callers: each user by itself once, and in 100 lists.
const LOADED: &str = "
    INSERT INTO event_callers (id, issuer, subject) SELECT n, 'i', 'job-' || n FROM generate_series(0, 99) AS n;
    INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, users, registration_id, caller)
        SELECT 1, 4001, now() - n * interval '1 second', 'north/daily/herald', 'r-' || n, 'CRM', 'found', 1, n, n / 1000
          FROM generate_series(0, 99999) AS n;
    INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, users, user_ids)
        SELECT 1, 4000, now(), 'north/daily/herald', 'l-' || n, 'CRM', 'found', 1000,
               ARRAY(SELECT g FROM generate_series(n * 1000, n * 1000 + 999) AS g)
          FROM generate_series(0, 99) AS n;
    INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, first_name, last_name,
                               metadata, search_terms)
        SELECT 1, 1, true, true, 'user-' || n, '', '', '', '', '', '{}', '{}' FROM generate_series(1, 2) AS n;
    ANALYZE;";

#[tokio::test]
async fn reads_are_found_without_scans() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    fixture.sql(LOADED);
    let today = crate::support::now().date();
    fixture.store.event_partitions().keep(today).await.unwrap();
    let scans = || {
        fixture.sql(
            "SELECT sum(seq_scan), sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname ~ '^events_until' AND n_live_tup > 0",
        )
    };
    let read = |index: &str| {
        fixture.sql(&format!(
            "SELECT sum(idx_scan) > 0 FROM pg_stat_user_indexes WHERE indexrelname ~ '^events_until.*_{index}_idx'"
        ))
    };
    let number = fixture.sql("SELECT id FROM registrations WHERE crid = 'user-2'");
    let before = scans();
    let found = fixture.found(&tenant, AuditSubject::User(id("user-2"))).await;
    assert_eq!(found, ["l-0", &format!("r-{number}")]);
    let log = fixture.store.audit_log();
    let of_job = AuditQuery {
        limit: 1000,
        ..query(AuditSubject::Caller("job-1".into()), 1000)
    };
    assert_eq!(log.read(&tenant, &of_job).await.unwrap().entries.len(), 1000);
    let refused = AuditSubject::Kind(EventKind::CallRefused);
    assert!(fixture.found(&tenant, refused).await.is_empty());
    // Statistics of ended connections are complete.
    fixture.store.close().await;
    assert_eq!(scans(), before);
    for index in ["reads", "users", "rare"] {
        assert_eq!(read(index), "t", "{index}");
    }
}

/// The partitions of events with their rows, without the oldest and the default one.
fn partitions(fixture: &StoreFixture) -> Vec<String> {
    let names = fixture
        .sql("SELECT relname FROM pg_class WHERE relname ~ '^events_until_[0-9_]+$' AND relkind = 'r' ORDER BY 1");
    names.lines().map(|name| name.replace("events_until_", "")).collect()
}

#[tokio::test]
async fn partitions_are_added_and_dropped() {
    let fixture = fixture().await;
    tenant(&fixture.store, "north/daily/herald", &[("Retention.EventDays", "30")]).await;
    let partitions_of_store = fixture.store.event_partitions();
    for name in partitions(&fixture) {
        fixture.sql(&format!("DROP TABLE events_until_{name}"));
    }
    let insert = |expires: Date| {
        fixture.sql(&format!(
            "INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, users, expires_on)
             VALUES (1, 4001, now(), 'north/daily/herald', 'r', 'CRM', 'found', 1, '{expires}')"
        ))
    };
    // Rows that come before their partition, and one of a clock that was wrong.
    insert(date!(2027 - 04 - 01));
    insert(date!(2027 - 06 - 20));
    insert(date!(2019 - 01 - 01));
    assert_eq!(fixture.count("events_default"), 3);
    let kept = partitions_of_store.keep(date!(2027 - 03 - 15)).await.unwrap();
    assert_eq!((kept.added, kept.dropped), (5, 0));
    assert_eq!(
        partitions(&fixture),
        ["2027_04", "2027_05", "2027_06", "2028_04", "2028_05"]
    );
    assert_eq!(fixture.count("events_default"), 0);
    assert_eq!((fixture.count("events_until_2027_04"), fixture.count("events")), (1, 2));

    let kept = partitions_of_store.keep(date!(2027 - 04 - 30)).await.unwrap();
    assert_eq!((kept.added, kept.dropped), (2, 0));
    let kept = partitions_of_store.keep(date!(2027 - 05 - 01)).await.unwrap();
    assert_eq!((kept.added, kept.dropped), (1, 1));
    assert_eq!(fixture.count("events"), 1);
    assert_eq!(partitions_of_store.keep(date!(2027 - 05 - 01)).await.unwrap().added, 0);
}

/// Each tenant's events go with their month, whole: no row is deleted by itself.
#[tokio::test]
async fn short_retention_drops_no_event_of_others() {
    let fixture = fixture().await;
    let herald = tenant(&fixture.store, "north/daily/herald", &[("Retention.EventDays", "30")]).await;
    let courier = tenant(&fixture.store, "north/daily/courier", &[]).await;
    let (partitions, today) = (fixture.store.event_partitions(), crate::support::now().date());
    partitions.keep(today).await.unwrap();
    fixture.read(&herald, "short", 0, |read| read.kept_days = 30);
    fixture.read(&courier, "long", 0, |_| ());
    fixture.store.read_events().flush().await;
    let left = || fixture.sql("SELECT string_agg(request_id, ' ' ORDER BY request_id) FROM events");
    assert_eq!(partitions.keep(today + Duration::days(30)).await.unwrap().dropped, 0);
    assert_eq!(left(), "long short");
    // A month after that of the last day.
    assert!(partitions.keep(today + Duration::days(62)).await.unwrap().dropped > 0);
    assert_eq!(left(), "long");
    fixture.store.close().await;
    let deleted = "SELECT coalesce(sum(n_tup_del), 0) FROM pg_stat_user_tables WHERE relname ~ '^events_'";
    assert_eq!(fixture.sql(deleted), "0");
}

#[tokio::test]
async fn events_of_earlier_versions_are_indexed_and_dropped() {
    let fixture = fixture().await;
    fixture.sql(
        "CREATE TABLE events_before_partitions (LIKE events INCLUDING DEFAULTS);
         ALTER TABLE events ATTACH PARTITION events_before_partitions FOR VALUES FROM (MINVALUE) TO ('0001-02-01');
         COMMENT ON TABLE events_before_partitions IS '2026-11-29';",
    );
    let index = "pg_indexes WHERE indexname = 'events_before_partitions_reads_idx'";
    let partitions = fixture.store.event_partitions();
    for _ in 0..2 {
        assert_eq!(partitions.keep(date!(2026 - 11 - 29)).await.unwrap().dropped, 0);
        assert_eq!(fixture.count(index), 1);
    }
    assert_eq!(partitions.keep(date!(2028 - 01 - 03)).await.unwrap().dropped, 0);
    assert_eq!(partitions.keep(date!(2028 - 01 - 04)).await.unwrap().dropped, 1);
}

#[tokio::test]
async fn events_lost_by_the_database_are_counted() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let events = fixture.store.read_events();
    let counts = || fixture.sql("SELECT recorded, written, dropped FROM event_writers");
    events.announce();
    events.flush().await;
    assert_eq!(counts(), "0|0|0");
    fixture.read(&tenant, "1", 0, |_| ());
    events.flush().await;
    // As after a failover to a server that has not the last event.
    fixture.sql("DELETE FROM events; UPDATE event_writers SET written = 0");
    fixture.read(&tenant, "2", 0, |_| ());
    events.flush().await;
    fixture.read(&tenant, "3", 0, |_| ());
    events.flush().await;
    assert_eq!(counts(), "3|2|1");
    // As after a commit whose answer was lost: the attempt is not written again.
    fixture.sql("UPDATE event_writers SET written = written + 1");
    fixture.read(&tenant, "4", 0, |_| ());
    events.flush().await;
    assert_eq!(fixture.count("events"), 2);
}

const DATABASE: &str = "masthead_lost_events";

/// How many events the process has recorded, written and lost, and how many the database has.
fn counted(server: &PrivateServer) -> [u64; 4] {
    let counts = "SELECT recorded, written, dropped, (SELECT count(*) FROM events) FROM event_writers";
    let counts = server.server().run(DATABASE, counts).unwrap();
    let counts: Vec<u64> = counts.trim().split('|').map(|count| count.parse().unwrap()).collect();
    counts.try_into().unwrap()
}

/// A standby lacks what the primary had not sent when it died.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_lost_in_a_failover_are_counted() {
    let (primary, standby) = blocking(|| {
        let primary = PrivateServer::start_new_primary().unwrap();
        primary.server().create_database(DATABASE).unwrap();
        let standby = primary.start_standby().unwrap();
        (primary, standby)
    })
    .await;
    let url = primary.server().url(DATABASE).unwrap();
    schema::migrate(&url).await.unwrap();
    let host = |url: &str| url.rsplit_once('@').unwrap().1.split('/').next().unwrap().to_owned();
    let second = host(&standby.server().url(DATABASE).unwrap());
    let store = Store::open(&patient_options(
        url.replace(&host(&url), &format!("{},{second}", host(&url))),
    ))
    .unwrap();
    let tenant = tenant(&store, "north/daily/herald", &[]).await;
    let record = async |request_id: &str| {
        store.read_events().record(event(tenant.pool, request_id)).unwrap();
        store.read_events().flush().await;
    };
    let until = async |query: &str, value: &str| {
        while standby
            .server()
            .run(DATABASE, query)
            .is_ok_and(|found| found.trim() != value)
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    record("1").await;
    until("SELECT count(*) FROM events", "1").await;
    let cut = "ALTER SYSTEM SET primary_conninfo = ''; SELECT pg_reload_conf()";
    standby.server().run(DATABASE, cut).unwrap();
    until("SELECT count(*) FROM pg_stat_wal_receiver", "0").await;
    record("2").await;
    assert_eq!(counted(&primary), [2, 2, 0, 2]);
    primary.stop_immediate().unwrap();
    standby.server().run(DATABASE, "SELECT pg_promote()").unwrap();
    record("3").await;
    // The third was written before the second was known to be lost.
    record("4").await;
    assert_eq!(counted(&standby), [4, 3, 1, 3]);
    store.close().await;
}

/// Commits of events are not waited for: what a crash of the database takes is counted, and what it does not take is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_lost_in_a_crash_are_counted() {
    let server = private_server(DATABASE).await;
    let url = server.server().url(DATABASE).unwrap();
    schema::migrate(&url).await.unwrap();
    let store = Store::open(&patient_options(url)).unwrap();
    let tenant = tenant(&store, "north/daily/herald", &[]).await;
    for _ in 0..3 {
        for _ in 0..10 {
            store.read_events().record(event(tenant.pool, "r")).unwrap();
            store.read_events().flush().await;
        }
        server.restart_immediate().unwrap();
    }
    for _ in 0..2 {
        store.read_events().record(event(tenant.pool, "r")).unwrap();
        store.read_events().flush().await;
    }
    let [recorded, written, dropped, in_database] = counted(&server);
    assert_eq!((recorded, written + dropped, written), (32, 32, in_database));
    store.close().await;
}

#[tokio::test]
async fn process_that_broke_off_is_reported() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    fixture.read(&tenant, "1", 0, |_| ());
    fixture.store.read_events().flush().await;
    let log = fixture.store.audit_log();
    let now = crate::support::now();
    let writers = async || {
        log.writers(now - Duration::days(1), now + Duration::days(1))
            .await
            .unwrap()
    };
    let present = writers().await;
    assert_eq!((present.len(), present[0].is_broken_off), (1, false));
    // As a minute after it was killed.
    fixture.sql("UPDATE event_writers SET flushed_at = flushed_at - interval '61 seconds'");
    assert!(writers().await[0].is_broken_off);
    fixture.store.close().await;
    let stopped = fixture.sql("SELECT stopped_at IS NOT NULL FROM event_writers");
    assert_eq!(stopped, "t");
}

#[tokio::test]
async fn change_of_an_operator_is_an_event() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let operator = caller("ann");
    let change = OperatorChange {
        operator: &operator,
        request_id: "run-1",
        at: crate::support::now(),
        tenant: Some(&tenant.id),
        detail: r#"{"command":"tenant set"}"#,
    };
    let admin = fixture.store.admin();
    admin.record_operator_change(&change).await.unwrap();
    let everywhere = OperatorChange { tenant: None, ..change };
    admin.record_operator_change(&everywhere).await.unwrap();

    let changes = || AuditSubject::Kind(EventKind::OperatorChange);
    let of_tenant = fixture.entries(&tenant, changes()).await;
    assert_eq!(of_tenant.len(), 1);
    assert_eq!(of_tenant[0].subject.as_deref(), Some("ann"));
    assert_eq!(of_tenant[0].detail.as_deref(), Some(change.detail));
    let all = fixture.store.audit_log().read_all(&query(changes(), 10)).await.unwrap();
    assert_eq!(all.entries.len(), 2);
}

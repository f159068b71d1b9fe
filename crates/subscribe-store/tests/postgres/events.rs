//! Events of reads are written in the background and never block a caller; events of changes are indexed.

use std::sync::Arc;

use masthead_domain::{
    access::TokenIdentity,
    event::{Event, EventFilter, EventKind, EventOutcome},
    tenant::{PoolId, TenantId},
};
use masthead_ports::events::{EventLostError, ReadEvents as _};
use masthead_subscribe_store::ImportOrigin;
use time::macros::datetime;

use crate::support::{StoreFixture, fixture, import_users_from, store_with, tenant};

/// An event of a read.
pub(crate) fn event(pool: PoolId, request_id: &str) -> Event {
    Event {
        kind: EventKind::SubscribeUserGetById,
        tenant: TenantId::parse("north/daily/herald").unwrap(),
        pool,
        at: datetime!(2026-01-02 03:04:05.000_006 UTC),
        kept_days: 400,
        request_id: request_id.into(),
        source_system: "CRM".into(),
        caller: Arc::default(),
        network: None,
        outcome: EventOutcome::Found,
        filter: None,
        registration_id: Some(7),
        user_ids: Box::default(),
        users: 1,
        detail: None,
    }
}

#[tokio::test]
async fn event_has_every_field() {
    let fixture = fixture().await;
    let events = fixture.store.read_events();
    let caller = TokenIdentity {
        issuer: "https://login.example.com".into(),
        subject: Some("job".into()),
        client_id: Some("newsletter\0".into()),
        token_id: Some("t-\0".into()),
        source_systems: None,
    };
    let caller = Arc::new(caller);
    events
        .record(Event {
            caller: Arc::clone(&caller),
            network: Some("203.0.113.0/24".into()),
            filter: Some(EventFilter {
                kind: "id".into(),
                hash: -7,
            }),
            ..event(PoolId(1), "r-1")
        })
        .unwrap();
    events
        .record(Event {
            caller,
            registration_id: None,
            user_ids: [3, -4].into(),
            users: 2,
            kept_days: 30,
            detail: Some(r#"{"a":1}"#.into()),
            ..event(PoolId(1), "r-2")
        })
        .unwrap();
    events.flush().await;
    let rows = fixture.sql(
        "SET timezone = 'UTC'; SELECT kind, at, tenant, request_id, source_system, outcome, registration_id, users, network,
                expires_on, token_id, filter_kind, filter_hash, user_ids, detail, issuer, subject, client_id
           FROM events JOIN event_callers AS c ON c.id = caller ORDER BY events.id",
    );
    let rows: Vec<&str> = rows.lines().filter(|line| line.contains('|')).collect();
    assert_eq!(
        rows,
        [
            "4001|2026-01-02 03:04:05.000006+00|north/daily/herald|r-1|CRM|found|7|1|203.0.113.0/24|2027-02-06|t-\u{fffd}|id|-7|||\
             https://login.example.com|job|newsletter\u{fffd}",
            "4001|2026-01-02 03:04:05.000006+00|north/daily/herald|r-2|CRM|found||2||2026-02-01|t-\u{fffd}|||{3,-4}|{\"a\":1}|\
             https://login.example.com|job|newsletter\u{fffd}",
        ]
    );
}

#[tokio::test]
async fn queued_events_are_written_on_close() {
    let fixture = fixture().await;
    let events = fixture.store.read_events();
    for n in 0..3000 {
        events.record(event(PoolId(1), &n.to_string())).unwrap();
    }
    fixture.store.close().await;
    assert_eq!(fixture.count("events"), 3000);
    assert_eq!(events.record(event(PoolId(1), "late")), Err(EventLostError));
    let writer = "SELECT recorded, written, dropped, stopped_at IS NOT NULL FROM event_writers";
    assert_eq!(fixture.sql(writer), "3000|3000|0|t");
}

#[tokio::test]
async fn rejected_event_does_not_affect_others() {
    let fixture = fixture().await;
    let events = fixture.store.read_events();
    for id in ["a", "poison\0", "b"] {
        events.record(event(PoolId(1), id)).unwrap();
    }
    events.flush().await;
    let ids = fixture.sql("SELECT string_agg(request_id, ',' ORDER BY id) FROM events");
    assert_eq!(ids, "a,b");
    fixture.store.close().await;
    let writer = "SELECT recorded, written, dropped FROM event_writers";
    assert_eq!(fixture.sql(writer), "3|2|1", "the rejected event is counted");
}

#[tokio::test]
async fn full_queue_drops_events_without_blocking() {
    // On one thread the writer does not run before this task waits.
    let fixture = store_with(|options| options.event_queue = 4).await;
    let events = fixture.store.read_events();
    let recorded = (0..100).map(|n| events.record(event(PoolId(1), &n.to_string())));
    assert_eq!(recorded.filter(Result::is_err).count(), 96);
    events.flush().await;
    assert_eq!(fixture.count("events"), 4);
    let writer = "SELECT recorded, written, dropped FROM event_writers";
    assert_eq!(fixture.sql(writer), "100|4|96");
}

/// The partition that the events of changes go to now, its index of changes, and the condition of the index.
fn index(fixture: &StoreFixture) -> (String, String) {
    let indexes = fixture.sql(
        "SELECT indexrelid::regclass, pg_get_expr(indpred, indrelid) FROM pg_index
          WHERE indisunique AND indrelid = ('events_until_' || to_char(CURRENT_DATE + 400, 'YYYY_MM'))::regclass",
    );
    assert_eq!(indexes.lines().count(), 1, "{indexes}");
    let (name, condition) = indexes.split_once('|').unwrap();
    (name.to_owned(), condition.to_owned())
}

#[tokio::test]
async fn index_contains_exactly_the_change_kinds() {
    let fixture = fixture().await;
    let (_, condition) = index(&fixture);
    let kinds = EventKind::ALL.map(|kind| kind.id().to_string()).join(", ");
    let indexed = fixture.sql(&format!(
        "SELECT kind FROM unnest(ARRAY[{kinds}]) WITH ORDINALITY AS events (kind, position) WHERE {condition} ORDER BY position"
    ));
    let changes = EventKind::ALL.into_iter().filter(|kind| kind.is_change());
    let changes: Vec<_> = changes.map(|kind| kind.id().to_string()).collect();
    assert_eq!(indexed.lines().collect::<Vec<_>>(), changes);
}

#[tokio::test]
async fn only_changes_are_indexed() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let (name, condition) = index(&fixture);
    let size = || fixture.sql(&format!("SELECT pg_relation_size('{name}')"));
    let empty = size();
    let now = crate::support::now();
    let events = fixture.store.read_events();
    for kind in EventKind::ALL.into_iter().filter(|kind| !kind.is_change()) {
        events
            .record(Event {
                kind,
                at: now,
                ..event(tenant.pool, "r-1")
            })
            .unwrap();
    }
    events.flush().await;
    assert_eq!(size(), empty);

    let origin = ImportOrigin::new("import-1".into(), "CLI".into(), now);
    import_users_from(&fixture.store, &tenant, 0..1, origin).await;
    assert_ne!(size(), empty);
    let changes = format!(
        "SELECT kind FROM events WHERE pool = {} AND id > 0 AND {condition}",
        tenant.pool.0
    );
    assert_eq!(fixture.sql(&changes), "4901");
    let plan = fixture.sql(&format!("SET enable_seqscan = off; EXPLAIN {changes}"));
    assert!(plan.contains(&name), "{plan}");
}

//! Events of reads are written in the background and never block a caller; events of changes are indexed.

use masthead_domain::{
    event::{Event, EventKind, EventOutcome},
    tenant::{PoolId, TenantId},
};
use masthead_ports::events::ReadEvents as _;
use time::macros::datetime;

use crate::support::{StoreFixture, fixture, import_users, store_with, tenant};

/// An event of a read.
pub(crate) fn event(pool: PoolId, request_id: &str) -> Event {
    Event {
        kind: EventKind::SubscribeUserGetById,
        tenant: TenantId::parse("north/daily/herald").unwrap(),
        pool,
        at: datetime!(2026-01-02 03:04:05.000_006 UTC),
        request_id: request_id.into(),
        source_system: "CRM".into(),
        outcome: EventOutcome::Found,
        registration_id: Some(7),
        users: 1,
        network: None,
    }
}

#[tokio::test]
async fn event_has_every_field() {
    let fixture = fixture().await;
    let events = fixture.store.read_events();
    events.record(event(PoolId(1), "r-1"));
    events.record(Event {
        registration_id: None,
        outcome: EventOutcome::Absent,
        ..event(PoolId(1), "r-2")
    });
    events.flush().await;
    let rows = fixture.sql(
        "SET timezone = 'UTC'; SELECT kind, at, tenant, request_id, source_system, outcome, registration_id, users
           FROM events ORDER BY id",
    );
    let rows: Vec<&str> = rows.lines().filter(|line| line.contains('|')).collect();
    assert_eq!(
        rows,
        [
            "4001|2026-01-02 03:04:05.000006+00|north/daily/herald|r-1|CRM|found|7|1",
            "4001|2026-01-02 03:04:05.000006+00|north/daily/herald|r-2|CRM|absent||1",
        ]
    );
}

#[tokio::test]
async fn queued_events_are_written_on_close() {
    let fixture = fixture().await;
    let events = fixture.store.read_events();
    for n in 0..3000 {
        events.record(event(PoolId(1), &n.to_string()));
    }
    fixture.store.close().await;
    assert_eq!(fixture.count("events"), 3000);
    // A later event is dropped.
    events.record(event(PoolId(1), "late"));
}

#[tokio::test]
async fn rejected_event_does_not_affect_others() {
    let fixture = fixture().await;
    let events = fixture.store.read_events();
    for id in ["a", "poison\0", "b"] {
        events.record(event(PoolId(1), id));
    }
    events.flush().await;
    let ids = fixture.sql("SELECT string_agg(request_id, ',' ORDER BY id) FROM events");
    assert_eq!(ids, "a,b");
}

#[tokio::test]
async fn full_queue_drops_events_without_blocking() {
    // On one thread the writer does not run before this task waits.
    let fixture = store_with(|options| options.event_queue = 4).await;
    let events = fixture.store.read_events();
    for n in 0..100 {
        events.record(event(PoolId(1), &n.to_string()));
    }
    events.flush().await;
    assert_eq!(fixture.count("events"), 4);
}

/// The name and the condition of the log's only index.
fn index(fixture: &StoreFixture) -> (String, String) {
    let indexes = fixture.sql(
        "SELECT indexrelid::regclass, pg_get_expr(indpred, indrelid) FROM pg_index WHERE indrelid = 'events'::regclass",
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
    let events = fixture.store.read_events();
    for kind in EventKind::ALL.into_iter().filter(|kind| !kind.is_change()) {
        events.record(Event {
            kind,
            ..event(tenant.pool, "r-1")
        });
    }
    events.flush().await;
    assert_eq!(size(), empty);

    import_users(&fixture.store, &tenant, 0..1).await;
    assert_ne!(size(), empty);
    let changes = format!(
        "SELECT kind FROM events WHERE pool = {} AND id > 0 AND {condition}",
        tenant.pool.0
    );
    assert_eq!(fixture.sql(&changes), "4901");
    let plan = fixture.sql(&format!("SET enable_seqscan = off; EXPLAIN {changes}"));
    assert!(plan.contains(&name), "{plan}");
}

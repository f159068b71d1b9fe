//! Events of reads: written in the background, bounded, and never in a caller's way. Those of changes are found by their number.

use masthead_domain::{
    event::{Event, EventKind, EventOutcome},
    tenant::{PoolId, TenantId},
};
use masthead_ports::events::ReadEvents as _;
use time::macros::datetime;

use crate::{
    readers::reader,
    support::{World, origin, tenant, world, world_with},
};

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
async fn an_event_is_written_with_every_field() {
    let world = world().await;
    let tenant = tenant(&world.store, "north/daily/herald", &[]).await;
    let events = world.store.read_events();
    events.record(event(tenant.pool, "r-1"));
    events.record(Event {
        registration_id: None,
        outcome: EventOutcome::Absent,
        ..event(tenant.pool, "r-2")
    });
    events.flush().await;
    let rows = world
        .database
        .run("SET timezone = 'UTC'; SELECT kind, at, tenant, request_id, source_system, outcome, registration_id, users FROM events ORDER BY id")
        .unwrap();
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
async fn what_is_queued_is_written_before_the_end() {
    let world = world().await;
    let tenant = tenant(&world.store, "north/daily/herald", &[]).await;
    let events = world.store.read_events();
    for n in 0..3000 {
        events.record(event(tenant.pool, &n.to_string()));
    }
    world.store.close().await;
    assert_eq!(
        world.database.run("SELECT count(*) FROM events").unwrap().trim(),
        "3000"
    );
    // Too late is dropped, without harm.
    events.record(event(tenant.pool, "late"));
}

#[tokio::test]
async fn an_event_that_the_database_will_never_take_takes_no_other_with_it() {
    let world = world().await;
    let tenant = tenant(&world.store, "north/daily/herald", &[]).await;
    let events = world.store.read_events();
    for id in ["a", "poison\0", "b"] {
        events.record(event(tenant.pool, id));
    }
    events.flush().await;
    let ids = world
        .database
        .run("SELECT string_agg(request_id, ',' ORDER BY id) FROM events")
        .unwrap();
    assert_eq!(ids.trim(), "a,b");
}

#[tokio::test]
async fn a_full_queue_drops_and_does_not_block() {
    // On one thread the writer does not run before this task waits.
    let world = world_with(|options| options.event_queue = 4).await;
    let tenant = tenant(&world.store, "north/daily/herald", &[]).await;
    let events = world.store.read_events();
    for n in 0..100 {
        events.record(event(tenant.pool, &n.to_string()));
    }
    events.flush().await;
    assert_eq!(world.database.run("SELECT count(*) FROM events").unwrap().trim(), "4");
}

/// The one index of the log, and its condition.
fn index(world: &World) -> (String, String) {
    let indexes = world
        .database
        .run("SELECT indexrelid::regclass, pg_get_expr(indpred, indrelid) FROM pg_index WHERE indrelid = 'events'::regclass")
        .unwrap();
    assert_eq!(indexes.lines().count(), 1, "{indexes}");
    let (name, condition) = indexes.trim().split_once('|').unwrap();
    (name.to_owned(), condition.to_owned())
}

#[tokio::test]
async fn the_index_of_the_log_has_every_kind_of_change_and_no_read() {
    let world = world().await;
    let (_, condition) = index(&world);
    let kinds = EventKind::ALL.map(|kind| kind.id().to_string()).join(", ");
    let indexed = world
        .database
        .run(&format!(
            "SELECT kind FROM unnest(ARRAY[{kinds}]) WITH ORDINALITY AS events (kind, place) WHERE {condition} ORDER BY place"
        ))
        .unwrap();
    let changes: Vec<_> = EventKind::ALL
        .into_iter()
        .filter(|kind| kind.is_change())
        .map(|kind| kind.id().to_string())
        .collect();
    assert_eq!(indexed.lines().collect::<Vec<_>>(), changes);
}

#[tokio::test]
async fn reads_leave_the_index_empty_and_a_change_is_found_by_it() {
    let world = world().await;
    let tenant = tenant(&world.store, "north/daily/herald", &[]).await;
    let (name, condition) = index(&world);
    let size = || {
        world
            .database
            .run(&format!("SELECT pg_relation_size('{name}')"))
            .unwrap()
    };
    let empty = size();
    let events = world.store.read_events();
    for kind in EventKind::ALL.into_iter().filter(|kind| !kind.is_change()) {
        events.record(Event {
            kind,
            ..event(tenant.pool, "r-1")
        });
    }
    events.flush().await;
    assert_eq!(size(), empty);

    let import = world.store.importer();
    import
        .registrations(&tenant, &origin(), std::iter::once(reader(0)))
        .await
        .unwrap();
    assert_ne!(size(), empty);
    let changes = format!(
        "SELECT kind FROM events WHERE pool = {} AND id > 0 AND {condition}",
        tenant.pool.0
    );
    assert_eq!(world.database.run(&changes).unwrap().trim(), "4901");
    let plan = world
        .database
        .run(&format!("SET enable_seqscan = off; EXPLAIN {changes}"))
        .unwrap();
    assert!(plan.contains(&name), "{plan}");
}

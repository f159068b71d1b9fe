//! Upgrades: what an older version wrote comes through, and what it still writes beside the new one is taken.

use masthead_dev_postgres::TestDatabase;
use masthead_subscribe_store::schema;
use sqlx::Connection as _;

/// As versions 2 to 8 write them: a read of each kind, then changes with their outbox rows, in two pools.
const WRITTEN: &str = "
    INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, users)
        SELECT pool, kind, now(), 'north/daily/herald', 'r-1', 'CRM', 'found', 1
        FROM generate_series(1, 2) AS pool, unnest(ARRAY[4000, 4001, 4601, 4902]) AS kind;
    WITH written AS (
        INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, users)
            SELECT pool, kind, now(), 'north/daily/herald', 'r-1', 'CRM', 'found', 1
            FROM generate_series(1, 2) AS pool, unnest(ARRAY[4004, 4901]) AS kind
        RETURNING pool, id)
    INSERT INTO outbox (pool, event_id) SELECT pool, id FROM written;";

#[tokio::test]
async fn events_of_version_8_are_kept() {
    let database = tokio::task::spawn_blocking(TestDatabase::empty).await.unwrap().unwrap();
    let url = database.url().unwrap();
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    sqlx::migrate!("../../migrations")
        .run_to(8, &mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    database.run(WRITTEN).unwrap();
    let kept = || {
        database
            .run("SELECT e FROM events AS e ORDER BY id; SELECT o FROM outbox AS o ORDER BY event_id")
            .unwrap()
    };
    let before = kept();
    assert_eq!(before.lines().count(), 2 * (6 + 2));

    schema::migrate(&url).await.unwrap();
    assert_eq!(kept(), before);

    database.run(WRITTEN).unwrap();
    let found = database
        .run(
            "SELECT count(*), count(kind) FROM outbox LEFT JOIN events
               ON (events.pool, events.id) = (outbox.pool, event_id) AND kind IN (4004, 4901)",
        )
        .unwrap();
    assert_eq!(found.trim(), "8|8", "each outbox row has its event");
}

//! Events as rows of the audit log.

use masthead_domain::event::Event;
use sqlx::{Connection as _, PgConnection};

use crate::copy::{CopyRows, TooLong};

const COPY: &str = "COPY events (pool, kind, at, tenant, request_id, source_system, outcome, registration_id, users, \
                    network) FROM STDIN (FORMAT binary)";

/// Writes events whose loss in a crash of the server is bearable: the commit does not wait for the disk.
pub(crate) async fn copy_lazily(connection: &mut PgConnection, events: &[Event]) -> Result<(), sqlx::Error> {
    let mut rows = CopyRows::new(10);
    for event in events {
        push(&mut rows, event).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    }
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql("SET LOCAL synchronous_commit = off")
        .execute(&mut *transaction)
        .await?;
    let mut copy = transaction.copy_in_raw(COPY).await?;
    copy.send(rows.finish()).await?;
    copy.finish().await?;
    transaction.commit().await
}

fn push(rows: &mut CopyRows, event: &Event) -> Result<(), TooLong> {
    rows.row();
    rows.int8(event.pool.0);
    rows.int4(event.kind.id());
    rows.moment(event.at);
    rows.text(&event.tenant.to_string())?;
    rows.text(&event.request_id)?;
    rows.text(&event.source_system)?;
    rows.text(event.outcome.name())?;
    match event.registration_id {
        Some(id) => rows.int8(id),
        None => rows.null(),
    }
    rows.int8(i64::from(event.users));
    rows.optional_text(event.network.as_deref())?;
    Ok(())
}

/// Writes the event of a change, in its transaction, and puts it into the outbox.
pub(crate) async fn insert_with_outbox(transaction: &mut PgConnection, event: &Event) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH written AS (
             INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, registration_id, users, network)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             RETURNING pool, id)
         INSERT INTO outbox (pool, event_id) SELECT pool, id FROM written",
        event.pool.0,
        event.kind.id(),
        event.at,
        event.tenant.to_string(),
        &*event.request_id,
        &*event.source_system,
        event.outcome.name(),
        event.registration_id,
        i64::from(event.users),
        event.network.as_deref(),
    )
    .execute(transaction)
    .await
    .map(|_| ())
}

//! The sources that are looked through, since no index finds a person in them.

use masthead_domain::{
    email::Email,
    tenant::{PoolId, TenantId},
};
use masthead_ports::{
    erasure::{Person, StoredTexts},
    person::{MAX_RECORDS, Record, SourceAnswer},
};

use super::{error::PersonError, rows::ids};
use crate::database::PgDatabase;

/// The rows of a page.
const PAGE: i64 = 1000;

fn has_address(person: &Person, address: Option<Email>) -> bool {
    address.is_some_and(|address| person.emails.iter().any(|own| own.key() == address.key()))
}

/// Writes of the ids, and writes that create one of the addresses.
pub(super) async fn intents(
    database: &PgDatabase,
    pool: PoolId,
    person: &Person,
    texts: &dyn StoredTexts,
) -> Result<SourceAnswer, PersonError> {
    let (mut records, mut after) = (Vec::new(), 0);
    loop {
        let rows = sqlx::query!(
            r#"SELECT id, created_at, deadline, tenant, kind, step, crid IS NOT NULL AS "has_id!", sealed, request_id, source_system
                 FROM write_intents WHERE pool = $1 AND id > $3 AND (crid IS NULL OR crid = ANY ($2)) ORDER BY id LIMIT $4"#,
            pool.0,
            &ids(person) as &[&str],
            after,
            PAGE,
        )
        .fetch_all(database)
        .await?;
        let Some(last) = rows.last() else {
            return Ok(SourceAnswer::all(records));
        };
        after = last.id;
        let own = rows.into_iter().filter(|row| {
            let tenant = TenantId::parse(&row.tenant).ok();
            row.has_id
                || has_address(
                    person,
                    tenant.and_then(|tenant| texts.address_of_intent(&tenant, &row.sealed)),
                )
        });
        records.extend(own.map(|row| {
            Record::default()
                .with("kind", Some(row.kind))
                .with("step", Some(row.step))
                .with("createdAt", Some(row.created_at))
                .with("deadline", Some(row.deadline))
                .with("requestId", Some(row.request_id))
                .with("sourceSystem", Some(row.source_system))
        }));
    }
}

/// The keys of a day are looked through.
pub(super) async fn keys(database: &PgDatabase, pool: PoolId, person: &Person) -> Result<SourceAnswer, PersonError> {
    let rows = sqlx::query!(
        r#"SELECT status, answer IS NOT NULL AS "has_answer!", expires_at, count(*) OVER () AS "total!" FROM idempotency_keys
            WHERE pool = $1 AND crid = ANY ($2) ORDER BY id DESC LIMIT $3"#,
        pool.0,
        &ids(person) as &[&str],
        i64::from(MAX_RECORDS),
    )
    .fetch_all(database)
    .await?;
    let total = rows.first().map_or(0, |row| row.total.unsigned_abs());
    let records = rows.into_iter().map(|row| {
        Record::default()
            .with("status", row.status.map(i64::from))
            .with("holdsAnswer", Some(row.has_answer))
            .with("expiresAt", Some(row.expires_at))
    });
    Ok(SourceAnswer::Held {
        records: records.collect(),
        total,
    })
}

/// Every mail that waits in the pool is opened. A dead letter has no content any more.
pub(super) async fn mails(
    database: &PgDatabase,
    pool: PoolId,
    person: &Person,
    texts: &dyn StoredTexts,
) -> Result<SourceAnswer, PersonError> {
    let (mut records, mut after) = (Vec::new(), "00000000-0000-0000-0000-000000000000".to_owned());
    loop {
        let rows = sqlx::query!(
            r#"SELECT id::text AS "id!", tenant, kind, sealed, queued_at, next_attempt_at, attempts FROM mail_outbox
                WHERE pool = $1 AND dead_at IS NULL AND id > $2::text::uuid ORDER BY mail_outbox.id LIMIT $3"#,
            pool.0,
            after,
            PAGE,
        )
        .fetch_all(database)
        .await?;
        let Some(last) = rows.last() else {
            return Ok(SourceAnswer::all(records));
        };
        after.clone_from(&last.id);
        let own = rows.into_iter().filter(|row| {
            let tenant = TenantId::parse(&row.tenant).ok();
            has_address(
                person,
                tenant.and_then(|tenant| texts.address_of_mail(&tenant, &row.sealed)),
            )
        });
        records.extend(own.map(|row| {
            Record::default()
                .with("kind", Some(row.kind))
                .with("queuedAt", Some(row.queued_at))
                .with("nextAttemptAt", Some(row.next_attempt_at))
                .with("attempts", Some(i64::from(row.attempts)))
        }));
    }
}

//! Stores one batch of an import in a transaction.

use std::collections::HashSet;

use masthead_domain::{event::EventKind, tenant::Tenant};
use masthead_ports::registrations::WriteOrigin;

use super::{duplicate_emails::refuse_taken_addresses, error::ImportStopError, result::Imported};
use crate::{
    copy::CopyRows,
    database::Transaction,
    event_rows::ChangeEvent,
    mirror::{Changes, follow},
    record::RegistrationRecord,
    sqlstate::PgErrorKind,
    tombstones::Tombstones,
};

/// Inserts the records whose ids are new and whose users were not deleted, with the event of the batch.
pub(super) async fn store(
    transaction: &mut Transaction,
    tenant: &Tenant,
    tombstones: &Tombstones,
    origin: &WriteOrigin,
    mut records: Vec<(u64, RegistrationRecord<'_>)>,
) -> Result<Imported, ImportStopError> {
    transaction.allow_long_statements().await?;
    let pool = tenant.pool.0;
    // The lock on the pool's row keeps `masters_accounts` from changing, and serialises imports into one pool with each other
    // and with deletions.
    let masters_accounts = sqlx::query_scalar!(
        "SELECT masters_accounts FROM pools WHERE id = $1 FOR NO KEY UPDATE",
        pool
    )
    .fetch_one(&mut *transaction)
    .await?;
    let all = records.len();
    let ids: Vec<String> = records
        .iter()
        .map(|(_, record)| record.new.crid.as_str().to_owned())
        .collect();
    // `OFFSET 0`: one index scan per key. A plain join reads the whole pool whenever the planner believes that it is small.
    let known: HashSet<String> = sqlx::query_scalar!(
        r#"SELECT r.crid AS "crid!" FROM unnest($2::text[]) AS k (crid)
           CROSS JOIN LATERAL (SELECT r.crid FROM registrations AS r
              WHERE r.pool = $1 AND r.crid = k.crid AND r.deleted_at IS NULL OFFSET 0) AS r"#,
        pool,
        &ids,
    )
    .fetch_all(&mut *transaction)
    .await?
    .into_iter()
    .collect();
    records.retain(|(_, record)| !known.contains(record.new.crid.as_str()));
    let users: Vec<_> = records
        .iter()
        .map(|(_, record)| (&record.new.crid, record.new.email.as_ref()))
        .collect();
    let mut deleted = tombstones.find(transaction, tenant.pool, &users).await?.into_iter();
    records.retain(|_| deleted.next().flatten().is_none());
    if masters_accounts {
        refuse_taken_addresses(transaction, pool, &records).await?;
    }
    if !records.is_empty() {
        copy(transaction, pool, masters_accounts, &records).await?;
        if !masters_accounts {
            let mut changes = Changes::default();
            for (_, record) in &records {
                changes.new_registration(&record.new.crid, record.new.email.as_ref());
            }
            follow(transaction, tenant.pool, changes).await?;
        }
    }
    let inserted = records.len();
    let event = ChangeEvent {
        kind: EventKind::SubscribeUserImport,
        registration_id: None,
        users: u32::try_from(inserted).unwrap_or(u32::MAX),
    };
    event.insert(transaction, tenant, origin).await?;
    Ok(Imported {
        inserted: inserted as u64,
        skipped: (all - inserted) as u64,
    })
}

const COPY: &str = "COPY registrations (pool, registered_at, changed_at, last_logout_at, state, verified, \
                    masters_accounts, crid, email_key, first_key, last_key, email_typed, first_name, last_name, \
                    password_hash, metadata, search_terms) FROM STDIN (FORMAT binary)";

async fn copy(
    transaction: &mut Transaction,
    pool: i64,
    masters_accounts: bool,
    records: &[(u64, RegistrationRecord<'_>)],
) -> Result<(), ImportStopError> {
    let mut rows = CopyRows::new(17);
    for (_, record) in records {
        let new = record.new;
        rows.row();
        rows.int8(pool);
        rows.optional_moment(new.registered_at);
        rows.optional_moment(new.changed_at);
        rows.optional_moment(new.last_logout_at);
        rows.int2(record.computed.state);
        rows.truth(new.verified);
        rows.truth(masters_accounts);
        for text in [
            new.crid.as_str(),
            &record.computed.keys.email,
            &record.computed.keys.first,
            &record.computed.keys.last,
        ] {
            rows.text(text).map_err(too_long)?;
        }
        rows.optional_text(record.computed.email_typed(new.email.as_ref()))
            .map_err(too_long)?;
        rows.text(&new.first_name).map_err(too_long)?;
        rows.text(&new.last_name).map_err(too_long)?;
        rows.optional_text(new.password_hash.as_deref()).map_err(too_long)?;
        rows.text(&record.computed.metadata).map_err(too_long)?;
        rows.int4_array(&record.computed.search_terms).map_err(too_long)?;
    }
    let mut copy = transaction.copy_in(COPY).await?;
    copy.send(rows.finish()).await?;
    copy.finish()
        .await
        .map_err(|error| match PgErrorKind::from_error(&error) {
            // A concurrent write outside of any import.
            PgErrorKind::CridTaken | PgErrorKind::EmailTaken => {
                ImportStopError::Database("a concurrent write has taken the id or address".into())
            }
            _ => error.into(),
        })?;
    Ok(())
}

fn too_long(error: crate::copy::ValueTooLongError) -> ImportStopError {
    ImportStopError::Database(Box::new(error))
}

//! Writes the users of a batch: new ones by COPY, changed ones by one UPDATE.

use std::collections::{BTreeMap, HashSet};

use masthead_domain::{
    event::EventKind,
    tenant::{PoolId, Tenant},
};
use masthead_ports::registrations::WriteOrigin;

use super::{
    decide::{Decisions, User},
    error::BatchError,
    row::ImportRow,
};
use crate::{
    copy::CopyRows,
    database::Transaction,
    event_rows::ChangeEvent,
    mirror::{Changes, follow},
    record::PreparedRegistration,
};

const COPY: &str = "COPY registrations (pool, registered_at, changed_at, last_logout_at, state, verified, \
                    masters_accounts, crid, email_key, first_key, last_key, email_typed, first_name, last_name, \
                    password_hash, metadata, search_terms) FROM STDIN (FORMAT binary)";

/// Rows are sent in pieces of so many bytes: the server writes the first while the others are encoded.
const COPY_BYTES: usize = 64 * 1024;

/// Writes the users, lets the mirrors follow, and writes an event for each tenant. Returns the number of users.
pub(super) async fn write(
    transaction: &mut Transaction,
    rows: &[Option<ImportRow>],
    decisions: &Decisions,
    mastered: &HashSet<i64>,
    origin: &WriteOrigin,
) -> Result<u64, BatchError> {
    let written: Vec<(&User, &PreparedRegistration)> = decisions
        .users
        .iter()
        .filter_map(|user| Some((user, user.written(rows)?)))
        .collect();
    if written.is_empty() {
        return Ok(0);
    }
    let (changed, new): (Vec<_>, Vec<_>) = written.iter().copied().partition(|(user, _)| user.stored.is_some());
    // A new user may have an address that another had before the update.
    update(transaction, &changed).await?;
    copy(transaction, &new, mastered).await?;
    end_pending(transaction, &new).await?;

    let mut followed: BTreeMap<i64, Changes> = BTreeMap::new();
    let mut tenants: BTreeMap<&str, (&Tenant, u32)> = BTreeMap::new();
    for (user, written) in &written {
        let pool = user.tenant.pool.0;
        if !mastered.contains(&pool) {
            let mirrored = followed.entry(pool).or_default();
            mirrored.new_registration(&written.new.crid, written.new.email.as_ref());
            if let Some(stored) = &user.stored
                && let Some(number) = stored.number
            {
                mirrored.registration(number, &stored.new.crid, stored.new.email.as_ref());
            }
        }
        tenants.entry(user.tenant.id.as_str()).or_insert((&user.tenant, 0)).1 += 1;
    }
    for (pool, mirrored) in followed {
        follow(transaction, PoolId(pool), mirrored).await?;
    }
    for (tenant, users) in tenants.into_values() {
        let event = ChangeEvent {
            kind: EventKind::SubscribeUserImport,
            registration_id: None,
            users,
        };
        event.insert(transaction, tenant, origin).await?;
    }
    Ok(written.len() as u64)
}

async fn copy(
    transaction: &mut Transaction,
    new: &[(&User, &PreparedRegistration)],
    mastered: &HashSet<i64>,
) -> Result<(), BatchError> {
    if new.is_empty() {
        return Ok(());
    }
    let mut copy = transaction.copy_in(COPY).await?;
    let mut rows = CopyRows::new(17);
    for (user, PreparedRegistration { new, computed }) in new {
        let pool = user.tenant.pool.0;
        rows.row();
        rows.int8(pool);
        rows.optional_moment(new.registered_at);
        rows.optional_moment(new.changed_at);
        rows.optional_moment(new.last_logout_at);
        rows.int2(computed.state);
        rows.truth(new.verified);
        rows.truth(mastered.contains(&pool));
        for text in [
            new.crid.as_str(),
            &computed.keys.email,
            &computed.keys.first,
            &computed.keys.last,
        ] {
            rows.text(text)?;
        }
        rows.optional_text(computed.email_typed(new.email.as_ref()))?;
        rows.text(&new.first_name)?;
        rows.text(&new.last_name)?;
        rows.optional_text(new.password_hash.as_deref())?;
        rows.text(&computed.metadata)?;
        rows.int4_array(&computed.search_terms)?;
        if rows.end() >= COPY_BYTES {
            copy.send(rows.take()).await?;
        }
    }
    copy.send(rows.finish()).await?;
    copy.finish().await?;
    Ok(())
}

/// Ends the pending registrations of new users' addresses, as a create does.
async fn end_pending(transaction: &mut Transaction, new: &[(&User, &PreparedRegistration)]) -> Result<(), BatchError> {
    let with_address = new.iter().filter(|(_, written)| !written.email_key().is_empty());
    let (pools, emails): (Vec<i64>, Vec<String>) = with_address
        .map(|(user, written)| (user.tenant.pool.0, written.email_key().to_owned()))
        .unzip();
    sqlx::query!(
        "WITH ended AS (
            DELETE FROM pending_registrations AS p USING unnest($1::bigint[], $2::text[]) AS k (pool, email_key)
             WHERE p.pool = k.pool AND p.email_key = k.email_key RETURNING p.pool, p.email_key)
         DELETE FROM verification_codes AS c USING ended AS e WHERE c.pool = e.pool AND c.email_key = e.email_key",
        &pools,
        &emails,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Rewrites changed registrations. A link to set a password ends with the address or the password that it was for.
async fn update(transaction: &mut Transaction, changed: &[(&User, &PreparedRegistration)]) -> Result<(), BatchError> {
    let changed: Vec<_> = changed
        .iter()
        .filter_map(|(user, written)| {
            let stored = user.stored.as_ref()?;
            Some((user.tenant.pool.0, stored.number?, &stored.new, *written))
        })
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let pools: Vec<i64> = changed.iter().map(|row| row.0).collect();
    let numbers: Vec<i64> = changed.iter().map(|row| row.1).collect();
    let texts = |of: fn(&PreparedRegistration) -> String| changed.iter().map(|row| of(row.3)).collect::<Vec<String>>();
    let typed: Vec<Option<&str>> = changed
        .iter()
        .map(|(.., written)| written.computed.email_typed(written.new.email.as_ref()))
        .collect();
    let hashes: Vec<Option<&str>> = changed.iter().map(|row| row.3.new.password_hash.as_deref()).collect();
    let states: Vec<i16> = changed.iter().map(|row| row.3.computed.state).collect();
    let verified: Vec<bool> = changed.iter().map(|row| row.3.new.verified).collect();
    let registered: Vec<_> = changed.iter().map(|row| row.3.new.registered_at).collect();
    let changed_at: Vec<_> = changed.iter().map(|row| row.3.new.changed_at).collect();
    let logged_out: Vec<_> = changed.iter().map(|row| row.3.new.last_logout_at).collect();
    sqlx::query!(
        r#"UPDATE registrations AS r
              SET email_key = k.email_key, email_typed = k.email_typed, first_name = k.first_name, first_key = k.first_key,
                  last_name = k.last_name, last_key = k.last_key, verified = k.verified, state = k.state,
                  metadata = k.metadata::json, search_terms = k.search_terms::integer[], registered_at = k.registered_at,
                  changed_at = k.changed_at, last_logout_at = k.last_logout_at, password_hash = k.password_hash
             FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                         $9::boolean[], $10::smallint[], $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[],
                         $15::timestamptz[], $16::text[])
                  AS k (pool, id, email_key, email_typed, first_name, first_key, last_name, last_key, verified, state,
                        metadata, search_terms, registered_at, changed_at, last_logout_at, password_hash)
            WHERE r.pool = k.pool AND r.id = k.id"#,
        &pools,
        &numbers,
        &texts(|written| written.email_key().to_owned()),
        &typed as &[Option<&str>],
        &texts(|written| written.new.first_name.to_string()),
        &texts(|written| written.computed.keys.first.to_string()),
        &texts(|written| written.new.last_name.to_string()),
        &texts(|written| written.computed.keys.last.to_string()),
        &verified,
        &states,
        &texts(|written| written.computed.metadata.clone()),
        &texts(|written| array_text(&written.computed.search_terms)),
        &registered as &[Option<time::OffsetDateTime>],
        &changed_at as &[Option<time::OffsetDateTime>],
        &logged_out as &[Option<time::OffsetDateTime>],
        &hashes as &[Option<&str>],
    )
    .execute(&mut *transaction)
    .await?;

    let (pools, numbers): (Vec<i64>, Vec<i64>) = changed
        .iter()
        .filter(|(_, _, stored, written)| {
            stored.email != written.new.email || stored.password_hash != written.new.password_hash
        })
        .map(|row| (row.0, row.1))
        .unzip();
    sqlx::query!(
        "DELETE FROM reset_links AS l USING unnest($1::bigint[], $2::bigint[]) AS k (pool, id)
          WHERE l.pool = k.pool AND l.registration_id = k.id",
        &pools,
        &numbers,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// As Postgres writes an array: `{1,2}`.
fn array_text(numbers: &[i32]) -> String {
    let numbers: Vec<String> = numbers.iter().map(i32::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}

//! Writes the users of a batch: new ones by INSERT, changed ones by one UPDATE.

use std::collections::{BTreeMap, HashSet};

use masthead_domain::{
    event::EventKind,
    tenant::{PoolId, Tenant},
};
use masthead_ports::registrations::WriteOrigin;
use time::OffsetDateTime;

use super::{
    decide::{Decisions, User},
    error::BatchError,
    row::ImportRow,
};
use crate::{
    database::Transaction,
    event_rows::ChangeEvent,
    mirror::{Changes, follow},
    record::{NewRegistration, PreparedRegistration},
};

/// New registrations are inserted so many at a time: a statement has all values of its rows in memory once more, encoded.
const INSERTED: usize = 500;

/// The users that are written, with what is written.
fn written<'a>(
    rows: &'a [Option<ImportRow>],
    decisions: &'a Decisions,
) -> impl Iterator<Item = (&'a User, &'a PreparedRegistration)> {
    let users = decisions.users.iter();
    users.filter_map(|user| Some((user, user.written(rows)?)))
}

/// Writes the users, and nothing else.
pub(super) async fn write_users(
    transaction: &mut Transaction,
    rows: &[Option<ImportRow>],
    decisions: &Decisions,
    mastered: &HashSet<i64>,
) -> Result<(), BatchError> {
    let (changed, new): (Vec<_>, Vec<_>) = written(rows, decisions).partition(|(user, _)| user.stored.is_some());
    // A new user may have an address that another had before the update.
    update(transaction, &changed).await?;
    for some in new.chunks(INSERTED) {
        insert(transaction, some, mastered).await?;
    }
    Ok(())
}

/// Writes what follows from written users: ends pending registrations, lets the mirrors follow, and writes an event for each tenant.
/// Returns the number of users.
pub(super) async fn write_consequences(
    transaction: &mut Transaction,
    rows: &[Option<ImportRow>],
    decisions: &Decisions,
    mastered: &HashSet<i64>,
    origin: &WriteOrigin,
) -> Result<u64, BatchError> {
    let written: Vec<_> = written(rows, decisions).collect();
    if written.is_empty() {
        return Ok(0);
    }
    let new: Vec<_> = written
        .iter()
        .copied()
        .filter(|(user, _)| user.stored.is_none())
        .collect();
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

/// Inserts new registrations. One whose id or address is taken meanwhile is a conflict, and no error of the server, whose log would
/// have the address.
async fn insert(
    transaction: &mut Transaction,
    new: &[(&User, &PreparedRegistration)],
    mastered: &HashSet<i64>,
) -> Result<(), BatchError> {
    let texts = |of: fn(&PreparedRegistration) -> &str| new.iter().map(|(_, row)| of(row)).collect::<Vec<&str>>();
    let moments =
        |of: fn(&NewRegistration) -> Option<OffsetDateTime>| new.iter().map(|(_, row)| of(&row.new)).collect();
    let pools: Vec<i64> = new.iter().map(|(user, _)| user.tenant.pool.0).collect();
    let masters: Vec<bool> = pools.iter().map(|pool| mastered.contains(pool)).collect();
    let registered: Vec<Option<OffsetDateTime>> = moments(|new| new.registered_at);
    let changed: Vec<Option<OffsetDateTime>> = moments(|new| new.changed_at);
    let logged_out: Vec<Option<OffsetDateTime>> = moments(|new| new.last_logout_at);
    let states: Vec<i16> = new.iter().map(|(_, row)| row.computed.state).collect();
    let verified: Vec<bool> = new.iter().map(|(_, row)| row.new.verified).collect();
    let typed: Vec<Option<&str>> = new
        .iter()
        .map(|(_, row)| row.computed.email_typed(row.new.email.as_ref()))
        .collect();
    let hashes: Vec<Option<&str>> = new.iter().map(|(_, row)| row.new.password_hash.as_deref()).collect();
    let terms: Vec<String> = new
        .iter()
        .map(|(_, row)| array_text(&row.computed.search_terms))
        .collect();
    let inserted = sqlx::query!(
        "INSERT INTO registrations (pool, registered_at, changed_at, last_logout_at, state, verified, masters_accounts, crid,
                                    email_key, first_key, last_key, email_typed, first_name, last_name, password_hash,
                                    metadata, search_terms)
         SELECT k.pool, k.registered_at, k.changed_at, k.last_logout_at, k.state, k.verified, k.masters_accounts, k.crid,
                k.email_key, k.first_key, k.last_key, k.email_typed, k.first_name, k.last_name, k.password_hash,
                k.metadata::json, k.search_terms::integer[]
           FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::smallint[], $6::boolean[],
                       $7::boolean[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
                       $15::text[], $16::text[], $17::text[])
                AS k (pool, registered_at, changed_at, last_logout_at, state, verified, masters_accounts, crid, email_key,
                      first_key, last_key, email_typed, first_name, last_name, password_hash, metadata, search_terms)
             ON CONFLICT DO NOTHING",
        &pools,
        &registered as &[Option<OffsetDateTime>],
        &changed as &[Option<OffsetDateTime>],
        &logged_out as &[Option<OffsetDateTime>],
        &states,
        &verified,
        &masters,
        &texts(|row| row.new.crid.as_str()) as &[&str],
        &texts(|row| &row.computed.keys.email) as &[&str],
        &texts(|row| &row.computed.keys.first) as &[&str],
        &texts(|row| &row.computed.keys.last) as &[&str],
        &typed as &[Option<&str>],
        &texts(|row| &row.new.first_name) as &[&str],
        &texts(|row| &row.new.last_name) as &[&str],
        &hashes as &[Option<&str>],
        &texts(|row| &row.computed.metadata) as &[&str],
        &terms,
    )
    .execute(transaction)
    .await?;
    if inserted.rows_affected() < new.len() as u64 {
        return Err(BatchError::Conflict);
    }
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

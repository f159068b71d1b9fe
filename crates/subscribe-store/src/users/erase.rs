//! Removes a person in one transaction, and writes the tombstones and the erasure (ADR 0139).

use std::collections::BTreeSet;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::{Email, EmailKey},
    tenant::PoolId,
};
use masthead_ports::{
    erasure::{ErasureId, ErasureOutcome, NewErasure, Person, Receipt, ReceiptLine},
    keyed_hash::KeyedHash,
    person::sources,
    source::CallContext,
    users::WriteCommit,
};
use time::{Duration, OffsetDateTime};

use super::{
    PgUsers,
    commit::{WrittenUser, complete},
    delete::{is_used, share_pool},
    error::{PgWriteError, commit_write, in_time},
    receipts,
    registration_rows::lock_address,
};
use crate::{database::Transaction, mirror::follow_erasure, row::RowError};

/// When servers go on where the request itself did not.
const FIRST_SWEEP_DUE: Duration = Duration::seconds(30);

/// The sources that [`super::sweep`] clears.
pub(super) const SWEPT: [&str; 5] = [
    sources::COUNTERS,
    sources::KEYS,
    sources::MAILS,
    sources::INTENTS,
    sources::EVENTS,
];

const IN_MEMORY: &str =
    "each server forgets the person within seconds; one that cannot reach the database, after providers.stale";
const UNKNOWN: &str =
    "keyed hashes of sign-in name and client address together, which nothing finds by the person; gone after 90 days";
const KEPT: &str = "keyed hashes of ids and addresses stay, so that syncs and imports do not bring the person back";

/// As [`masthead_ports::erasure::Erasures::erase`].
pub(super) async fn erase(
    users: &PgUsers,
    cx: &CallContext,
    person: &Person,
    new: &NewErasure,
    commit: &WriteCommit,
) -> Result<Receipt, PgWriteError> {
    let work = || async {
        users.tombstones.check()?;
        let mut transaction = users.writing.begin().await?;
        let receipt = erase_within(users, &mut transaction, cx, person, new, commit).await?;
        Ok((transaction, receipt))
    };
    let (transaction, receipt) = in_time(cx, work).await?;
    commit_write(cx, transaction, cx.tenant.pool).await?;
    Ok(receipt)
}

async fn erase_within(
    users: &PgUsers,
    transaction: &mut Transaction,
    cx: &CallContext,
    person: &Person,
    new: &NewErasure,
    commit: &WriteCommit,
) -> Result<Receipt, PgWriteError> {
    let (pool, at) = (cx.tenant.pool, commit.origin.at);
    // In one order, as every write of two addresses would.
    let emails: BTreeSet<&str> = person.emails.iter().map(|email| email.key().as_str()).collect();
    for email in &emails {
        lock_address(transaction, pool, &Email::from_stored(None, email)).await?;
    }
    share_pool(transaction, pool).await?;
    let emails: Vec<&str> = emails.into_iter().collect();
    let ids: Vec<&str> = person.ids.iter().map(CustomerRegistrationId::as_str).collect();
    let mut lines = new.lines.clone();
    let mut counted = |source, count| lines.push(ReceiptLine::of_count(source, count, at));

    let registrations = delete_registrations(transaction, pool, &ids).await?;
    let numbers: Vec<i64> = registrations.iter().map(|gone| gone.number).collect();
    counted(sources::REGISTRATIONS, numbers.len() as u64);
    let beside = delete_beside(transaction, pool, (&numbers, &ids), &emails).await?;
    counted(sources::LINKS, beside.links);
    counted(sources::SIGN_IN_DAYS, beside.sign_in_days);
    counted(sources::PENDING, beside.pending);
    counted(sources::CODES, beside.codes);
    let of_registrations = registrations
        .iter()
        .map(|gone| (gone.number, &gone.crid, gone.email.as_ref()));
    let mirrored = follow_erasure(transaction, pool, of_registrations, &person.ids).await?;
    counted(sources::MIRROR, mirrored);

    let mut unused = Vec::new();
    for email in &person.emails {
        if !is_used(transaction, pool, email).await? {
            unused.push(email);
        }
    }
    let stones = (&*person.ids, unused);
    users.tombstones.write(transaction, pool, stones, at).await?;
    let open_writes = end_open_writes(transaction, pool, &ids, commit).await?;
    lines.push(ReceiptLine::new(sources::TOMBSTONES, ErasureOutcome::Kept, KEPT, at));
    lines.push(ReceiptLine::new(
        sources::KNOWN_ADDRESSES,
        ErasureOutcome::Kept,
        UNKNOWN,
        at,
    ));
    lines.push(ReceiptLine::new(
        sources::SERVER_MEMORY,
        ErasureOutcome::Waiting,
        IN_MEMORY,
        at,
    ));
    for source in SWEPT {
        let count = (source == sources::INTENTS).then_some(open_writes);
        lines.push(ReceiptLine {
            count,
            ..ReceiptLine::new(source, ErasureOutcome::Waiting, "", at)
        });
    }

    let texts = ids.iter().chain(&emails);
    let hashes: Vec<KeyedHash> = texts
        .filter_map(|text| users.tombstones.hashes_of(pool, text).into_iter().next())
        .collect();
    let of_ids = person.ids.iter().flat_map(|id| users.tombstones.hashed_users(pool, id));
    let numbers: Vec<i64> = numbers.iter().copied().chain(of_ids).collect();
    let id = insert(transaction, cx, &hashes, &numbers, &lines, new, commit).await?;
    complete(transaction, &cx.tenant, WrittenUser::default(), commit).await?;
    Ok(Receipt {
        id,
        pool,
        tenant: cx.tenant.id.clone(),
        requested_at: at,
        finished_at: None,
        request_id: (&*commit.origin.request_id).into(),
        source_system: (&*commit.origin.source_system).into(),
        hashes,
        lines,
    })
}

/// A registration that was deleted.
struct Gone {
    number: i64,
    crid: CustomerRegistrationId,
    email: Option<Email>,
}

/// Deletes the registrations with these ids, also those that wait to be purged.
async fn delete_registrations(
    transaction: &mut Transaction,
    pool: PoolId,
    ids: &[&str],
) -> Result<Vec<Gone>, PgWriteError> {
    // Two conditions: each has its own partial index.
    let rows = sqlx::query!(
        r#"WITH live AS (
               DELETE FROM registrations WHERE pool = $1 AND crid = ANY ($2) AND deleted_at IS NULL
            RETURNING id, crid, email_key),
           deleted AS (
               DELETE FROM registrations WHERE pool = $1 AND deleted_at IS NOT NULL AND crid = ANY ($2)
            RETURNING id, crid, email_key)
           SELECT id AS "id!", crid AS "crid!", email_key AS "email_key!" FROM live
           UNION ALL SELECT id, crid, email_key FROM deleted"#,
        pool.0,
        ids as &[&str],
    )
    .fetch_all(transaction)
    .await?;
    let gone = rows.into_iter().map(|row| {
        Ok(Gone {
            number: row.id,
            crid: CustomerRegistrationId::parse(&row.crid).map_err(|_| RowError::Column { column: "crid" })?,
            email: (!row.email_key.is_empty()).then(|| Email::from_stored(None, &row.email_key)),
        })
    });
    gone.collect()
}

/// How many rows were deleted.
struct Beside {
    links: u64,
    sign_in_days: u64,
    pending: u64,
    codes: u64,
}

async fn delete_beside(
    transaction: &mut Transaction,
    pool: PoolId,
    (numbers, ids): (&[i64], &[&str]),
    emails: &[&str],
) -> Result<Beside, sqlx::Error> {
    let links = sqlx::query!(
        "DELETE FROM reset_links WHERE pool = $1 AND (registration_id = ANY ($2) OR crid = ANY ($3))",
        pool.0,
        numbers,
        ids as &[&str],
    )
    .execute(&mut *transaction)
    .await?;
    let sign_in_days = sqlx::query!(
        "DELETE FROM last_sign_ins WHERE pool = $1 AND registration_id = ANY ($2)",
        pool.0,
        numbers,
    )
    .execute(&mut *transaction)
    .await?;
    let pending = sqlx::query!(
        "DELETE FROM pending_registrations WHERE pool = $1 AND email_key = ANY ($2)",
        pool.0,
        emails as &[&str],
    )
    .execute(&mut *transaction)
    .await?;
    let codes = sqlx::query!(
        "DELETE FROM verification_codes WHERE pool = $1 AND email_key = ANY ($2)",
        pool.0,
        emails as &[&str],
    )
    .execute(transaction)
    .await?;
    Ok(Beside {
        links: links.rows_affected(),
        sign_in_days: sign_in_days.rows_affected(),
        pending: pending.rows_affected(),
        codes: codes.rows_affected(),
    })
}

/// Ends the open writes of the person but that of this commit, with their idempotency keys: a reconciler would bring it back.
async fn end_open_writes(
    transaction: &mut Transaction,
    pool: PoolId,
    ids: &[&str],
    commit: &WriteCommit,
) -> Result<u64, sqlx::Error> {
    let ended = sqlx::query_scalar!(
        "DELETE FROM write_intents WHERE pool = $1 AND crid = ANY ($2) AND id <> $3 RETURNING idempotency_id",
        pool.0,
        ids as &[&str],
        commit.intent.map_or(0, |intent| intent.0),
    )
    .fetch_all(&mut *transaction)
    .await?;
    let keys: Vec<i64> = ended.iter().copied().flatten().collect();
    sqlx::query!(
        "DELETE FROM idempotency_keys WHERE pool = $1 AND id = ANY ($2) AND id <> $3",
        pool.0,
        &keys,
        commit.idempotency.map_or(0, |ticket| ticket.id),
    )
    .execute(transaction)
    .await?;
    Ok(ended.len() as u64)
}

async fn insert(
    transaction: &mut Transaction,
    cx: &CallContext,
    hashes: &[KeyedHash],
    numbers: &[i64],
    lines: &[ReceiptLine],
    new: &NewErasure,
    commit: &WriteCommit,
) -> Result<ErasureId, sqlx::Error> {
    let bytes = |hashes: &[KeyedHash]| -> Vec<Vec<u8>> { hashes.iter().map(|hash| hash.0.to_vec()).collect() };
    let at: OffsetDateTime = commit.origin.at;
    let id = sqlx::query_scalar!(
        "INSERT INTO erasures (pool, requested_at, due_at, tenant, request_id, source_system, hashes, attempt_keys, numbers, receipt)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::json) RETURNING id",
        cx.tenant.pool.0,
        at,
        at + FIRST_SWEEP_DUE,
        cx.tenant.id.as_str(),
        &*commit.origin.request_id,
        &*commit.origin.source_system,
        &bytes(hashes),
        &bytes(&new.attempt_keys),
        numbers,
        receipts::to_json(lines),
    )
    .fetch_one(transaction)
    .await?;
    Ok(ErasureId(id))
}

/// The key of an address as the store hashes it.
pub(super) fn email_text(email: &Email) -> &str {
    EmailKey::as_str(email.key())
}

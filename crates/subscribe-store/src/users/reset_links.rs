//! Links to set a new password: each is used once.

use masthead_domain::{customer_registration_id::CustomerRegistrationId, tenant::PoolId};
use masthead_ports::{
    keyed_hash::KeyedHash,
    source::CallContext,
    users::{NewResetLink, ResetLink, UserWriteError, WriteCommit},
};
use time::OffsetDateTime;

use super::{
    PgUsers,
    commit::{WrittenUser, complete},
    error::{PgWriteError, commit, in_time},
    registration_rows::lock_by_id,
};
use crate::{
    database::Transaction,
    row::{ACCOUNT_COLUMNS, RowError, account_columns, moment, number, read_account},
};

/// How many links a user has at most; a further one ends the oldest.
pub(super) const LINKS: i64 = 10;

pub(crate) const FIND_LINK: &str = concat!(
    "SELECT ",
    account_columns!(),
    ", l.id AS link, l.expires_at FROM reset_links AS l JOIN registrations AS r ON r.pool = l.pool AND r.id = l.registration_id \
      WHERE l.pool = $1 AND l.hash = ANY ($2) AND l.expires_at > $3 AND r.deleted_at IS NULL"
);

/// Ends all links of a registration.
pub(super) async fn end_all(transaction: &mut Transaction, pool: PoolId, registration: i64) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM reset_links WHERE pool = $1 AND registration_id = $2",
        pool.0,
        registration,
    )
    .execute(transaction)
    .await
    .map(|_| ())
}

/// As [`masthead_ports::users::UserWriter::create_reset_link`].
pub(super) async fn create(
    users: &PgUsers,
    cx: &CallContext,
    id: &CustomerRegistrationId,
    link: &NewResetLink,
    with: &WriteCommit,
) -> Result<(), PgWriteError> {
    let pool = cx.tenant.pool;
    let work = || async {
        let mut transaction = users.writing.begin().await?;
        // The lock keeps a new password from being set between: it would not end this link.
        let stored = lock_by_id(&mut transaction, pool, id).await?;
        let stored = stored.ok_or(UserWriteError::NoSuchUser)?;
        keep(&mut transaction, pool, stored.number, link, with.origin.at).await?;
        let user = WrittenUser::new(stored.number, &stored.account.crid);
        complete(&mut transaction, &cx.tenant, user, with).await?;
        Ok(transaction)
    };
    let transaction = in_time(cx, work).await?;
    commit(cx, transaction).await
}

/// Keeps a link of a registration, whose row is locked or new.
pub(super) async fn keep(
    transaction: &mut Transaction,
    pool: PoolId,
    registration: i64,
    link: &NewResetLink,
    at: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM reset_links WHERE pool = $1 AND registration_id = $2 AND id <=
                    (SELECT id FROM reset_links WHERE pool = $1 AND registration_id = $2 ORDER BY id DESC OFFSET $3 LIMIT 1)",
        pool.0,
        registration,
        LINKS - 1,
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "INSERT INTO reset_links (pool, registration_id, created_at, expires_at, hash, proves_address)
         VALUES ($1, $2, $3, $4, $5, $6)",
        pool.0,
        registration,
        at,
        link.expires_at,
        &link.hash.0[..],
        link.proves_address,
    )
    .execute(transaction)
    .await
    .map(|_| ())
}

/// As [`masthead_ports::users::UserWriter::find_reset_link`].
pub(super) async fn find(
    users: &PgUsers,
    cx: &CallContext,
    hashes: &[KeyedHash],
    at: OffsetDateTime,
) -> Result<Option<ResetLink>, PgWriteError> {
    let pool = cx.tenant.pool;
    let hashes: Vec<&[u8]> = hashes.iter().map(|hash| &hash.0[..]).collect();
    let work = || async {
        let query = sqlx::query(FIND_LINK).bind(pool.0).bind(&hashes).bind(at);
        Ok(query.fetch_optional(&users.service).await?)
    };
    let Some(row) = in_time(cx, work).await? else {
        return Ok(None);
    };
    let expires_at = moment(&row, ACCOUNT_COLUMNS + 1, "expires_at")?;
    Ok(Some(ResetLink {
        event_id: number(&row, ACCOUNT_COLUMNS, "link")?,
        expires_at: expires_at.ok_or(RowError::Column { column: "expires_at" })?,
        account: read_account(&row, 0, pool)?,
    }))
}

/// The registration of a link that has not expired.
pub(super) async fn find_registration(
    transaction: &mut Transaction,
    pool: PoolId,
    hashes: &[&[u8]],
    at: OffsetDateTime,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT registration_id AS "registration_id!" FROM reset_links
            WHERE pool = $1 AND hash = ANY ($2) AND expires_at > $3 AND registration_id IS NOT NULL"#,
        pool.0,
        hashes as &[&[u8]],
        at,
    )
    .fetch_optional(transaction)
    .await
}

/// Deletes a link that has not expired; returns whether it proves the address, and `None` if there is no link any more.
pub(super) async fn take(
    transaction: &mut Transaction,
    pool: PoolId,
    hashes: &[&[u8]],
    at: OffsetDateTime,
) -> Result<Option<bool>, sqlx::Error> {
    sqlx::query_scalar!(
        "DELETE FROM reset_links WHERE pool = $1 AND hash = ANY ($2) AND expires_at > $3 RETURNING proves_address",
        pool.0,
        hashes as &[&[u8]],
        at,
    )
    .fetch_optional(transaction)
    .await
}

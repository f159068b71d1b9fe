//! Deletes a user, with tombstones of its ids and its address.

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, tenant::PoolId,
};
use masthead_ports::{
    source::CallContext,
    users::{UserWriteError, WriteCommit},
};

use super::{
    PgUsers,
    commit::{WrittenUser, complete},
    error::{PgWriteError, commit_write, in_time},
    registration_rows::lock_by_id,
    reset_links,
};
use crate::{
    database::Transaction,
    mirror::{follow_deletion, follow_erasure},
};

/// As [`masthead_ports::users::UserWriter::delete`].
pub(super) async fn delete(
    users: &PgUsers,
    cx: &CallContext,
    id: &CustomerRegistrationId,
    commit: &WriteCommit,
) -> Result<Account, PgWriteError> {
    let work = || async {
        users.tombstones.check()?;
        let mut transaction = users.writing.begin().await?;
        let deleted = delete_within(users, &mut transaction, cx, id, commit).await?;
        Ok((transaction, deleted))
    };
    let (transaction, deleted) = in_time(cx, work).await?;
    commit_write(cx, transaction, cx.tenant.pool).await?;
    Ok(deleted)
}

/// As [`masthead_ports::users::UserWriter::delete_unstored`].
pub(super) async fn delete_unstored(
    users: &PgUsers,
    cx: &CallContext,
    (id, email): (&CustomerRegistrationId, Option<&Email>),
    commit: &WriteCommit,
) -> Result<(), PgWriteError> {
    let pool = cx.tenant.pool;
    let ids = [id.clone()];
    let work = || async {
        users.tombstones.check()?;
        let mut transaction = users.writing.begin().await?;
        share_pool(&mut transaction, pool).await?;
        end_answers(&mut transaction, pool, id).await?;
        follow_erasure(&mut transaction, pool, std::iter::empty(), &ids).await?;
        end_deletion(users, &mut transaction, cx, (None, id), (&ids, email), commit).await?;
        Ok(transaction)
    };
    let transaction = in_time(cx, work).await?;
    commit_write(cx, transaction, pool).await
}

async fn delete_within(
    users: &PgUsers,
    transaction: &mut Transaction,
    cx: &CallContext,
    id: &CustomerRegistrationId,
    commit: &WriteCommit,
) -> Result<Account, PgWriteError> {
    let pool = cx.tenant.pool;
    share_pool(transaction, pool).await?;
    let stored = lock_by_id(transaction, pool, id).await?;
    let stored = stored.ok_or(UserWriteError::NoSuchUser)?;
    reset_links::end_all(transaction, pool, stored.number).await?;
    end_answers(transaction, pool, &stored.account.crid).await?;
    let email = stored.account.email.as_ref();
    if let Some(email) = email {
        sqlx::query!(
            "DELETE FROM verification_codes WHERE pool = $1 AND email_key = $2",
            pool.0,
            email.key().as_str(),
        )
        .execute(&mut *transaction)
        .await?;
    }
    sqlx::query!(
        "UPDATE registrations SET deleted_at = $3, search_terms = '{}' WHERE pool = $1 AND id = $2",
        pool.0,
        stored.number,
        commit.origin.at,
    )
    .execute(&mut *transaction)
    .await?;
    let mut ids = follow_deletion(transaction, pool, stored.number, &stored.account).await?;
    ids.push(stored.account.crid.clone());
    let user = (Some(stored.number), &stored.account.crid);
    end_deletion(users, transaction, cx, user, (&ids, email), commit).await?;
    Ok(stored.account)
}

/// Writes the tombstones of these ids, and of the address unless another user has it, and what belongs to the write. `number` is that of
/// the registration, if there was one.
async fn end_deletion(
    users: &PgUsers,
    transaction: &mut Transaction,
    cx: &CallContext,
    (number, crid): (Option<i64>, &CustomerRegistrationId),
    (ids, email): (&[CustomerRegistrationId], Option<&Email>),
    commit: &WriteCommit,
) -> Result<(), PgWriteError> {
    let pool = cx.tenant.pool;
    let unused = match email {
        Some(email) if !is_used(transaction, pool, email).await? => Some(email),
        _ => None,
    };
    users
        .tombstones
        .write(transaction, pool, (ids, unused), commit.origin.at)
        .await?;
    let user = WrittenUser {
        number,
        crid: Some(crid),
        hashed: users.tombstones.hashed_user(pool, crid),
    };
    complete(transaction, &cx.tenant, user, commit).await
}

/// Forgets the stored answers about a user, which may show it. A repeated request is answered anew, and still writes nothing.
async fn end_answers(
    transaction: &mut Transaction,
    pool: PoolId,
    crid: &CustomerRegistrationId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE idempotency_keys SET status = NULL, answer = NULL WHERE pool = $1 AND crid = $2 AND answer IS NOT NULL",
        pool.0,
        crid.as_str(),
    )
    .execute(transaction)
    .await
    .map(|_| ())
}

/// Imports lock the pool's row against this: one that has not seen the tombstones would bring the user back.
pub(super) async fn share_pool(transaction: &mut Transaction, pool: PoolId) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT id FROM pools WHERE id = $1 FOR SHARE", pool.0)
        .fetch_one(transaction)
        .await
        .map(|_| ())
}

/// Whether another user has the address, as in federated pools.
pub(super) async fn is_used(transaction: &mut Transaction, pool: PoolId, email: &Email) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM registrations WHERE pool = $1 AND email_key = $2 AND deleted_at IS NULL)
               OR EXISTS (SELECT FROM mirror_entries WHERE pool = $1 AND email_key = $2)
               OR EXISTS (SELECT FROM mirror_entries WHERE pool = $1 AND profile_email = $2 AND profile_email <> '') AS "used!""#,
        pool.0,
        email.key().as_str(),
    )
    .fetch_one(transaction)
    .await
}

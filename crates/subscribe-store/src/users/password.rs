//! Passwords: set by a caller, by a link or at the first login, and replaced by a hash of the set cost.

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId};
use masthead_ports::{
    keyed_hash::KeyedHash,
    passwords::PasswordHash,
    source::CallContext,
    users::{UserWriteError, WriteCommit},
};

use super::{
    PgUsers,
    change::{lock_existing, write},
    error::{PgWriteError, commit_write, in_time},
    registration_rows::{PasswordWrite, StoredUser, lock_by_number},
    reset_links,
};
use crate::database::Transaction;

/// As [`masthead_ports::users::UserWriter::set_password`].
pub(super) async fn set_password(
    users: &PgUsers,
    cx: &CallContext,
    id: &CustomerRegistrationId,
    password: Option<&PasswordHash>,
    commit: &WriteCommit,
) -> Result<Account, PgWriteError> {
    let work = || async {
        let mut transaction = users.writing.begin().await?;
        let stored = lock_existing(&mut transaction, cx.tenant.pool, id).await?;
        let changed = set_password_within(&mut transaction, cx, stored, password, commit).await?;
        Ok((transaction, changed))
    };
    let (transaction, changed) = in_time(cx, work).await?;
    commit_write(cx, transaction, cx.tenant.pool).await?;
    Ok(changed)
}

/// As [`masthead_ports::users::UserWriter::set_first_password`].
pub(super) async fn set_first_password(
    users: &PgUsers,
    cx: &CallContext,
    id: &CustomerRegistrationId,
    password: &PasswordHash,
    commit: &WriteCommit,
) -> Result<Account, PgWriteError> {
    let work = || async {
        let mut transaction = users.writing.begin().await?;
        let stored = lock_existing(&mut transaction, cx.tenant.pool, id).await?;
        if stored.account.has_password {
            return Err(UserWriteError::Changed.into());
        }
        let changed = set_password_within(&mut transaction, cx, stored, Some(password), commit).await?;
        Ok((transaction, changed))
    };
    let (transaction, changed) = in_time(cx, work).await?;
    commit_write(cx, transaction, cx.tenant.pool).await?;
    Ok(changed)
}

/// Sets the password of a locked registration, and ends its links.
async fn set_password_within(
    transaction: &mut Transaction,
    cx: &CallContext,
    stored: StoredUser,
    password: Option<&PasswordHash>,
    commit: &WriteCommit,
) -> Result<Account, PgWriteError> {
    reset_links::end_all(transaction, cx.tenant.pool, stored.number).await?;
    let changed = Account {
        has_password: password.is_some(),
        ..stored.account.clone()
    };
    write(transaction, cx, &stored, changed, PasswordWrite::Set(password), commit).await
}

/// The account, whose address is verified if this is a proof of it.
fn verified_by(is_proof: bool, account: Account) -> Account {
    Account {
        verified: if is_proof { Some(true) } else { account.verified },
        ..account
    }
}

/// As [`masthead_ports::users::UserWriter::rehash`].
pub(super) async fn rehash(
    users: &PgUsers,
    cx: &CallContext,
    id: &CustomerRegistrationId,
    old: &PasswordHash,
    new: &PasswordHash,
) -> Result<(), PgWriteError> {
    let work = || async {
        // No read of the pool returns it.
        sqlx::query!(
            "UPDATE registrations SET password_hash = $4
              WHERE pool = $1 AND crid = $2 AND deleted_at IS NULL AND password_hash = $3",
            cx.tenant.pool.0,
            id.as_str(),
            old.expose(),
            new.expose(),
        )
        .execute(&users.service)
        .await?;
        Ok(())
    };
    in_time(cx, work).await
}

/// As [`masthead_ports::users::UserWriter::use_reset_link`].
pub(super) async fn set_by_link(
    users: &PgUsers,
    cx: &CallContext,
    hashes: &[KeyedHash],
    password: Option<&PasswordHash>,
    with: &WriteCommit,
) -> Result<Account, PgWriteError> {
    let pool = cx.tenant.pool;
    let hashes: Vec<&[u8]> = hashes.iter().map(|hash| &hash.0[..]).collect();
    let work = || async {
        let mut transaction = users.writing.begin().await?;
        let registration = reset_links::find_registration(&mut transaction, pool, &hashes, with.origin.at).await?;
        let registration = registration.ok_or(UserWriteError::NoSuchUser)?;
        // The registration is locked before its links, as by every other write.
        let stored = lock_by_number(&mut transaction, pool, registration).await?;
        let stored = stored.ok_or(UserWriteError::NoSuchUser)?;
        let taken = reset_links::take(&mut transaction, pool, &hashes, with.origin.at).await?;
        let proves_address = taken.ok_or(UserWriteError::NoSuchUser)?;
        let stored = StoredUser {
            account: verified_by(proves_address && password.is_some(), stored.account),
            ..stored
        };
        let changed = set_password_within(&mut transaction, cx, stored, password, with).await?;
        Ok((transaction, changed))
    };
    let (transaction, changed) = in_time(cx, work).await?;
    commit_write(cx, transaction, pool).await?;
    Ok(changed)
}

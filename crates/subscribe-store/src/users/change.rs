//! Changes of a user: fields and address.

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, tenant::PoolId,
    user_change::UserChange,
};
use masthead_ports::{
    source::CallContext,
    users::{UserWriteError, WriteCommit},
};

use super::{
    PgUsers,
    commit::{WrittenUser, complete},
    error::{PgWriteError, commit_write, in_time},
    pending,
    registration_rows::{
        PasswordWrite, StoredUser, email_taken, find_holders, is_email_conflict, lock_address, lock_by_id, read_taken,
        rewrite,
    },
    reset_links,
};
use crate::{
    database::Transaction,
    mirror::{Changes, follow},
};

pub(super) async fn lock_existing(
    transaction: &mut Transaction,
    pool: PoolId,
    id: &CustomerRegistrationId,
) -> Result<StoredUser, PgWriteError> {
    let stored = lock_by_id(transaction, pool, id).await?;
    stored.ok_or_else(|| UserWriteError::NoSuchUser.into())
}

/// Writes the changed account of a locked registration, with the mirror and everything that belongs to the write.
pub(super) async fn write(
    transaction: &mut Transaction,
    cx: &CallContext,
    stored: &StoredUser,
    account: Account,
    password: PasswordWrite<'_>,
    commit: &WriteCommit,
) -> Result<Account, PgWriteError> {
    let pool = cx.tenant.pool;
    let written = Account {
        changed_at: Some(commit.origin.at),
        ..account
    };
    rewrite(transaction, pool, stored.number, &written, password).await?;
    let mut changes = Changes::default();
    changes.registration(stored.number, &stored.account.crid, stored.account.email.as_ref());
    changes.registration(stored.number, &written.crid, written.email.as_ref());
    follow(transaction, pool, changes).await?;
    let user = WrittenUser::new(stored.number, &written.crid);
    complete(transaction, &cx.tenant, user, commit).await?;
    Ok(written)
}

/// As [`masthead_ports::users::UserWriter::update`].
pub(super) async fn update(
    users: &PgUsers,
    cx: &CallContext,
    id: &CustomerRegistrationId,
    change: &UserChange,
    read: Option<&Account>,
    commit: &WriteCommit,
) -> Result<Account, PgWriteError> {
    let work = || async {
        let mut transaction = users.writing.begin().await?;
        let stored = lock_existing(&mut transaction, cx.tenant.pool, id).await?;
        if read.is_some_and(|read| *read != stored.account) {
            return Err(UserWriteError::Changed.into());
        }
        let changed = change.applied_to(&stored.account);
        let changed = write(&mut transaction, cx, &stored, changed, PasswordWrite::Keep, commit).await?;
        Ok((transaction, changed))
    };
    let (transaction, changed) = in_time(cx, work).await?;
    commit_write(cx, transaction, cx.tenant.pool).await?;
    Ok(changed)
}

/// As [`masthead_ports::users::UserWriter::set_email`].
pub(super) async fn set_email(
    users: &PgUsers,
    cx: &CallContext,
    id: &CustomerRegistrationId,
    email: &Email,
    verified: Option<bool>,
    commit: &WriteCommit,
) -> Result<(Account, Account), PgWriteError> {
    let pool = cx.tenant.pool;
    let work = || async {
        let mut transaction = users.writing.begin().await?;
        let changed = set_email_within(users, &mut transaction, cx, id, (email, verified), commit).await;
        if let Err(error) = &changed
            && is_email_conflict(error)
        {
            drop(transaction);
            return Err(read_taken(&users.service, pool, email).await?.into());
        }
        Ok((transaction, changed?))
    };
    let (transaction, changed) = in_time(cx, work).await?;
    commit_write(cx, transaction, pool).await?;
    Ok(changed)
}

async fn set_email_within(
    users: &PgUsers,
    transaction: &mut Transaction,
    cx: &CallContext,
    id: &CustomerRegistrationId,
    (email, verified): (&Email, Option<bool>),
    commit: &WriteCommit,
) -> Result<(Account, Account), PgWriteError> {
    let pool = cx.tenant.pool;
    lock_address(transaction, pool, email).await?;
    let stored = lock_existing(transaction, pool, id).await?;
    if pending::find(transaction, pool, email, commit.origin.at)
        .await?
        .is_some()
    {
        return Err(UserWriteError::EmailTaken { state: None }.into());
    }
    if !cx.tenant.settings.is_federated() {
        let holders = find_holders(&mut *transaction, pool, email).await?;
        // The index decides; but its error would be in the server's log, with the address.
        if let Some((other, _)) = holders.iter().find(|(other, _)| other.number != stored.number) {
            return Err(email_taken(other).into());
        }
    }
    // A link that was mailed to the former address must not set the password.
    reset_links::end_all(transaction, pool, stored.number).await?;
    let changed = Account {
        email: Some(email.clone()),
        verified: verified.or(stored.account.verified),
        ..stored.account.clone()
    };
    let changed = write(transaction, cx, &stored, changed, PasswordWrite::Keep, commit).await?;
    // After the mirror is locked, as by a scan that marks tombstones.
    users.tombstones.remove(transaction, pool, None, Some(email)).await?;
    Ok((stored.account, changed))
}

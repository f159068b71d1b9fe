//! Creates a user, also from a pending registration.

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId};
use masthead_ports::{
    source::CallContext,
    users::{NewRegistration, UserWriteError, WriteCommit},
};

use super::{
    PgUsers,
    commit::{WrittenUser, complete},
    error::{PgWriteError, commit_write, in_time},
    pending::{self, Ended},
    registration_rows::{
        PasswordWrite, StoredUser, email_taken, find_holders, free_number, insert, lock_address, lock_by_id, rewrite,
    },
    reset_links,
};
use crate::{
    database::Transaction,
    mirror::{Changes, follow},
    row::RowError,
    tombstones::TombstoneKind,
    write_back::overlay,
};

/// How often an insert is tried whose id or address was freed meanwhile.
const TRIES: usize = 5;

/// As [`masthead_ports::users::UserWriter::create`].
pub(super) async fn create(
    users: &PgUsers,
    cx: &CallContext,
    new: &NewRegistration,
    from_pending: bool,
    commit: &WriteCommit,
) -> Result<Account, PgWriteError> {
    let work = || async {
        let mut transaction = users.writing.begin().await?;
        let created = create_within(users, &mut transaction, cx, new, from_pending, commit).await?;
        Ok((transaction, created))
    };
    let (transaction, created) = in_time(cx, work).await?;
    commit_write(cx, transaction, cx.tenant.pool).await?;
    Ok(created)
}

async fn create_within(
    users: &PgUsers,
    transaction: &mut Transaction,
    cx: &CallContext,
    new: &NewRegistration,
    from_pending: bool,
    commit: &WriteCommit,
) -> Result<Account, PgWriteError> {
    let pool = cx.tenant.pool;
    if let Some(email) = &new.email {
        lock_address(transaction, pool, email).await?;
        match (
            pending::end(transaction, pool, email, commit.origin.at).await?,
            from_pending,
        ) {
            (Ended::None, true) if !new.of_provider => return Err(UserWriteError::NoSuchUser.into()),
            (Ended::Live, false) if !new.of_provider => return Err(UserWriteError::EmailTaken { state: None }.into()),
            (Ended::None | Ended::Live | Ended::Expired, _) => {}
        }
    } else if from_pending {
        return Err(UserWriteError::NoSuchUser.into());
    }
    let mut changes = Changes::default();
    let created = write_row(users, transaction, cx, new, commit, &mut changes).await?;
    let number = created.registration_id.unwrap_or_default();
    changes.registration(number, &created.crid, created.email.as_ref());
    follow(transaction, pool, changes).await?;
    users
        .tombstones
        .remove(transaction, pool, Some(&created.crid), created.email.as_ref())
        .await?;
    if let Some(link) = &commit.reset_link {
        reset_links::keep(transaction, pool, number, link, commit.origin.at).await?;
    }
    complete(transaction, &cx.tenant, WrittenUser::new(number, &created.crid), commit).await?;
    Ok(created)
}

/// Inserts the registration, or overwrites the one that has the provider's id.
async fn write_row(
    users: &PgUsers,
    transaction: &mut Transaction,
    cx: &CallContext,
    new: &NewRegistration,
    commit: &WriteCommit,
    changes: &mut Changes,
) -> Result<Account, PgWriteError> {
    let pool = cx.tenant.pool;
    for _ in 0..TRIES {
        let (number, crid) = if let Some(crid) = &new.crid {
            (None, crid.clone())
        } else {
            let (number, crid) = free_id(users, transaction, cx).await?;
            (Some(number), crid)
        };
        let account = Account {
            email: new.email.clone(),
            first_name: new.first_name.clone(),
            last_name: new.last_name.clone(),
            verified: Some(new.verified),
            has_password: new.password.is_some(),
            metadata: new.metadata.clone(),
            registered_at: Some(commit.origin.at),
            changed_at: Some(commit.origin.at),
            ..Account::new(crid)
        };
        if let Some(number) = insert(transaction, pool, number, &account, new.password.as_ref()).await? {
            return Ok(Account {
                registration_id: Some(number),
                ..account
            });
        }
        if let Some(crid) = &new.crid
            && let Some(stored) = lock_by_id(transaction, pool, crid).await?
        {
            if !new.of_provider {
                return Err(UserWriteError::IdTaken.into());
            }
            changes.registration(stored.number, crid, stored.account.email.as_ref());
            return overwrite(transaction, cx, stored, account, new).await;
        }
        if let Some(email) = &new.email
            && let Some((holder, _)) = find_holders(&mut *transaction, pool, email).await?.first()
        {
            return Err(email_taken(holder).into());
        }
        // The holder of the id or the address has been deleted meanwhile.
    }
    Err(PgWriteError::NoFreeNumber)
}

async fn overwrite(
    transaction: &mut Transaction,
    cx: &CallContext,
    stored: StoredUser,
    account: Account,
    new: &NewRegistration,
) -> Result<Account, PgWriteError> {
    let account = Account {
        registration_id: Some(stored.number),
        registered_at: stored.account.registered_at,
        last_logout_at: stored.account.last_logout_at,
        metadata: overlay(&stored.account.metadata, &account.metadata),
        ..account
    };
    let password = PasswordWrite::Set(new.password.as_ref());
    rewrite(transaction, cx.tenant.pool, stored.number, &account, password).await?;
    Ok(account)
}

/// A number and its text, which neither is the id of a registration nor was that of a deleted user.
async fn free_id(
    users: &PgUsers,
    transaction: &mut Transaction,
    cx: &CallContext,
) -> Result<(i64, CustomerRegistrationId), PgWriteError> {
    loop {
        let number = free_number(transaction, cx.tenant.pool).await?;
        let crid = CustomerRegistrationId::parse(&number.to_string()).map_err(|_| RowError::Column { column: "id" })?;
        let found = users
            .tombstones
            .find(transaction, cx.tenant.pool, &[(&crid, None)])
            .await?;
        if !found.iter().flatten().any(|stone| stone.kind == TombstoneKind::Id) {
            return Ok((number, crid));
        }
    }
}

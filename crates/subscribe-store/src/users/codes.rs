//! Codes that verify addresses.

use masthead_domain::{email::Email, tenant::PoolId};
use masthead_ports::{
    keyed_hash::KeyedHash,
    source::CallContext,
    users::{CodeCheck, CodeRefusal, NewCode, WriteCommit},
};
use time::{Duration, OffsetDateTime};

use super::{
    PgUsers,
    code_rows::{count_try, write},
    commit::{WrittenUser, complete, mark_written},
    error::{PgWriteError, commit, in_time},
    pending,
    registration_rows::{StoredUser, find_holders, lock_address},
};
use crate::database::Transaction;

/// Whose address a code verifies.
enum Target {
    Pending,
    Unverified(Box<StoredUser>),
    Refused(CodeRefusal),
}

/// The unverified user of an address; where there is none, why.
async fn find_unverified(
    transaction: &mut Transaction,
    pool: PoolId,
    email: &Email,
) -> Result<Result<StoredUser, CodeRefusal>, PgWriteError> {
    let holders = find_holders(transaction, pool, email).await?;
    let is_unknown = holders.is_empty();
    let mut users = holders.into_iter().map(|(user, _)| user);
    Ok(match users.find(|user| user.account.verified != Some(true)) {
        Some(user) => Ok(user),
        None if is_unknown => Err(CodeRefusal::Unknown),
        None => Err(CodeRefusal::Verified),
    })
}

/// As [`masthead_ports::users::UserWriter::replace_code`].
pub(super) async fn replace(
    users: &PgUsers,
    cx: &CallContext,
    email: &Email,
    code: &NewCode,
    with: &WriteCommit,
) -> Result<Result<(), CodeRefusal>, PgWriteError> {
    let work = || async {
        let mut transaction = users.writing.begin().await?;
        let replaced = replace_within(&mut transaction, cx, email, code, with).await?;
        Ok((transaction, replaced))
    };
    let (transaction, replaced) = in_time(cx, work).await?;
    commit(cx, transaction).await?;
    Ok(replaced)
}

async fn replace_within(
    transaction: &mut Transaction,
    cx: &CallContext,
    email: &Email,
    code: &NewCode,
    with: &WriteCommit,
) -> Result<Result<(), CodeRefusal>, PgWriteError> {
    let (pool, at) = (cx.tenant.pool, with.origin.at);
    lock_address(transaction, pool, email).await?;
    let target = if pending::find(transaction, pool, email, at).await?.is_some() {
        Target::Pending
    } else {
        match find_unverified(transaction, pool, email).await? {
            Ok(user) => Target::Unverified(Box::new(user)),
            Err(refusal) => Target::Refused(refusal),
        }
    };
    let refusal = match &target {
        Target::Refused(refusal) => Some(*refusal),
        Target::Pending | Target::Unverified(_) => {
            let is_written = write(transaction, pool, email, code, at, Duration::MINUTE).await?;
            (!is_written).then_some(CodeRefusal::TooMany)
        }
    };
    if let Some(refusal) = refusal {
        mark_written(transaction, &cx.tenant, WrittenUser::default(), with).await?;
        return Ok(Err(refusal));
    }
    let user = match &target {
        Target::Unverified(user) => WrittenUser::new(user.number, &user.account.crid),
        Target::Pending | Target::Refused(_) => WrittenUser::default(),
    };
    complete(transaction, &cx.tenant, user, with).await?;
    Ok(Ok(()))
}

/// As [`masthead_ports::users::UserWriter::check_code`].
pub(super) async fn check(
    users: &PgUsers,
    cx: &CallContext,
    email: &Email,
    hashes: &[KeyedHash],
    at: OffsetDateTime,
) -> Result<CodeCheck, PgWriteError> {
    let work = || async {
        let mut transaction = users.service.begin().await?;
        let pool = cx.tenant.pool;
        let right = match pending::find(&mut transaction, pool, email, at).await? {
            Some(pending) => CodeCheck::Pending(Box::new(pending)),
            None => match find_unverified(&mut transaction, pool, email).await? {
                Ok(user) => CodeCheck::Unverified(Box::new(user.account)),
                Err(CodeRefusal::Verified) => return Ok((transaction, CodeCheck::Verified)),
                Err(CodeRefusal::Unknown | CodeRefusal::TooMany) => return Ok((transaction, CodeCheck::Unknown)),
            },
        };
        let is_right = count_try(&mut transaction, pool, email, hashes, at).await?;
        Ok((transaction, if is_right { right } else { CodeCheck::Wrong }))
    };
    let (transaction, checked) = in_time(cx, work).await?;
    commit(cx, transaction).await?;
    Ok(checked)
}

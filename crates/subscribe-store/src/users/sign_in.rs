//! What a sign-in is decided by, and events that change nothing else.

use masthead_domain::{customer_registration_id::CustomerRegistrationId, email::Email};
use masthead_ports::{
    source::CallContext,
    users::{StoredCredentials, WriteCommit},
};

use super::{
    PgUsers,
    commit::{WrittenUser, complete},
    error::{PgWriteError, commit, in_time},
    registration_rows::find_holders,
};

/// As [`masthead_ports::users::UserWriter::credentials`].
pub(super) async fn credentials(
    users: &PgUsers,
    cx: &CallContext,
    email: &Email,
) -> Result<Option<StoredCredentials>, PgWriteError> {
    let work = || find_holders(&users.service, cx.tenant.pool, email);
    let holders = in_time(cx, work).await?.into_iter();
    let all = holders.map(|(user, password)| StoredCredentials {
        account: user.account,
        password,
    });
    // Of several with the address, one that has a password.
    Ok(all.min_by_key(|credentials| credentials.password.is_none()))
}

/// As [`masthead_ports::users::UserWriter::record`].
pub(super) async fn record(
    users: &PgUsers,
    cx: &CallContext,
    id: Option<&CustomerRegistrationId>,
    with: &WriteCommit,
) -> Result<(), PgWriteError> {
    let work = || async {
        let mut transaction = users.service.begin().await?;
        let number = match id {
            None => None,
            Some(id) => {
                sqlx::query_scalar!(
                    "SELECT id FROM registrations WHERE pool = $1 AND crid = $2 AND deleted_at IS NULL",
                    cx.tenant.pool.0,
                    id.as_str(),
                )
                .fetch_optional(&mut transaction)
                .await?
            }
        };
        let user = WrittenUser {
            hashed: match (number, id) {
                (None, Some(id)) => users.tombstones.hashed_user(cx.tenant.pool, id),
                _ => None,
            },
            number,
            crid: id.filter(|_| number.is_some()),
        };
        complete(&mut transaction, &cx.tenant, user, with).await?;
        Ok(transaction)
    };
    let transaction = in_time(cx, work).await?;
    commit(cx, transaction).await
}

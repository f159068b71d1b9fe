//! What a sign-in is decided by, and events that change nothing else.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    event::{EventKind, EventOutcome},
    tenant::PoolId,
};
use masthead_ports::{
    source::CallContext,
    users::{StoredCredentials, WriteCommit},
};
use time::OffsetDateTime;

use super::{
    PgUsers,
    commit::{WrittenUser, complete},
    error::{PgWriteError, commit, in_time},
    registration_rows::find_holders,
};
use crate::database::Transaction;

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
        if let Some(number) = number
            && with
                .events
                .contains(&(EventKind::SubscribeUserLogin, EventOutcome::Found))
        {
            note_sign_in(&mut transaction, cx.tenant.pool, number, with.origin.at).await?;
        }
        complete(&mut transaction, &cx.tenant, user, with).await?;
        Ok(transaction)
    };
    let transaction = in_time(cx, work).await?;
    commit(cx, transaction).await
}

/// Keeps the day of a sign-in; a second one of the day writes nothing.
async fn note_sign_in(
    transaction: &mut Transaction,
    pool: PoolId,
    number: i64,
    at: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO last_sign_ins AS s (pool, registration_id, on_day) VALUES ($1, $2, $3)
             ON CONFLICT (pool, registration_id) DO UPDATE SET on_day = EXCLUDED.on_day WHERE s.on_day < EXCLUDED.on_day",
        pool.0,
        number,
        at.to_offset(time::UtcOffset::UTC).date(),
    )
    .execute(transaction)
    .await
    .map(|_| ())
}

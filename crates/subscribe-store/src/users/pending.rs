//! Pending registrations.

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, tenant::PoolId,
};
use masthead_ports::{
    passwords::PasswordHash,
    source::CallContext,
    users::{NewCode, NewRegistration, PendingRegistration, UserWriteError, WriteCommit},
};
use time::OffsetDateTime;

use super::{
    PgUsers, code_rows,
    commit::{WrittenUser, complete},
    error::{PgWriteError, commit, in_time},
    registration_rows::{email_taken, find_holders, lock_address, lock_by_id},
};
use crate::{
    database::Transaction,
    record::ComputedColumns,
    row::{self, RowError},
};

/// The pending registration that an address had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    None,
    Expired,
    Live,
}

/// Deletes the pending registration of an address with its code. The address must be locked.
pub(super) async fn end(
    transaction: &mut Transaction,
    pool: PoolId,
    email: &Email,
    at: OffsetDateTime,
) -> Result<Ended, PgWriteError> {
    let key = email.key().as_str();
    let expires_at = sqlx::query_scalar!(
        "DELETE FROM pending_registrations WHERE pool = $1 AND email_key = $2 RETURNING expires_at",
        pool.0,
        key,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(expires_at) = expires_at else {
        return Ok(Ended::None);
    };
    sqlx::query!(
        "DELETE FROM verification_codes WHERE pool = $1 AND email_key = $2",
        pool.0,
        key,
    )
    .execute(transaction)
    .await?;
    Ok(if expires_at > at { Ended::Live } else { Ended::Expired })
}

/// The pending registration of an address, unless it has expired.
pub(super) async fn find(
    transaction: &mut Transaction,
    pool: PoolId,
    email: &Email,
    at: OffsetDateTime,
) -> Result<Option<PendingRegistration>, PgWriteError> {
    let row = sqlx::query!(
        r#"SELECT expires_at, verified, had_password, ignore_provider, of_provider, email_key, email_typed, crid, first_name,
                  last_name, password_hash, metadata::text AS "metadata!"
             FROM pending_registrations WHERE pool = $1 AND email_key = $2 AND expires_at > $3"#,
        pool.0,
        email.key().as_str(),
        at,
    )
    .fetch_optional(transaction)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let email = Email::from_stored(row.email_typed.as_deref(), &row.email_key);
    let crid = row.crid.as_deref().map(CustomerRegistrationId::parse).transpose();
    Ok(Some(PendingRegistration {
        registration: NewRegistration {
            crid: crid.map_err(|_| RowError::Column { column: "crid" })?,
            email: Some(email.clone()),
            first_name: row.first_name.into(),
            last_name: row.last_name.into(),
            verified: row.verified,
            metadata: row::metadata(&row.metadata)?,
            password: row.password_hash.map(PasswordHash::from_stored),
            of_provider: row.of_provider,
        },
        email,
        had_password: row.had_password,
        ignore_provider: row.ignore_provider,
        expires_at: row.expires_at,
    }))
}

/// As [`masthead_ports::users::UserWriter::create_pending`].
pub(super) async fn create(
    users: &PgUsers,
    cx: &CallContext,
    pending: &PendingRegistration,
    code: &NewCode,
    with: &WriteCommit,
) -> Result<(), PgWriteError> {
    let work = || async {
        let mut transaction = users.writing.begin().await?;
        create_within(&mut transaction, cx, pending, code, with).await?;
        Ok(transaction)
    };
    let transaction = in_time(cx, work).await?;
    commit(cx, transaction).await
}

async fn create_within(
    transaction: &mut Transaction,
    cx: &CallContext,
    pending: &PendingRegistration,
    code: &NewCode,
    with: &WriteCommit,
) -> Result<(), PgWriteError> {
    let (pool, at, email) = (cx.tenant.pool, with.origin.at, &pending.email);
    let new = &pending.registration;
    lock_address(transaction, pool, email).await?;
    // Registrations that a remote Users API replaces are not seen.
    let is_local = !cx.tenant.settings.has_remote_store();
    if is_local && let Some((holder, _)) = find_holders(&mut *transaction, pool, email).await?.first() {
        return Err(email_taken(holder).into());
    }
    if is_local
        && !new.of_provider
        && let Some(crid) = &new.crid
        && lock_by_id(transaction, pool, crid).await?.is_some()
    {
        return Err(UserWriteError::IdTaken.into());
    }
    if !insert(transaction, pool, pending, at).await? {
        return Err(UserWriteError::EmailTaken { state: None }.into());
    }
    code_rows::keep(transaction, pool, email, code, at).await?;
    complete(transaction, &cx.tenant, WrittenUser::default(), with).await
}

/// Inserts a pending registration, or replaces one that has expired; returns whether it did.
async fn insert(
    transaction: &mut Transaction,
    pool: PoolId,
    pending: &PendingRegistration,
    at: OffsetDateTime,
) -> Result<bool, PgWriteError> {
    let new = &pending.registration;
    // What cannot be stored later is refused now.
    let placeholder = CustomerRegistrationId::parse("0").map_err(|_| RowError::Column { column: "crid" })?;
    let computed = ComputedColumns::for_account(&Account {
        email: Some(pending.email.clone()),
        first_name: new.first_name.clone(),
        last_name: new.last_name.clone(),
        metadata: new.metadata.clone(),
        ..Account::new(placeholder)
    })?;
    let inserted = sqlx::query!(
        "INSERT INTO pending_registrations AS p
                (pool, created_at, expires_at, verified, had_password, ignore_provider, of_provider, email_key, email_typed, crid,
                 first_name, last_name, password_hash, metadata)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::text::json)
             ON CONFLICT (pool, email_key) DO UPDATE
            SET created_at = EXCLUDED.created_at, expires_at = EXCLUDED.expires_at, verified = EXCLUDED.verified,
                had_password = EXCLUDED.had_password, ignore_provider = EXCLUDED.ignore_provider,
                of_provider = EXCLUDED.of_provider, email_typed = EXCLUDED.email_typed, crid = EXCLUDED.crid,
                first_name = EXCLUDED.first_name, last_name = EXCLUDED.last_name,
                password_hash = EXCLUDED.password_hash, metadata = EXCLUDED.metadata
          WHERE p.expires_at <= EXCLUDED.created_at",
        pool.0,
        at,
        pending.expires_at,
        new.verified,
        pending.had_password,
        pending.ignore_provider,
        new.of_provider,
        &*computed.keys.email,
        computed.email_typed(Some(&pending.email)),
        new.crid.as_ref().map(CustomerRegistrationId::as_str),
        &*new.first_name,
        &*new.last_name,
        new.password.as_ref().map(PasswordHash::expose),
        computed.metadata,
    )
    .execute(transaction)
    .await?;
    Ok(inserted.rows_affected() > 0)
}

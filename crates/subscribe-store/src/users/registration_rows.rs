//! Reads, locks and writes the rows of registrations.

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, tenant::PoolId,
};
use masthead_ports::{passwords::PasswordHash, users::UserWriteError};
use sqlx::{PgExecutor, postgres::PgRow};

use super::error::PgWriteError;
use crate::{
    database::{PgDatabase, Transaction},
    record::ComputedColumns,
    row::{ACCOUNT_COLUMNS, account_columns, number, optional_text, read_account},
    sqlstate::PgErrorKind,
    write_back::{LOCK_BY_CRID, LOCK_BY_NUMBER},
};

/// The registrations of an address, each with its password. The bound is for pools in which many share one.
pub(crate) const HOLDERS: &str = concat!(
    "SELECT ",
    account_columns!(),
    ", r.password_hash FROM registrations AS r WHERE r.pool = $1 AND r.email_key = $2 AND r.deleted_at IS NULL \
      ORDER BY r.crid LIMIT 100"
);

/// How many numbers are tried at a time for an id.
const NUMBERS: i64 = 1000;
/// How often; each try begins where the last one ended, also in later calls.
const NUMBER_TRIES: usize = 100;

/// A registration with its number.
pub(super) struct StoredUser {
    pub(super) number: i64,
    pub(super) account: Account,
}

/// What is written into the password.
#[derive(Clone, Copy)]
pub(super) enum PasswordWrite<'a> {
    Keep,
    Set(Option<&'a PasswordHash>),
}

fn read_stored(row: &PgRow, pool: PoolId) -> Result<StoredUser, PgWriteError> {
    Ok(StoredUser {
        number: number(row, 1, "id")?,
        account: read_account(row, 0, pool)?,
    })
}

/// Locks the registration with this id.
pub(super) async fn lock_by_id(
    transaction: &mut Transaction,
    pool: PoolId,
    id: &CustomerRegistrationId,
) -> Result<Option<StoredUser>, PgWriteError> {
    let query = sqlx::query(LOCK_BY_CRID).bind(pool.0).bind(id.as_str());
    let row = query.fetch_optional(transaction).await?;
    row.map(|row| read_stored(&row, pool)).transpose()
}

/// Locks the registration with this number.
pub(super) async fn lock_by_number(
    transaction: &mut Transaction,
    pool: PoolId,
    number: i64,
) -> Result<Option<StoredUser>, PgWriteError> {
    let query = sqlx::query(LOCK_BY_NUMBER).bind(pool.0).bind(number);
    let row = query.fetch_optional(transaction).await?;
    row.map(|row| read_stored(&row, pool)).transpose()
}

/// The registrations of an address, by their ids, with their passwords.
pub(super) async fn find_holders(
    database: impl PgExecutor<'_>,
    pool: PoolId,
    email: &Email,
) -> Result<Vec<(StoredUser, Option<PasswordHash>)>, PgWriteError> {
    let key = email.key().as_str();
    if key.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(HOLDERS).bind(pool.0).bind(key).fetch_all(database).await?;
    let read = |row: &PgRow| {
        let password = optional_text(row, ACCOUNT_COLUMNS, "password_hash")?;
        Ok((read_stored(row, pool)?, password.map(PasswordHash::from_stored)))
    };
    rows.iter().map(read).collect()
}

/// The error of an address that this holder has.
pub(super) fn email_taken(holder: &StoredUser) -> UserWriteError {
    UserWriteError::EmailTaken {
        state: Some(holder.account.state(false)),
    }
}

/// Inserts a registration; `None` if its id or address is taken. No error of the server, whose log would have the address.
pub(super) async fn insert(
    transaction: &mut Transaction,
    pool: PoolId,
    number: Option<i64>,
    account: &Account,
    password: Option<&PasswordHash>,
) -> Result<Option<i64>, PgWriteError> {
    let computed = ComputedColumns::for_account(account)?;
    let inserted = sqlx::query_scalar!(
        "INSERT INTO registrations (pool, registered_at, changed_at, state, verified, masters_accounts, crid, email_key,
                                    first_key, last_key, email_typed, first_name, last_name, metadata, search_terms,
                                    password_hash, last_logout_at, id)
         OVERRIDING SYSTEM VALUE
         SELECT p.id, $2, $3, $4, $5, p.masters_accounts, $6, $7, $8, $9, $10, $11, $12, $13::text::json, $14, $15, $16,
                COALESCE($17, nextval(pg_get_serial_sequence('registrations', 'id')))
           FROM pools AS p WHERE p.id = $1
             ON CONFLICT DO NOTHING
         RETURNING id",
        pool.0,
        account.registered_at,
        account.changed_at,
        computed.state,
        account.verified == Some(true),
        account.crid.as_str(),
        &*computed.keys.email,
        &*computed.keys.first,
        &*computed.keys.last,
        computed.email_typed(account.email.as_ref()),
        &*account.first_name,
        &*account.last_name,
        computed.metadata,
        &computed.search_terms,
        password.map(PasswordHash::expose),
        account.last_logout_at,
        number,
    )
    .fetch_optional(transaction)
    .await?;
    Ok(inserted)
}

/// Writes every column of a locked registration.
pub(super) async fn rewrite(
    transaction: &mut Transaction,
    pool: PoolId,
    stored: i64,
    account: &Account,
    password: PasswordWrite<'_>,
) -> Result<(), PgWriteError> {
    let computed = ComputedColumns::for_account(account)?;
    let (sets_password, password) = match password {
        PasswordWrite::Keep => (false, None),
        PasswordWrite::Set(password) => (true, password),
    };
    sqlx::query!(
        "UPDATE registrations
            SET email_key = $3, email_typed = $4, first_name = $5, first_key = $6, last_name = $7, last_key = $8,
                verified = $9, state = $10, metadata = $11::text::json, search_terms = $12, changed_at = $13,
                last_logout_at = $14, password_hash = CASE WHEN $15 THEN $16 ELSE password_hash END
          WHERE pool = $1 AND id = $2",
        pool.0,
        stored,
        &*computed.keys.email,
        computed.email_typed(account.email.as_ref()),
        &*account.first_name,
        &*computed.keys.first,
        &*account.last_name,
        &*computed.keys.last,
        account.verified == Some(true),
        computed.state,
        computed.metadata,
        &computed.search_terms,
        account.changed_at,
        account.last_logout_at,
        sets_password,
        password.map(PasswordHash::expose),
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// A number whose text is no id in the pool.
pub(super) async fn free_number(transaction: &mut Transaction, pool: PoolId) -> Result<i64, PgWriteError> {
    for _ in 0..NUMBER_TRIES {
        let number = sqlx::query_scalar!(
            r#"SELECT n.number AS "number!"
                 FROM (SELECT nextval(pg_get_serial_sequence('registrations', 'id')) AS number
                         FROM generate_series(1, $2::bigint)) AS n
                WHERE NOT EXISTS (SELECT FROM registrations AS r
                                   WHERE r.pool = $1 AND r.crid = n.number::text AND r.deleted_at IS NULL OFFSET 0)
                LIMIT 1"#,
            pool.0,
            NUMBERS,
        )
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(number) = number {
            return Ok(number);
        }
    }
    Err(PgWriteError::NoFreeNumber)
}

/// Waits for other writes about this address. Released with the transaction.
pub(super) async fn lock_address(
    transaction: &mut Transaction,
    pool: PoolId,
    email: &Email,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended($2, $1))",
        pool.0,
        email.key().as_str(),
    )
    .fetch_one(transaction)
    .await
    .map(|_| ())
}

/// Whether an update failed since another registration has the address.
pub(super) fn is_email_conflict(error: &PgWriteError) -> bool {
    matches!(error, PgWriteError::Database(error) if PgErrorKind::from_error(error) == PgErrorKind::EmailTaken)
}

/// The error of an address that was taken meanwhile, read after that transaction.
pub(super) async fn read_taken(
    database: &PgDatabase,
    pool: PoolId,
    email: &Email,
) -> Result<UserWriteError, PgWriteError> {
    let holders = find_holders(database, pool, email).await?;
    let state = holders.first().map(|(holder, _)| holder.account.state(false));
    Ok(UserWriteError::EmailTaken { state })
}

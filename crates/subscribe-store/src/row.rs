//! Reading registrations from rows.

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::{Email, EmailKey},
    metadata::Metadata,
    tenant::PoolId,
};
use sqlx::{Row as _, ValueRef as _, postgres::PgRow};
use thiserror::Error;
use time::OffsetDateTime;

use crate::{metadata_json, query_tag::ForeignRowError};

/// The columns of an account in the order of [`read_account`], for the row alias `r`.
///
/// A macro, since `concat!` needs literals.
macro_rules! account_columns {
    () => {
        "r.pool, r.id, r.crid, r.email_key, r.email_typed, r.first_name, r.last_name, r.verified, \
         r.password_hash IS NOT NULL AS has_password, r.metadata, r.registered_at, r.changed_at, r.last_logout_at"
    };
}
pub(crate) use account_columns;

pub(crate) const ACCOUNT_COLUMNS: usize = 13;

/// A row that is not an account of the requested pool.
#[derive(Debug, Error)]
pub(crate) enum RowError {
    /// The row belongs to another pool.
    #[error("a row of another pool was read")]
    WrongPool,
    /// The profile of an entry is corrupt.
    #[error("mirror_entries.profile is corrupt")]
    Profile,
    /// A column is corrupt.
    #[error("registrations.{column} is corrupt")]
    Column { column: &'static str },
}

/// Reads an account from the columns from `first` on; rejects a row of another pool.
pub(crate) fn read_account(row: &PgRow, first: usize, pool: PoolId) -> Result<Account, RowError> {
    if number(row, first, "pool")? != pool.0 {
        return Err(RowError::WrongPool);
    }
    let key = text(row, first + 3, "email_key")?;
    let email = match (key, optional_text(row, first + 4, "email_typed")?) {
        ("", _) => None,
        (key, typed) => Some(Email::from_stored(typed, key)),
    };
    Ok(Account {
        registration_id: Some(number(row, first + 1, "id")?),
        crid: CustomerRegistrationId::parse(text(row, first + 2, "crid")?)
            .map_err(|_| RowError::Column { column: "crid" })?,
        email,
        first_name: text(row, first + 5, "first_name")?.into(),
        last_name: text(row, first + 6, "last_name")?.into(),
        verified: Some(truth(row, first + 7, "verified")?),
        has_password: truth(row, first + 8, "password_hash")?,
        metadata: metadata(text(row, first + 9, "metadata")?)?,
        registered_at: moment(row, first + 10, "registered_at")?,
        changed_at: moment(row, first + 11, "changed_at")?,
        last_logout_at: moment(row, first + 12, "last_logout_at")?,
    })
}

/// Adds the account of a row to the result of its key; a corrupt row makes the result an error.
///
/// # Errors
/// The row belongs to another pool or key.
pub(crate) fn collect_account<E>(
    result: &mut Result<Vec<Account>, E>,
    (row, first): (&PgRow, usize),
    pool: PoolId,
    has_key: impl FnOnce(&Account) -> bool,
    corrupt: impl FnOnce(RowError) -> E,
) -> Result<(), ForeignRowError> {
    match (read_account(row, first, pool), result) {
        (Err(RowError::WrongPool), _) => return Err(ForeignRowError::Row),
        (Ok(account), _) if !has_key(&account) => return Err(ForeignRowError::Row),
        (Ok(account), Ok(accounts)) => accounts.push(account),
        (Ok(_), Err(_)) => {}
        (Err(error), result) => {
            tracing::error!(reason = %error, "a row was rejected");
            *result = Err(corrupt(error));
        }
    }
    Ok(())
}

pub(crate) fn sort_accounts<E>(results: &mut [Result<Vec<Account>, E>]) {
    for accounts in results.iter_mut().flatten() {
        accounts.sort_unstable_by(|a, b| a.crid.cmp(&b.crid));
    }
}

pub(crate) fn metadata(json: &str) -> Result<Metadata, RowError> {
    metadata_json::parse(json).ok_or(RowError::Column { column: "metadata" })
}

/// Whether any stored address can have this key: `''` marks rows without an address.
pub(crate) fn is_email_key(key: &EmailKey) -> bool {
    !key.as_str().is_empty() && !key.as_str().contains('\0')
}

/// Whether the row has no account, as in the outer side of a join.
pub(crate) fn is_empty(row: &PgRow, first: usize) -> bool {
    row.try_get_raw(first).is_ok_and(|value| value.is_null())
}

pub(crate) fn number(row: &PgRow, at: usize, column: &'static str) -> Result<i64, RowError> {
    row.try_get_unchecked(at).map_err(|_| RowError::Column { column })
}

pub(crate) fn truth(row: &PgRow, at: usize, column: &'static str) -> Result<bool, RowError> {
    row.try_get_unchecked(at).map_err(|_| RowError::Column { column })
}

pub(crate) fn moment(row: &PgRow, at: usize, column: &'static str) -> Result<Option<OffsetDateTime>, RowError> {
    row.try_get_unchecked(at).map_err(|_| RowError::Column { column })
}

pub(crate) fn text<'r>(row: &'r PgRow, at: usize, column: &'static str) -> Result<&'r str, RowError> {
    optional_text(row, at, column)?.ok_or(RowError::Column { column })
}

/// Text and JSON have the same wire format.
pub(crate) fn optional_text<'r>(row: &'r PgRow, at: usize, column: &'static str) -> Result<Option<&'r str>, RowError> {
    let value = row.try_get_raw(at).map_err(|_| RowError::Column { column })?;
    if value.is_null() {
        return Ok(None);
    }
    value.as_str().map(Some).map_err(|_| RowError::Column { column })
}

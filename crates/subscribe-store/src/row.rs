//! A registration as a row, and what makes an account of it.

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, tenant::PoolId,
};
use sqlx::{Row as _, ValueRef as _, postgres::PgRow};
use thiserror::Error;
use time::OffsetDateTime;

use crate::pairs::metadata_of;

/// The columns of an account, in the order in which [`account_of`] reads them; `$row` is the row.
///
/// A macro, since every statement around it is a literal.
macro_rules! account_columns {
    ($row:literal) => {
        concat!(
            $row,
            ".pool, ",
            $row,
            ".id, ",
            $row,
            ".crid, ",
            $row,
            ".email_key, ",
            $row,
            ".email_typed, ",
            $row,
            ".first_name, ",
            $row,
            ".last_name, ",
            $row,
            ".verified, ",
            $row,
            ".password_hash IS NOT NULL AS has_password, ",
            $row,
            ".metadata, ",
            $row,
            ".registered_at, ",
            $row,
            ".changed_at, ",
            $row,
            ".last_logout_at"
        )
    };
}
pub(crate) use account_columns;

/// How many they are.
pub(crate) const ACCOUNT_COLUMNS: usize = 13;

/// A row that cannot be an account of the pool that was asked.
#[derive(Debug, Error)]
pub(crate) enum BadRow {
    /// The row is another pool's.
    #[error("a row of another pool was read")]
    WrongPool,
    /// A profile of the directory cannot be read.
    #[error("directory_entries.profile does not hold what it must")]
    Profile,
    /// A column does not hold what it must.
    #[error("registrations.{column} does not hold what it must")]
    Column {
        /// Which one.
        column: &'static str,
    },
}

/// Makes an account of the columns from `first` on; refuses a row that is not of this pool.
pub(crate) fn account_of(row: &PgRow, first: usize, pool: PoolId) -> Result<Account, BadRow> {
    if number(row, first, "pool")? != pool.0 {
        return Err(BadRow::WrongPool);
    }
    let key = text(row, first + 3, "email_key")?;
    let email = match (key, optional_text(row, first + 4, "email_typed")?) {
        ("", _) => None,
        (key, typed) => Some(Email::from_stored(typed, key)),
    };
    Ok(Account {
        registration_id: Some(number(row, first + 1, "id")?),
        crid: CustomerRegistrationId::parse(text(row, first + 2, "crid")?)
            .map_err(|_| BadRow::Column { column: "crid" })?,
        email,
        first_name: text(row, first + 5, "first_name")?.into(),
        last_name: text(row, first + 6, "last_name")?.into(),
        verified: Some(truth(row, first + 7, "verified")?),
        has_password: truth(row, first + 8, "password_hash")?,
        metadata: metadata_of(text(row, first + 9, "metadata")?)?,
        registered_at: moment(row, first + 10, "registered_at")?,
        changed_at: moment(row, first + 11, "changed_at")?,
        last_logout_at: moment(row, first + 12, "last_logout_at")?,
    })
}

/// Whether the row has no account, as the outer side of a join.
pub(crate) fn is_empty(row: &PgRow, first: usize) -> bool {
    row.try_get_raw(first).is_ok_and(|value| value.is_null())
}

pub(crate) fn number(row: &PgRow, at: usize, column: &'static str) -> Result<i64, BadRow> {
    row.try_get_unchecked(at).map_err(|_| BadRow::Column { column })
}

pub(crate) fn truth(row: &PgRow, at: usize, column: &'static str) -> Result<bool, BadRow> {
    row.try_get_unchecked(at).map_err(|_| BadRow::Column { column })
}

pub(crate) fn moment(row: &PgRow, at: usize, column: &'static str) -> Result<Option<OffsetDateTime>, BadRow> {
    row.try_get_unchecked(at).map_err(|_| BadRow::Column { column })
}

pub(crate) fn text<'r>(row: &'r PgRow, at: usize, column: &'static str) -> Result<&'r str, BadRow> {
    optional_text(row, at, column)?.ok_or(BadRow::Column { column })
}

/// Text and json are both their text on the wire.
pub(crate) fn optional_text<'r>(row: &'r PgRow, at: usize, column: &'static str) -> Result<Option<&'r str>, BadRow> {
    let value = row.try_get_raw(at).map_err(|_| BadRow::Column { column })?;
    if value.is_null() {
        return Ok(None);
    }
    value.as_str().map(Some).map_err(|_| BadRow::Column { column })
}

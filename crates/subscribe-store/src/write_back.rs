//! Write-backs: stores a live provider answer in one registration, in one transaction with its event.

use std::time::Instant;

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    metadata::{Metadata, fold_case},
    write_back::WriteBack,
};
use masthead_ports::{
    registrations::{RegistrationWriter, WriteBackOutcome, WriteOrigin},
    source::{CallContext, SourceError, SourceErrorKind},
};

use sqlx::postgres::PgRow;

use crate::{
    database::{PgDatabase, Transaction},
    event_rows::ChangeEvent,
    field_error::UnstorableFieldError,
    mirror::{Changes, MirrorError, follow},
    record::ComputedColumns,
    registrations::PgRegistrations,
    row::{self, ACCOUNT_COLUMNS, RowError, account_columns},
    sqlstate::{PgErrorKind, source_error},
    tombstones::Tombstones,
};

const SYNCHRONISE: &str = "synchronise";

/// A stored registration, whose row is locked.
pub(crate) struct StoredRegistration {
    pub(crate) id: i64,
    pub(crate) account: Account,
    pub(crate) masters_accounts: bool,
}

/// Whether id, address, names and verification are still those that were read.
fn is_unchanged(now: &Account, read: &Account) -> bool {
    now.crid == read.crid
        && now.email == read.email
        && now.first_name == read.first_name
        && now.last_name == read.last_name
        && (now.verified == Some(true)) == (read.verified == Some(true))
}

#[async_trait]
impl RegistrationWriter for PgRegistrations {
    async fn write_back(
        &self,
        cx: &CallContext,
        write_back: &WriteBack,
        written_for: &WriteOrigin,
    ) -> Result<WriteBackOutcome, SourceError> {
        let done = write_in_transaction((self.writer(), self.tombstones()), cx, write_back, written_for);
        tokio::time::timeout_at(cx.deadline.max(Instant::now()).into(), done)
            .await
            .unwrap_or_else(|late| {
                Err(SourceError::with_cause(
                    SYNCHRONISE,
                    SourceErrorKind::OutcomeUnknown,
                    late,
                ))
            })
    }
}

macro_rules! lock_where {
    ($key:literal) => {
        concat!(
            "SELECT ",
            account_columns!(),
            ", r.masters_accounts FROM registrations AS r WHERE r.pool = $1 AND r.",
            $key,
            " = $2 AND r.deleted_at IS NULL FOR UPDATE"
        )
    };
}
pub(crate) const LOCK_BY_NUMBER: &str = lock_where!("id");
pub(crate) const LOCK_BY_CRID: &str = lock_where!("crid");

/// Reads and locks the registration with this number.
pub(crate) async fn lock(
    transaction: &mut Transaction,
    cx: &CallContext,
    number: i64,
) -> Result<Option<StoredRegistration>, SourceError> {
    let query = sqlx::query(LOCK_BY_NUMBER).bind(cx.tenant.pool.0).bind(number);
    let row = query
        .fetch_optional(transaction)
        .await
        .map_err(source_error(SYNCHRONISE))?;
    read_stored(cx, row.as_ref())
}

async fn lock_by_crid(
    transaction: &mut Transaction,
    cx: &CallContext,
    crid: &CustomerRegistrationId,
) -> Result<Option<StoredRegistration>, SourceError> {
    let query = sqlx::query(LOCK_BY_CRID).bind(cx.tenant.pool.0).bind(crid.as_str());
    let row = query
        .fetch_optional(transaction)
        .await
        .map_err(source_error(SYNCHRONISE))?;
    read_stored(cx, row.as_ref())
}

fn read_stored(cx: &CallContext, row: Option<&PgRow>) -> Result<Option<StoredRegistration>, SourceError> {
    let read = |row| {
        let account = row::read_account(row, 0, cx.tenant.pool)?;
        Ok(StoredRegistration {
            id: row::number(row, 1, "id")?,
            masters_accounts: row::truth(row, ACCOUNT_COLUMNS, "masters_accounts")?,
            account,
        })
    };
    let corrupt = |error: RowError| SourceError::with_cause(SYNCHRONISE, SourceErrorKind::Corrupt, error);
    row.map(read).transpose().map_err(corrupt)
}

async fn write_in_transaction(
    (pool, tombstones): (&PgDatabase, &Tombstones),
    cx: &CallContext,
    write_back: &WriteBack,
    written_for: &WriteOrigin,
) -> Result<WriteBackOutcome, SourceError> {
    let WriteBack { account, read, .. } = write_back;
    let mut transaction = pool.begin().await.map_err(source_error(SYNCHRONISE))?;
    let stored = match read.as_deref() {
        None => None,
        Some(read) => {
            let stored = match read.registration_id {
                Some(id) => lock(&mut transaction, cx, id).await?,
                None => lock_by_crid(&mut transaction, cx, &read.crid).await?,
            };
            match stored {
                Some(stored) if is_unchanged(&stored.account, read) => Some(stored),
                // Deleted or changed since it was read: the write-back was decided for another state.
                Some(_) | None => return Ok(WriteBackOutcome::Unchanged),
            }
        }
    };
    let keeps_its_id = read.as_ref().is_some_and(|read| read.crid == account.crid);
    if !keeps_its_id && !has_unchanged_address_holders(&mut transaction, cx, write_back).await? {
        return Ok(WriteBackOutcome::Unchanged);
    }
    let mut changes = Changes::default();
    changes.new_registration(&account.crid, account.email.as_ref());
    let written = match stored {
        None => insert(&mut transaction, cx, account, written_for).await,
        Some(stored) => {
            changes.registration(stored.id, &stored.account.crid, stored.account.email.as_ref());
            update(&mut transaction, cx, &stored, account, written_for).await
        }
    };
    let (id, synchronised) = match written {
        Ok(written) => written,
        // A concurrent write-back of the same user was faster, or the id belongs to another registration now: nothing is
        // left to write, and the transaction is rolled back.
        Err(RegistrationWriteError::Conflict) => return Ok(WriteBackOutcome::Unchanged),
        Err(RegistrationWriteError::Source(error)) => return Err(error),
    };
    if synchronised == WriteBackOutcome::Unchanged {
        return Ok(synchronised);
    }
    // After the row is written: one that waited for a deletion of the user sees its tombstones.
    if !keeps_its_id && is_deleted(&mut transaction, cx, tombstones, write_back).await? {
        return Ok(WriteBackOutcome::Unchanged);
    }
    follow(&mut transaction, cx.tenant.pool, changes)
        .await
        .map_err(MirrorError::to_source_error(SYNCHRONISE))?;
    ChangeEvent::update_of(id)
        .insert(&mut transaction, &cx.tenant, written_for)
        .await
        .map_err(source_error(SYNCHRONISE))?;
    transaction
        .commit_write(cx.tenant.pool)
        .await
        .map_err(source_error(SYNCHRONISE))?;
    Ok(synchronised)
}

/// Whether the write-back brings a deleted user back: by its id, or by an address that no other user has.
async fn is_deleted(
    transaction: &mut Transaction,
    cx: &CallContext,
    tombstones: &Tombstones,
    write_back: &WriteBack,
) -> Result<bool, SourceError> {
    let email = write_back.account.email.as_ref().filter(|_| write_back.read.is_none());
    let found = tombstones
        .find(transaction, cx.tenant.pool, &[(&write_back.account.crid, email)])
        .await
        .map_err(source_error(SYNCHRONISE))?;
    Ok(found.iter().any(Option::is_some))
}

/// Whether the registrations with the address are still those that were read.
async fn has_unchanged_address_holders(
    transaction: &mut Transaction,
    cx: &CallContext,
    write_back: &WriteBack,
) -> Result<bool, SourceError> {
    let read = write_back.read.as_deref().unwrap_or(&write_back.account);
    let Some(email) = read.email.as_ref().filter(|email| !email.key().as_str().is_empty()) else {
        return Ok(write_back.same_email.is_empty());
    };
    let holders = sqlx::query_scalar!(
        "SELECT crid FROM registrations WHERE pool = $1 AND email_key = $2 AND deleted_at IS NULL ORDER BY crid",
        cx.tenant.pool.0,
        email.key().as_str(),
    )
    .fetch_all(transaction)
    .await
    .map_err(source_error(SYNCHRONISE))?;
    Ok(holders
        .iter()
        .map(String::as_str)
        .eq(write_back.same_email.iter().map(CustomerRegistrationId::as_str)))
}

pub(crate) enum RegistrationWriteError {
    Conflict,
    Source(SourceError),
}

impl From<sqlx::Error> for RegistrationWriteError {
    fn from(error: sqlx::Error) -> Self {
        match PgErrorKind::from_error(&error) {
            PgErrorKind::CridTaken | PgErrorKind::EmailTaken => Self::Conflict,
            _ => Self::Source(source_error(SYNCHRONISE)(error)),
        }
    }
}

fn unstorable(invalid: UnstorableFieldError) -> RegistrationWriteError {
    RegistrationWriteError::Source(SourceError::with_cause(SYNCHRONISE, SourceErrorKind::Refused, invalid))
}

async fn insert(
    transaction: &mut Transaction,
    cx: &CallContext,
    account: &Account,
    written_for: &WriteOrigin,
) -> Result<(i64, WriteBackOutcome), RegistrationWriteError> {
    let new = Account {
        has_password: false,
        registered_at: account.registered_at.or(Some(written_for.at)),
        changed_at: account.changed_at.or(Some(written_for.at)),
        ..account.clone()
    };
    let computed = ComputedColumns::for_account(&new).map_err(unstorable)?;
    let id = sqlx::query_scalar!(
        "INSERT INTO registrations (pool, registered_at, changed_at, state, verified, masters_accounts, crid, email_key,
                                    first_key, last_key, email_typed, first_name, last_name, metadata, search_terms)
         SELECT p.id, $2, $3, $4, $5, p.masters_accounts, $6, $7, $8, $9, $10, $11, $12, $13::text::json, $14
           FROM pools AS p WHERE p.id = $1
         RETURNING id",
        cx.tenant.pool.0,
        new.registered_at,
        new.changed_at,
        computed.state,
        new.verified == Some(true),
        new.crid.as_str(),
        &*computed.keys.email,
        &*computed.keys.first,
        &*computed.keys.last,
        computed.email_typed(new.email.as_ref()),
        &*new.first_name,
        &*new.last_name,
        computed.metadata,
        &computed.search_terms,
    )
    .fetch_one(transaction)
    .await?;
    Ok((id, WriteBackOutcome::Created))
}

pub(crate) async fn update(
    transaction: &mut Transaction,
    cx: &CallContext,
    stored: &StoredRegistration,
    account: &Account,
    written_for: &WriteOrigin,
) -> Result<(i64, WriteBackOutcome), RegistrationWriteError> {
    let was = &stored.account;
    let new = Account {
        crid: account.crid.clone(),
        email: account.email.clone().or_else(|| was.email.clone()),
        first_name: account.first_name.clone(),
        last_name: account.last_name.clone(),
        verified: Some(account.verified == Some(true)),
        metadata: overlay(&was.metadata, &account.metadata),
        changed_at: Some(written_for.at),
        ..was.clone()
    };
    let same = new.crid == was.crid
        && new.email == was.email
        && new.first_name == was.first_name
        && new.last_name == was.last_name
        && new.verified == was.verified
        && new.metadata == was.metadata;
    if same {
        return Ok((stored.id, WriteBackOutcome::Unchanged));
    }
    if stored.masters_accounts {
        // The tenant's flow has changed meanwhile: no provider overwrites what Masthead masters.
        return Ok((stored.id, WriteBackOutcome::Unchanged));
    }
    let computed = ComputedColumns::for_account(&new).map_err(unstorable)?;
    sqlx::query!(
        "UPDATE registrations
            SET crid = $3, email_key = $4, email_typed = $5, first_name = $6, first_key = $7, last_name = $8,
                last_key = $9, verified = $10, state = $11, metadata = $12::text::json, search_terms = $13, changed_at = $14
          WHERE pool = $1 AND id = $2",
        cx.tenant.pool.0,
        stored.id,
        new.crid.as_str(),
        &*computed.keys.email,
        computed.email_typed(new.email.as_ref()),
        &*new.first_name,
        &*computed.keys.first,
        &*new.last_name,
        &*computed.keys.last,
        new.verified == Some(true),
        computed.state,
        computed.metadata,
        &computed.search_terms,
        new.changed_at,
    )
    .execute(transaction)
    .await?;
    Ok((stored.id, WriteBackOutcome::Updated))
}

/// The stored metadata, overwritten by the carried values; a key keeps its stored spelling.
pub(crate) fn overlay(stored: &Metadata, carried: &Metadata) -> Metadata {
    let same = |key: &str, other: &str| fold_case(key) == fold_case(other);
    let kept = stored.iter().map(|(key, value)| {
        let over = carried
            .iter()
            .find(|(other, _)| same(key, other))
            .map(|(_, value)| value);
        (key, over.unwrap_or(value))
    });
    let added = carried
        .iter()
        .filter(|(key, _)| !stored.iter().any(|(known, _)| same(known, key)));
    Metadata::from_valid(kept.chain(added).map(|(key, value)| (key.to_owned(), value.to_owned())))
}

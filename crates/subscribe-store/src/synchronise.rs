//! Bringing one registration in line with what its provider said live: one transaction, with its event.

use std::time::Instant;

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    event::{Event, EventKind, EventOutcome},
    metadata::{Metadata, fold_case},
    write_back::WriteBack,
};
use masthead_ports::{
    registrations::{RegistrationWriter, WriteBackOutcome, WriteOrigin},
    source::{CallContext, SourceError, SourceErrorKind},
};

use crate::{
    database::{Database, Transaction},
    directory::{Changes, Trouble, follow},
    event_rows::insert_change,
    pairs::metadata_of,
    record::{NewRegistration, Record},
    registrations::PgRegistrations,
    sqlstate::{Failure, silence},
};

const SYNCHRONISE: &str = "synchronise";

/// What a registration holds now, of all that a synchronisation may change.
pub(crate) struct Stored {
    pub(crate) id: i64,
    pub(crate) account: NewRegistration,
    pub(crate) masters_accounts: bool,
}

impl Stored {
    /// Whether its id, address, names and verification are still those that were read.
    fn is_as(&self, read: &Account) -> bool {
        let now = &self.account;
        now.crid == read.crid
            && now.email == read.email
            && now.first_name == read.first_name
            && now.last_name == read.last_name
            && now.verified == (read.verified == Some(true))
    }
}

#[async_trait]
impl RegistrationWriter for PgRegistrations {
    async fn write_back(
        &self,
        cx: &CallContext,
        write_back: &WriteBack,
        written_for: &WriteOrigin,
    ) -> Result<WriteBackOutcome, SourceError> {
        let done = one_transaction(self.writer(), cx, write_back, written_for);
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

/// What is stored under one key of a registration; the row is held until the transaction ends.
macro_rules! stored_where {
    ($key:literal, $transaction:expr, $cx:expr, $value:expr) => {
        sqlx::query_as!(
            StoredRow,
            r#"SELECT id, masters_accounts, crid, email_key, email_typed, first_name, last_name, verified, password_hash,
                  metadata::text AS "metadata!", registered_at, changed_at, last_logout_at
             FROM registrations WHERE pool = $1 AND "# + $key + " = $2 AND deleted_at IS NULL FOR UPDATE",
            $cx.tenant.pool.0,
            $value,
        )
        .fetch_optional($transaction)
        .await
        .map_err(silence(SYNCHRONISE))?
        .map(StoredRow::into_stored)
        .transpose()?
    };
}

/// The registration of this number; its row is held until the transaction ends.
pub(crate) async fn lock(
    transaction: &mut Transaction,
    cx: &CallContext,
    id: i64,
) -> Result<Option<Stored>, SourceError> {
    Ok(stored_where!("id", transaction, cx, id))
}

async fn one_transaction(
    pool: &Database,
    cx: &CallContext,
    write_back: &WriteBack,
    written_for: &WriteOrigin,
) -> Result<WriteBackOutcome, SourceError> {
    let WriteBack { account, read, .. } = write_back;
    let mut transaction = pool.begin().await.map_err(silence(SYNCHRONISE))?;
    let stored = match read.as_deref() {
        None => None,
        Some(read) => {
            let stored = match read.registration_id {
                Some(id) => lock(&mut transaction, cx, id).await?,
                None => stored_where!("crid", &mut transaction, cx, read.crid.as_str()),
            };
            match stored {
                Some(stored) if stored.is_as(read) => Some(stored),
                // It was deleted or changed while the provider was asked: what was decided is of another registration.
                Some(_) | None => return Ok(WriteBackOutcome::Unchanged),
            }
        }
    };
    let keeps_its_id = read.as_ref().is_some_and(|read| read.crid == account.crid);
    if !keeps_its_id && !has_its_address_as_read(&mut transaction, cx, write_back).await? {
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
        // Another synchronisation of the same user was faster, or the id has become another registration's: either way
        // nothing is left to write. The transaction is rolled back.
        Err(Unwritten::Taken) => return Ok(WriteBackOutcome::Unchanged),
        Err(Unwritten::Silent(error)) => return Err(error),
    };
    if synchronised == WriteBackOutcome::Unchanged {
        return Ok(synchronised);
    }
    follow(&mut transaction, cx.tenant.pool, changes)
        .await
        .map_err(Trouble::of(SYNCHRONISE))?;
    record(&mut transaction, cx, id, written_for)
        .await
        .map_err(silence(SYNCHRONISE))?;
    transaction.commit().await.map_err(silence(SYNCHRONISE))?;
    Ok(synchronised)
}

/// Writes the event of a changed registration.
pub(crate) async fn record(
    transaction: &mut Transaction,
    cx: &CallContext,
    id: i64,
    written_for: &WriteOrigin,
) -> Result<(), sqlx::Error> {
    let event = Event {
        kind: EventKind::SubscribeUserUpdate,
        tenant: cx.tenant.id.clone(),
        pool: cx.tenant.pool,
        at: written_for.at,
        request_id: written_for.request_id.clone(),
        source_system: written_for.source_system.clone(),
        outcome: EventOutcome::Found,
        registration_id: Some(id),
        users: 1,
        network: None,
    };
    insert_change(transaction, &event).await
}

/// Whether the registrations of the address are those on which the write was decided.
async fn has_its_address_as_read(
    transaction: &mut Transaction,
    cx: &CallContext,
    write_back: &WriteBack,
) -> Result<bool, SourceError> {
    let read = write_back.read.as_deref().unwrap_or(&write_back.account);
    let Some(email) = read.email.as_ref().filter(|email| !email.key().as_str().is_empty()) else {
        return Ok(write_back.same_address.is_empty());
    };
    let holders = sqlx::query_scalar!(
        "SELECT crid FROM registrations WHERE pool = $1 AND email_key = $2 AND deleted_at IS NULL ORDER BY crid",
        cx.tenant.pool.0,
        email.key().as_str(),
    )
    .fetch_all(transaction)
    .await
    .map_err(silence(SYNCHRONISE))?;
    Ok(holders
        .iter()
        .map(String::as_str)
        .eq(write_back.same_address.iter().map(CustomerRegistrationId::as_str)))
}

/// Why nothing was written.
pub(crate) enum Unwritten {
    Taken,
    Silent(SourceError),
}

impl From<sqlx::Error> for Unwritten {
    fn from(error: sqlx::Error) -> Self {
        match Failure::of(&error) {
            Failure::CridTaken | Failure::EmailTaken => Self::Taken,
            _ => Self::Silent(silence(SYNCHRONISE)(error)),
        }
    }
}

fn refused(invalid: crate::record::InvalidField) -> Unwritten {
    Unwritten::Silent(SourceError::with_cause(SYNCHRONISE, SourceErrorKind::Refused, invalid))
}

async fn insert(
    transaction: &mut Transaction,
    cx: &CallContext,
    account: &Account,
    written_for: &WriteOrigin,
) -> Result<(i64, WriteBackOutcome), Unwritten> {
    let new = NewRegistration {
        crid: account.crid.clone(),
        email: account.email.clone(),
        first_name: account.first_name.clone(),
        last_name: account.last_name.clone(),
        verified: account.verified == Some(true),
        password_hash: None,
        metadata: account.metadata.clone(),
        registered_at: account.registered_at.or(Some(written_for.at)),
        changed_at: account.changed_at.or(Some(written_for.at)),
        last_logout_at: None,
    };
    let record = Record::of(cx.tenant.pool, &new).map_err(refused)?;
    let id = sqlx::query_scalar!(
        "INSERT INTO registrations (pool, registered_at, changed_at, state, verified, masters_accounts, crid, email_key,
                                    first_key, last_key, email_typed, first_name, last_name, metadata, tokens)
         SELECT p.id, $2, $3, $4, $5, p.masters_accounts, $6, $7, $8, $9, $10, $11, $12, $13::text::json, $14
           FROM pools AS p WHERE p.id = $1
         RETURNING id",
        cx.tenant.pool.0,
        new.registered_at,
        new.changed_at,
        record.state,
        new.verified,
        new.crid.as_str(),
        &*record.keys.email,
        &*record.keys.first,
        &*record.keys.last,
        record.email_typed(),
        &*new.first_name,
        &*new.last_name,
        record.metadata,
        &record.tokens,
    )
    .fetch_one(transaction)
    .await?;
    Ok((id, WriteBackOutcome::Created))
}

pub(crate) async fn update(
    transaction: &mut Transaction,
    cx: &CallContext,
    stored: &Stored,
    account: &Account,
    written_for: &WriteOrigin,
) -> Result<(i64, WriteBackOutcome), Unwritten> {
    let was = &stored.account;
    let new = NewRegistration {
        crid: account.crid.clone(),
        email: account.email.clone().or_else(|| was.email.clone()),
        first_name: account.first_name.clone(),
        last_name: account.last_name.clone(),
        verified: account.verified == Some(true),
        metadata: overlaid(&was.metadata, &account.metadata),
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
        // What Masthead masters, no provider overwrites: the tenant's flow was changed while the provider was asked.
        return Ok((stored.id, WriteBackOutcome::Unchanged));
    }
    let record = Record::of(cx.tenant.pool, &new).map_err(refused)?;
    sqlx::query!(
        "UPDATE registrations
            SET crid = $3, email_key = $4, email_typed = $5, first_name = $6, first_key = $7, last_name = $8,
                last_key = $9, verified = $10, state = $11, metadata = $12::text::json, tokens = $13, changed_at = $14
          WHERE pool = $1 AND id = $2",
        cx.tenant.pool.0,
        stored.id,
        new.crid.as_str(),
        &*record.keys.email,
        record.email_typed(),
        &*new.first_name,
        &*record.keys.first,
        &*new.last_name,
        &*record.keys.last,
        new.verified,
        record.state,
        record.metadata,
        &record.tokens,
        new.changed_at,
    )
    .execute(transaction)
    .await?;
    Ok((stored.id, WriteBackOutcome::Updated))
}

/// The stored metadata with what the account carries over it; a key keeps the spelling that is stored.
fn overlaid(stored: &Metadata, carried: &Metadata) -> Metadata {
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

struct StoredRow {
    id: i64,
    masters_accounts: bool,
    crid: String,
    email_key: String,
    email_typed: Option<String>,
    first_name: String,
    last_name: String,
    verified: bool,
    password_hash: Option<String>,
    metadata: String,
    registered_at: Option<time::OffsetDateTime>,
    changed_at: Option<time::OffsetDateTime>,
    last_logout_at: Option<time::OffsetDateTime>,
}

impl StoredRow {
    fn into_stored(self) -> Result<Stored, SourceError> {
        let corrupt = |error| SourceError::with_cause(SYNCHRONISE, SourceErrorKind::Corrupt, error);
        let email = (!self.email_key.is_empty())
            .then(|| masthead_domain::email::Email::from_stored(self.email_typed.as_deref(), &self.email_key));
        Ok(Stored {
            id: self.id,
            masters_accounts: self.masters_accounts,
            account: NewRegistration {
                crid: masthead_domain::customer_registration_id::CustomerRegistrationId::parse(&self.crid)
                    .map_err(|error| SourceError::with_cause(SYNCHRONISE, SourceErrorKind::Corrupt, error))?,
                email,
                first_name: self.first_name.into(),
                last_name: self.last_name.into(),
                verified: self.verified,
                password_hash: self.password_hash.map(Into::into),
                metadata: metadata_of(&self.metadata).map_err(corrupt)?,
                registered_at: self.registered_at,
                changed_at: self.changed_at,
                last_logout_at: self.last_logout_at,
            },
        })
    }
}

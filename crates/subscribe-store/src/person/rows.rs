//! The sources that are found by an index.

use masthead_domain::{customer_registration_id::CustomerRegistrationId, tenant::PoolId};
use masthead_ports::{
    erasure::{Person, StoredTexts},
    keyed_hash::KeyedHash,
    passwords::PasswordHash,
    person::{Record, SourceAnswer},
};
use sqlx::Row as _;
use time::OffsetDateTime;

use super::error::PersonError;
use crate::{
    database::PgDatabase,
    mirror::find_entries,
    row::{self, ACCOUNT_COLUMNS, account_columns, moment, number, optional_text, read_account},
};

/// The registrations of these ids, those that are not deleted first.
pub(crate) const REGISTRATIONS_OF_PERSON: &str = concat!(
    "(SELECT ",
    account_columns!(),
    ", r.password_hash, r.deleted_at FROM registrations AS r WHERE r.pool = $1 AND r.crid = ANY ($2) AND r.deleted_at IS NULL) \
     UNION ALL (SELECT ",
    account_columns!(),
    ", r.password_hash, r.deleted_at FROM registrations AS r WHERE r.pool = $1 AND r.deleted_at IS NOT NULL AND r.crid = ANY ($2))"
);

pub(super) fn ids(person: &Person) -> Vec<&str> {
    person.ids.iter().map(CustomerRegistrationId::as_str).collect()
}

pub(super) fn emails(person: &Person) -> Vec<&str> {
    person.emails.iter().map(|email| email.key().as_str()).collect()
}

fn password(hash: Option<&str>, texts: &dyn StoredTexts) -> Option<String> {
    let hash = hash.filter(|hash| !hash.is_empty())?;
    let family = texts.hash_family(&PasswordHash::from_stored(hash));
    Some(format!("a password hash of family {family}"))
}

/// The registrations, and their numbers.
pub(super) async fn registrations(
    database: &PgDatabase,
    pool: PoolId,
    person: &Person,
    texts: &dyn StoredTexts,
) -> Result<(Vec<Record>, Vec<i64>), PersonError> {
    let rows = sqlx::query(REGISTRATIONS_OF_PERSON)
        .bind(pool.0)
        .bind(ids(person))
        .fetch_all(database)
        .await?;
    let (mut records, mut numbers) = (Vec::new(), Vec::new());
    for row in &rows {
        let own = number(row, 1, "id")?;
        numbers.push(own);
        let hash = optional_text(row, ACCOUNT_COLUMNS, "password_hash")?;
        records.push(
            Record::of_account(&read_account(row, 0, pool)?)
                .with("number", Some(own))
                .with("password", password(hash, texts))
                .with("deletedAt", moment(row, ACCOUNT_COLUMNS + 1, "deleted_at")?),
        );
    }
    debug_assert!(rows.iter().all(|row| row.len() == ACCOUNT_COLUMNS + 2));
    Ok((records, numbers))
}

pub(super) async fn mirror(database: &PgDatabase, pool: PoolId, person: &Person) -> Result<SourceAnswer, PersonError> {
    let crids: Vec<String> = person.ids.iter().map(|id| id.as_str().to_owned()).collect();
    let mut transaction = database.begin().await?;
    let entries = find_entries(&mut transaction, pool, &crids).await;
    let entries = entries.map_err(|error| crate::mirror::MirrorError::to_source_error("mirror of person")(error))?;
    transaction.rollback().await?;
    let record = |entry: crate::mirror::StoredEntry| {
        let of_profile = entry
            .profile
            .as_ref()
            .map(|profile| Record::of_account(&profile.account));
        of_profile
            .unwrap_or_else(|| Record::default().with("customerRegistrationId", Some(entry.crid)))
            .with("registrationNumber", entry.registration_id)
            .with("asOf", entry.profile.map(|profile| profile.as_of))
    };
    Ok(SourceAnswer::all(entries.into_iter().map(record).collect()))
}

pub(super) async fn pending(
    database: &PgDatabase,
    pool: PoolId,
    person: &Person,
    texts: &dyn StoredTexts,
) -> Result<SourceAnswer, PersonError> {
    let rows = sqlx::query!(
        r#"SELECT created_at, expires_at, email_key, email_typed, crid, first_name, last_name, password_hash,
                  metadata::text AS "metadata!"
             FROM pending_registrations WHERE pool = $1 AND email_key = ANY ($2)"#,
        pool.0,
        &emails(person) as &[&str],
    )
    .fetch_all(database)
    .await?;
    let records = rows.into_iter().map(|row| {
        let metadata = row::metadata(&row.metadata)?;
        Ok(Record::default()
            .with("email", Some(row.email_typed.unwrap_or(row.email_key)))
            .with("customerRegistrationId", row.crid)
            .with("firstName", Some(row.first_name).filter(|name| !name.is_empty()))
            .with("lastName", Some(row.last_name).filter(|name| !name.is_empty()))
            .with_metadata(&metadata)
            .with("password", password(row.password_hash.as_deref(), texts))
            .with("createdAt", Some(row.created_at))
            .with("expiresAt", Some(row.expires_at)))
    });
    records.collect::<Result<_, PersonError>>().map(SourceAnswer::all)
}

pub(super) async fn codes(database: &PgDatabase, pool: PoolId, person: &Person) -> Result<SourceAnswer, PersonError> {
    let rows = sqlx::query!(
        "SELECT sent_at, expires_at, ends_at, sent_in_day, wrong_tries FROM verification_codes
          WHERE pool = $1 AND email_key = ANY ($2)",
        pool.0,
        &emails(person) as &[&str],
    )
    .fetch_all(database)
    .await?;
    let records = rows.into_iter().map(|row| {
        Record::default()
            .with("sentAt", Some(row.sent_at))
            .with("expiresAt", Some(row.expires_at))
            .with("keptUntil", Some(row.ends_at))
            .with("sentInDay", Some(i64::from(row.sent_in_day)))
            .with("wrongTries", Some(i64::from(row.wrong_tries)))
    });
    Ok(SourceAnswer::all(records.collect()))
}

pub(super) async fn links(
    database: &PgDatabase,
    pool: PoolId,
    person: &Person,
    numbers: &[i64],
) -> Result<SourceAnswer, PersonError> {
    let rows = sqlx::query!(
        "SELECT created_at, expires_at FROM reset_links
          WHERE pool = $1 AND (registration_id = ANY ($2) OR crid = ANY ($3)) ORDER BY id",
        pool.0,
        numbers,
        &ids(person) as &[&str],
    )
    .fetch_all(database)
    .await?;
    let records = rows.into_iter().map(|row| {
        Record::default()
            .with("createdAt", Some(row.created_at))
            .with("expiresAt", Some(row.expires_at))
    });
    Ok(SourceAnswer::all(records.collect()))
}

pub(super) async fn sign_in_days(
    database: &PgDatabase,
    pool: PoolId,
    numbers: &[i64],
) -> Result<SourceAnswer, PersonError> {
    let days = sqlx::query_scalar!(
        "SELECT on_day FROM last_sign_ins WHERE pool = $1 AND registration_id = ANY ($2)",
        pool.0,
        numbers,
    )
    .fetch_all(database)
    .await?;
    let records = days
        .into_iter()
        .map(|day| Record::default().with("day", Some(day.midnight().assume_utc())));
    Ok(SourceAnswer::all(records.collect()))
}

pub(super) async fn counters(
    database: &PgDatabase,
    pool: PoolId,
    keys: &[KeyedHash],
    at: OffsetDateTime,
) -> Result<SourceAnswer, PersonError> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key.0[..]).collect();
    let rows = sqlx::query!(
        "SELECT failures, ends_at FROM sign_in_attempts WHERE pool = $1 AND key = ANY ($2) AND ends_at > $3",
        pool.0,
        &keys as &[&[u8]],
        at,
    )
    .fetch_all(database)
    .await?;
    let records = rows.into_iter().map(|row| {
        Record::default()
            .with("failures", Some(i64::from(row.failures)))
            .with("endsAt", Some(row.ends_at))
    });
    Ok(SourceAnswer::all(records.collect()))
}

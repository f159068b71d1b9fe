//! The entries and registrations that a change can affect.
//!
//! An address that several accounts of one side share joins none of them, so reading two of each is enough: a write reads
//! few rows, however many users share an address.

use masthead_domain::{account::Account, tenant::PoolId};
use sqlx::postgres::PgRow;
use time::OffsetDateTime;

use super::{error::MirrorError, profile};
use crate::{
    database::Transaction,
    row::{account_columns, read_account},
};

/// The stored profile of an entry.
#[derive(Clone)]
pub(crate) struct StoredProfile {
    pub(crate) account: Account,
    pub(super) text: String,
    pub(crate) as_of: OffsetDateTime,
    pub(super) missing: i16,
    pub(super) missing_at: Option<OffsetDateTime>,
    /// When a scan last returned it.
    pub(super) scanned_at: Option<OffsetDateTime>,
}

/// An entry without its computed columns.
pub(crate) struct StoredEntry {
    pub(crate) crid: String,
    pub(crate) registration_id: Option<i64>,
    pub(super) by_email: bool,
    pub(crate) profile: Option<StoredProfile>,
}

struct StoredEntryRow {
    crid: String,
    registration_id: Option<i64>,
    by_email: bool,
    profile: Option<String>,
    profile_as_of: Option<OffsetDateTime>,
    missing: i16,
    missing_at: Option<OffsetDateTime>,
    scanned_at: Option<OffsetDateTime>,
}

impl StoredEntryRow {
    fn into_entry(self) -> Result<StoredEntry, MirrorError> {
        let profile = match (self.profile, self.profile_as_of) {
            (Some(text), Some(as_of)) => Some(StoredProfile {
                account: profile::parse(&self.crid, &text)?,
                text,
                as_of,
                missing: self.missing,
                missing_at: self.missing_at,
                scanned_at: self.scanned_at,
            }),
            _ => None,
        };
        Ok(StoredEntry {
            crid: self.crid,
            registration_id: self.registration_id,
            by_email: self.by_email,
            profile,
        })
    }
}

pub(crate) async fn find_entries(
    connection: &mut Transaction,
    pool: PoolId,
    crids: &[String],
) -> Result<Vec<StoredEntry>, MirrorError> {
    let rows = sqlx::query_as!(
        StoredEntryRow,
        r#"SELECT d.crid, d.registration_id, d.by_email, d.profile::text AS profile, d.profile_as_of, d.missing, d.missing_at,
                  d.scanned_at
             FROM unnest($2::text[]) AS k (crid)
            CROSS JOIN LATERAL (SELECT * FROM mirror_entries AS d WHERE d.pool = $1 AND d.crid = k.crid OFFSET 0) AS d"#,
        pool.0,
        crids,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(StoredEntryRow::into_entry).collect()
}

/// The entries that these addresses join or may join: entries joined by an address and, for the addresses in `single`, two
/// entries with a profile of that address, except those in `changed`; also the entries of the ids in `others`.
pub(super) async fn find_nearby_entries(
    connection: &mut Transaction,
    pool: PoolId,
    emails: &[String],
    single: &[String],
    changed: &[String],
    others: &[String],
) -> Result<Vec<StoredEntry>, MirrorError> {
    let rows = sqlx::query_as!(
        StoredEntryRow,
        r#"SELECT d.crid, d.registration_id, d.by_email, d.profile::text AS profile, d.profile_as_of, d.missing, d.missing_at,
                  d.scanned_at
             FROM (SELECT o.crid FROM unnest($5::text[]) AS o (crid)
                   UNION
                   SELECT d.crid FROM unnest($2::text[]) AS m (email_key)
                    CROSS JOIN LATERAL (SELECT d.crid FROM mirror_entries AS d
                                         WHERE d.pool = $1 AND d.email_key = m.email_key AND d.by_email OFFSET 0) AS d
                   UNION
                   SELECT d.crid FROM unnest($3::text[]) AS m (email_key)
                    CROSS JOIN LATERAL ((SELECT d.crid FROM mirror_entries AS d
                                          WHERE d.pool = $1 AND d.email_key = m.email_key AND d.profile IS NOT NULL
                                            AND d.profile_email IS NULL AND d.crid <> ALL ($4::text[]) LIMIT 2)
                                        UNION ALL
                                        (SELECT d.crid FROM mirror_entries AS d
                                          WHERE d.pool = $1 AND d.profile_email = m.email_key AND d.profile_email <> ''
                                            AND d.crid <> ALL ($4::text[]) LIMIT 2)) AS d) AS k
            CROSS JOIN LATERAL (SELECT * FROM mirror_entries AS d WHERE d.pool = $1 AND d.crid = k.crid OFFSET 0) AS d"#,
        pool.0,
        emails,
        single,
        changed,
        others,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(StoredEntryRow::into_entry).collect()
}

pub(crate) const NEARBY_REGISTRATIONS: &str = concat!(
    "WITH named AS (SELECT r.id, r.email_key FROM unnest($2::text[]) AS k (crid)
                     CROSS JOIN LATERAL (SELECT r.id, r.email_key FROM registrations AS r
                                          WHERE r.pool = $1 AND r.crid = k.crid AND r.deleted_at IS NULL OFFSET 0) AS r),
          mails AS (SELECT unnest($3::text[]) AS email_key UNION SELECT n.email_key FROM named AS n WHERE n.email_key <> ''),
          near AS (SELECT id FROM named
                   UNION
                   SELECT r.id FROM mails AS m
                    CROSS JOIN LATERAL (SELECT r.id FROM registrations AS r
                                         WHERE r.pool = $1 AND r.email_key = m.email_key AND r.deleted_at IS NULL
                                         LIMIT 2) AS r)
     SELECT ",
    account_columns!(),
    " FROM near AS n
     CROSS JOIN LATERAL (SELECT * FROM registrations AS r WHERE r.pool = $1 AND r.id = n.id OFFSET 0) AS r"
);

/// The registrations of these ids, and at most two for each of these addresses and of their own addresses.
pub(super) async fn find_nearby_registrations(
    connection: &mut Transaction,
    pool: PoolId,
    crids: &[String],
    emails: &[String],
) -> Result<Vec<Account>, MirrorError> {
    let rows = sqlx::query(NEARBY_REGISTRATIONS)
        .bind(pool.0)
        .bind(crids)
        .bind(emails)
        .fetch_all(connection)
        .await?;
    accounts(&rows, pool)
}

pub(crate) const REGISTRATIONS_BY_NUMBER: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM registrations AS r WHERE r.pool = $1 AND r.id = ANY ($2) AND r.deleted_at IS NULL"
);

pub(super) async fn find_registrations(
    connection: &mut Transaction,
    pool: PoolId,
    ids: &[i64],
) -> Result<Vec<Account>, MirrorError> {
    let rows = sqlx::query(REGISTRATIONS_BY_NUMBER)
        .bind(pool.0)
        .bind(ids)
        .fetch_all(connection)
        .await?;
    accounts(&rows, pool)
}

fn accounts(rows: &[PgRow], pool: PoolId) -> Result<Vec<Account>, MirrorError> {
    let accounts = rows.iter().map(|row| read_account(row, 0, pool));
    Ok(accounts.collect::<Result<_, _>>()?)
}

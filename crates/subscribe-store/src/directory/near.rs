//! What must be read to join the accounts around a change again: entries, and registrations.
//!
//! An address that several accounts of a side share joins nobody, so two of each are enough to know: however many people
//! share one, a write reads few rows.

use masthead_domain::{account::Account, tenant::PoolId};
use sqlx::postgres::PgRow;
use time::OffsetDateTime;

use super::{profile, trouble::Trouble};
use crate::{
    database::Transaction,
    row::{account_columns, account_of},
};

/// A profile as its entry has it.
#[derive(Clone)]
pub(super) struct KeptProfile {
    pub(super) account: Account,
    pub(super) text: String,
    pub(super) as_of: OffsetDateTime,
    pub(super) missing: i16,
    pub(super) missing_at: Option<OffsetDateTime>,
    /// When a walk last showed it.
    pub(super) walked_at: Option<OffsetDateTime>,
}

/// An entry, but for what is computed.
pub(super) struct Entry {
    pub(super) crid: String,
    pub(super) registration_id: Option<i64>,
    pub(super) by_email: bool,
    pub(super) profile: Option<KeptProfile>,
}

struct EntryRow {
    crid: String,
    registration_id: Option<i64>,
    by_email: bool,
    profile: Option<String>,
    profile_as_of: Option<OffsetDateTime>,
    missing: i16,
    missing_at: Option<OffsetDateTime>,
    walked_at: Option<OffsetDateTime>,
}

impl EntryRow {
    fn into_entry(self) -> Result<Entry, Trouble> {
        let profile = match (self.profile, self.profile_as_of) {
            (Some(text), Some(as_of)) => Some(KeptProfile {
                account: profile::account_of(&self.crid, &text)?,
                text,
                as_of,
                missing: self.missing,
                missing_at: self.missing_at,
                walked_at: self.walked_at,
            }),
            _ => None,
        };
        Ok(Entry {
            crid: self.crid,
            registration_id: self.registration_id,
            by_email: self.by_email,
            profile,
        })
    }
}

/// The entries of these ids.
pub(super) async fn entries_of(
    connection: &mut Transaction,
    pool: PoolId,
    crids: &[String],
) -> Result<Vec<Entry>, Trouble> {
    let rows = sqlx::query_as!(
        EntryRow,
        r#"SELECT d.crid, d.registration_id, d.by_email, d.profile::text AS profile, d.profile_as_of, d.missing, d.missing_at,
                  d.walked_at
             FROM unnest($2::text[]) AS k (crid)
            CROSS JOIN LATERAL (SELECT * FROM directory_entries AS d WHERE d.pool = $1 AND d.crid = k.crid OFFSET 0) AS d"#,
        pool.0,
        crids,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(EntryRow::into_entry).collect()
}

/// The entries that these addresses join or may join: those that an address has joined, and, of the addresses in `single`,
/// two with a profile of the address, those in `changed` left out; and the entries of the ids in `others`.
pub(super) async fn entries_near(
    connection: &mut Transaction,
    pool: PoolId,
    emails: &[String],
    single: &[String],
    changed: &[String],
    others: &[String],
) -> Result<Vec<Entry>, Trouble> {
    let rows = sqlx::query_as!(
        EntryRow,
        r#"SELECT d.crid, d.registration_id, d.by_email, d.profile::text AS profile, d.profile_as_of, d.missing, d.missing_at,
                  d.walked_at
             FROM (SELECT o.crid FROM unnest($5::text[]) AS o (crid)
                   UNION
                   SELECT d.crid FROM unnest($2::text[]) AS m (email_key)
                    CROSS JOIN LATERAL (SELECT d.crid FROM directory_entries AS d
                                         WHERE d.pool = $1 AND d.email_key = m.email_key AND d.by_email OFFSET 0) AS d
                   UNION
                   SELECT d.crid FROM unnest($3::text[]) AS m (email_key)
                    CROSS JOIN LATERAL ((SELECT d.crid FROM directory_entries AS d
                                          WHERE d.pool = $1 AND d.email_key = m.email_key AND d.profile IS NOT NULL
                                            AND d.profile_email IS NULL AND d.crid <> ALL ($4::text[]) LIMIT 2)
                                        UNION ALL
                                        (SELECT d.crid FROM directory_entries AS d
                                          WHERE d.pool = $1 AND d.profile_email = m.email_key AND d.profile_email <> ''
                                            AND d.crid <> ALL ($4::text[]) LIMIT 2)) AS d) AS k
            CROSS JOIN LATERAL (SELECT * FROM directory_entries AS d WHERE d.pool = $1 AND d.crid = k.crid OFFSET 0) AS d"#,
        pool.0,
        emails,
        single,
        changed,
        others,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(EntryRow::into_entry).collect()
}

const REGISTRATIONS_NEAR: &str = concat!(
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
    account_columns!("r"),
    " FROM near AS n
     CROSS JOIN LATERAL (SELECT * FROM registrations AS r WHERE r.pool = $1 AND r.id = n.id OFFSET 0) AS r"
);

/// The registrations of these ids, and two at most of each of these addresses and of the addresses of the former.
pub(super) async fn registrations_near(
    connection: &mut Transaction,
    pool: PoolId,
    crids: &[String],
    emails: &[String],
) -> Result<Vec<Account>, Trouble> {
    let rows = sqlx::query(REGISTRATIONS_NEAR)
        .bind(pool.0)
        .bind(crids)
        .bind(emails)
        .fetch_all(connection)
        .await?;
    accounts(&rows, pool)
}

const REGISTRATIONS_NUMBERED: &str = concat!(
    "SELECT ",
    account_columns!("r"),
    " FROM registrations AS r WHERE r.pool = $1 AND r.id = ANY ($2) AND r.deleted_at IS NULL"
);

/// The registrations of these numbers.
pub(super) async fn registrations_numbered(
    connection: &mut Transaction,
    pool: PoolId,
    ids: &[i64],
) -> Result<Vec<Account>, Trouble> {
    let rows = sqlx::query(REGISTRATIONS_NUMBERED)
        .bind(pool.0)
        .bind(ids)
        .fetch_all(connection)
        .await?;
    accounts(&rows, pool)
}

fn accounts(rows: &[PgRow], pool: PoolId) -> Result<Vec<Account>, Trouble> {
    let accounts = rows.iter().map(|row| account_of(row, 0, pool));
    Ok(accounts.collect::<Result<_, _>>()?)
}

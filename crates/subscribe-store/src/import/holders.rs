//! The registrations that have the ids and addresses of a batch.

use std::collections::{HashMap, HashSet};

use masthead_domain::tenant::PoolId;
use sqlx::postgres::PgRow;

use super::{
    error::ImportStopError,
    row::{ImportRow, PoolKey},
};
use crate::{
    database::Transaction,
    record::NewRegistration,
    row::{self, ACCOUNT_COLUMNS, RowError, account_columns, read_account},
};

/// Who has the ids and addresses of a batch.
#[derive(Default)]
pub(super) struct Holders {
    pub(super) ids: HashSet<PoolKey>,
    /// Only of pools in which an address is unique.
    pub(super) emails: HashMap<PoolKey, Box<str>>,
    /// The users, by their ids; only where rows can change them. Their rows are locked, but in a dry run.
    pub(super) users: HashMap<PoolKey, StoredRow>,
}

/// A user of the pool, before a batch.
pub(super) struct StoredRow {
    /// The number of the registration; `None` for one that a dry run would have written.
    pub(super) number: Option<i64>,
    pub(super) new: NewRegistration,
}

/// The pools and keys of a batch, as columns.
#[derive(Default)]
struct KeyColumns {
    pools: Vec<i64>,
    texts: Vec<String>,
}

impl KeyColumns {
    fn push(&mut self, (pool, text): PoolKey) {
        self.pools.push(pool);
        self.texts.push(text.into());
    }
}

/// Finds the ids and addresses that registrations have, and their numbers.
pub(super) async fn find(
    transaction: &mut Transaction,
    rows: &[Option<ImportRow>],
    mastered: &HashSet<i64>,
) -> Result<(Holders, HashSet<(i64, i64)>), ImportStopError> {
    let (mut ids, mut emails) = (KeyColumns::default(), KeyColumns::default());
    for row in rows.iter().flatten() {
        let (id, email) = row.keys(mastered);
        ids.push(id);
        if let Some(email) = email {
            emails.push(email);
        }
    }
    let mut holders = Holders::default();
    let mut numbers = HashSet::new();
    // `OFFSET 0`: one index scan per key. A plain join reads the whole pool whenever the planner believes that it is small.
    let found = sqlx::query!(
        r#"SELECT k.pool AS "pool!", k.crid AS "crid!", r.id AS "number!" FROM unnest($1::bigint[], $2::text[]) AS k (pool, crid)
           CROSS JOIN LATERAL (SELECT r.id FROM registrations AS r
              WHERE r.pool = k.pool AND r.crid = k.crid AND r.deleted_at IS NULL OFFSET 0) AS r"#,
        &ids.pools,
        &ids.texts,
    )
    .fetch_all(&mut *transaction)
    .await?;
    for row in found {
        numbers.insert((row.pool, row.number));
        holders.ids.insert((row.pool, row.crid.into()));
    }
    if !emails.texts.is_empty() {
        let found = sqlx::query!(
            r#"SELECT k.pool AS "pool!", k.email_key AS "email_key!", r.crid AS "crid!", r.id AS "number!"
                 FROM unnest($1::bigint[], $2::text[]) AS k (pool, email_key)
                CROSS JOIN LATERAL (SELECT r.id, r.crid FROM registrations AS r
                   WHERE r.pool = k.pool AND r.email_key = k.email_key AND r.deleted_at IS NULL OFFSET 0) AS r"#,
            &emails.pools,
            &emails.texts,
        )
        .fetch_all(transaction)
        .await?;
        for row in found {
            numbers.insert((row.pool, row.number));
            holders.emails.insert((row.pool, row.email_key.into()), row.crid.into());
        }
    }
    Ok((holders, numbers))
}

macro_rules! users {
    ($end:literal) => {
        concat!(
            "SELECT ",
            account_columns!(),
            ", r.password_hash FROM unnest($1::bigint[], $2::bigint[]) AS k (pool, id) \
               JOIN registrations AS r ON r.pool = k.pool AND r.id = k.id WHERE r.deleted_at IS NULL ORDER BY r.pool, r.id",
            $end
        )
    };
}

/// Reads the users of these numbers, and locks them unless nothing will be written.
pub(super) async fn read_users(
    transaction: &mut Transaction,
    numbers: HashSet<(i64, i64)>,
    locks: bool,
) -> Result<HashMap<PoolKey, StoredRow>, ImportStopError> {
    let (pools, ids): (Vec<i64>, Vec<i64>) = numbers.into_iter().unzip();
    let statement = if locks { users!(" FOR UPDATE OF r") } else { users!("") };
    let rows = sqlx::query(statement)
        .bind(pools)
        .bind(ids)
        .fetch_all(transaction)
        .await?;
    let users = rows.iter().map(read_user).collect::<Result<_, _>>()?;
    Ok(users)
}

fn read_user(row: &PgRow) -> Result<(PoolKey, StoredRow), RowError> {
    let pool = row::number(row, 0, "pool")?;
    let account = read_account(row, 0, PoolId(pool))?;
    let key = (pool, account.crid.as_str().into());
    let stored = StoredRow {
        number: account.registration_id,
        new: NewRegistration {
            crid: account.crid,
            email: account.email,
            first_name: account.first_name,
            last_name: account.last_name,
            verified: account.verified == Some(true),
            password_hash: row::optional_text(row, ACCOUNT_COLUMNS, "password_hash")?.map(Into::into),
            metadata: account.metadata,
            registered_at: account.registered_at,
            changed_at: account.changed_at,
            last_logout_at: account.last_logout_at,
        },
    };
    Ok((key, stored))
}

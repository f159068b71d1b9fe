//! The statement of a batch, and whose row is whose.

use std::sync::Arc;

use masthead_domain::{account::Account, tenant::PoolId};
use masthead_ports::source::SourceErrorKind;
use sqlx::{
    Postgres,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use super::{Failed, Key, worker::Answer};
use crate::row::{BadRow, account_columns, account_of};

/// The accounts of some keys. `OFFSET 0` keeps each look-up an index scan of its own, whatever the planner thinks of the
/// arrays.
macro_rules! looked_up {
    ($number:literal, $pools:literal, $keys:literal, $column:literal) => {
        concat!(
            "SELECT ",
            $number,
            ", ",
            account_columns!("r"),
            " FROM unnest(",
            $pools,
            "::bigint[], ",
            $keys,
            "::text[]) WITH ORDINALITY AS k (pool, key, n) \
             CROSS JOIN LATERAL (SELECT * FROM registrations AS r \
                WHERE r.pool = k.pool AND r.",
            $column,
            " = k.key AND r.deleted_at IS NULL OFFSET 0) AS r"
        )
    };
}

// What a batch does not ask for costs as much to set up as some keys cost to find, and most batches are of one kind.
const BY_ID: &str = looked_up!("k.n", "$1", "$2", "crid");
const BY_EMAIL: &str = looked_up!("-k.n", "$1", "$2", "email_key");
const BY_EITHER: &str = concat!(
    looked_up!("k.n", "$1", "$2", "crid"),
    " UNION ALL ",
    looked_up!("-k.n", "$3", "$4", "email_key")
);

/// The keys of a batch, by their kind. Rows carry the number of their key: positive for ids, negative for addresses, from one.
pub(super) struct Statement<'a> {
    keys: &'a [(PoolId, &'a Key)],
    ids: Column<'a>,
    emails: Column<'a>,
}

/// The keys of one kind.
#[derive(Default)]
struct Column<'a> {
    pools: Vec<i64>,
    keys: Vec<&'a str>,
    /// Where each stands in the batch.
    places: Vec<usize>,
}

impl<'a> Statement<'a> {
    pub(super) fn of(keys: &'a [(PoolId, &'a Key)]) -> Self {
        let (mut ids, mut emails) = (Column::default(), Column::default());
        for (place, (pool, key)) in keys.iter().enumerate() {
            match key {
                Key::Id(crid) => ids.push(*pool, crid.as_str(), place),
                Key::Email(email) => emails.push(*pool, email.as_str(), place),
            }
        }
        Self { keys, ids, emails }
    }

    pub(super) fn query(&self) -> Query<'_, Postgres, PgArguments> {
        let (sql, columns): (_, &[&Column<'_>]) = if self.emails.keys.is_empty() {
            (BY_ID, &[&self.ids])
        } else if self.ids.keys.is_empty() {
            (BY_EMAIL, &[&self.emails])
        } else {
            (BY_EITHER, &[&self.ids, &self.emails])
        };
        columns.iter().fold(sqlx::query(sql), |query, column| {
            query.bind(&*column.pools).bind(&*column.keys)
        })
    }

    /// Gives each row to the key that it answers.
    pub(super) fn answers(&self, rows: &[PgRow]) -> Vec<Answer> {
        let mut answers: Vec<Answer> = self.keys.iter().map(|_| Ok(Vec::new())).collect();
        for row in rows {
            let Some(place) = number(row).and_then(|number| self.place(number)) else {
                tracing::error!("a row that answers no look-up was read");
                continue;
            };
            match account_of(row, 1, self.keys[place].0) {
                Ok(account) => {
                    if let Ok(accounts) = &mut answers[place] {
                        accounts.push(account);
                    }
                }
                Err(bad) => answers[place] = Err(refused(bad)),
            }
        }
        for accounts in answers.iter_mut().flatten() {
            accounts.sort_unstable_by(|a: &Account, b: &Account| a.crid.cmp(&b.crid));
        }
        answers
    }

    /// The place of a row's key in the batch.
    fn place(&self, number: i64) -> Option<usize> {
        let column = if number > 0 { &self.ids } else { &self.emails };
        let at = usize::try_from(number.unsigned_abs()).ok()?.checked_sub(1)?;
        column.places.get(at).copied()
    }
}

impl<'a> Column<'a> {
    fn push(&mut self, pool: PoolId, key: &'a str, place: usize) {
        self.pools.push(pool.0);
        self.keys.push(key);
        self.places.push(place);
    }
}

fn number(row: &PgRow) -> Option<i64> {
    sqlx::Row::try_get_unchecked(row, 0).ok()
}

fn refused(bad: BadRow) -> Failed {
    tracing::error!(reason = %bad, "a row was refused");
    Failed {
        kind: SourceErrorKind::Corrupt,
        cause: Some(Arc::new(bad)),
    }
}

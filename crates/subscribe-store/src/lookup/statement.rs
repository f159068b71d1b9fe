//! The statement of a batch, and the assignment of its rows to keys.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use masthead_domain::{tenant::PoolId, user_key::UserKey};
use masthead_ports::source::SourceErrorKind;
use sqlx::{
    Postgres,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use super::key::{KeyError, KeyResult};
use crate::{
    query_tag::ForeignRowError,
    row::{account_columns, collect_account, is_empty, sort_accounts},
};

/// The accounts of some keys, and a row without an account for each key that has none. Absence is an explicit row, so that a
/// missing answer or the rows of another statement are never mistaken for it. `OFFSET 0` keeps each look-up a separate index
/// scan, independent of the estimates for the arrays.
macro_rules! looked_up {
    ($number:literal, $pools:literal, $keys:literal, $column:literal) => {
        concat!(
            "SELECT ",
            $number,
            " AS number, ",
            account_columns!(),
            " FROM unnest(",
            $pools,
            "::bigint[], ",
            $keys,
            "::text[]) WITH ORDINALITY AS k (pool, key, n) \
             LEFT JOIN LATERAL (SELECT * FROM registrations AS r \
                WHERE r.pool = k.pool AND r.",
            $column,
            " = k.key AND r.deleted_at IS NULL OFFSET 0) AS r ON true"
        )
    };
}

// Most batches have keys of one kind only, and the unused branch would cost as much to set up as some look-ups.
pub(crate) const BY_ID: &str = looked_up!("$1::bigint + k.n", "$2", "$3", "crid");
pub(crate) const BY_EMAIL: &str = looked_up!("-($1::bigint + k.n)", "$2", "$3", "email_key");
pub(crate) const BY_EITHER: &str = concat!(
    looked_up!("$1::bigint + k.n", "$2", "$3", "crid"),
    " UNION ALL ",
    looked_up!("-($1::bigint + k.n)", "$4", "$5", "email_key")
);

static LAST_NUMBER: AtomicI64 = AtomicI64::new(0);

/// The keys of a batch, by kind. Each row carries the number of its key, unique in this process: positive for ids, negative
/// for addresses.
pub(super) struct LookupStatement<'a> {
    keys: &'a [(PoolId, &'a UserKey)],
    /// The number before the first key.
    before: i64,
    ids: KeyColumn<'a>,
    emails: KeyColumn<'a>,
}

/// The keys of one kind.
#[derive(Default)]
struct KeyColumn<'a> {
    pools: Vec<i64>,
    keys: Vec<&'a str>,
    positions: Vec<usize>,
}

impl<'a> LookupStatement<'a> {
    pub(super) fn new(keys: &'a [(PoolId, &'a UserKey)]) -> Self {
        let (mut ids, mut emails) = (KeyColumn::default(), KeyColumn::default());
        for (position, (pool, key)) in keys.iter().enumerate() {
            match key {
                UserKey::Id(crid) => ids.push(*pool, crid.as_str(), position),
                UserKey::Email(email) => emails.push(*pool, email.as_str(), position),
            }
        }
        let count = i64::try_from(keys.len()).unwrap_or(i64::MAX);
        Self {
            keys,
            before: LAST_NUMBER.fetch_add(count, Ordering::Relaxed),
            ids,
            emails,
        }
    }

    pub(super) fn query(&self) -> Query<'_, Postgres, PgArguments> {
        let (sql, columns): (_, &[&KeyColumn<'_>]) = if self.emails.keys.is_empty() {
            (BY_ID, &[&self.ids])
        } else if self.ids.keys.is_empty() {
            (BY_EMAIL, &[&self.emails])
        } else {
            (BY_EITHER, &[&self.ids, &self.emails])
        };
        columns
            .iter()
            .fold(sqlx::query(sql).bind(self.before), |query, column| {
                query.bind(&*column.pools).bind(&*column.keys)
            })
    }

    /// Assigns each row to its key; every key has at least one row.
    ///
    /// # Errors
    /// A row belongs to another statement, pool or key, or a key has no row: then none of the rows can be trusted.
    pub(super) fn answers(&self, rows: &[PgRow]) -> Result<Vec<KeyResult>, ForeignRowError> {
        let mut answers: Vec<Option<KeyResult>> = self.keys.iter().map(|_| None).collect();
        for row in rows {
            let position = number(row)
                .and_then(|number| self.position(number))
                .ok_or(ForeignRowError::Row)?;
            let (pool, key) = self.keys[position];
            let answer = answers[position].get_or_insert_with(|| Ok(Vec::new()));
            if is_empty(row, 1) {
                continue;
            }
            collect_account(
                answer,
                (row, 1),
                pool,
                |account| key.matches(account),
                |error| KeyError {
                    kind: SourceErrorKind::Corrupt,
                    cause: Some(Arc::new(error)),
                },
            )?;
        }
        let mut answers: Vec<KeyResult> = answers
            .into_iter()
            .collect::<Option<_>>()
            .ok_or(ForeignRowError::Missing)?;
        sort_accounts(&mut answers);
        Ok(answers)
    }

    /// The position of a row's key in the batch.
    fn position(&self, number: i64) -> Option<usize> {
        let column = if number > 0 { &self.ids } else { &self.emails };
        let at = number.checked_abs()?.checked_sub(self.before)?.checked_sub(1)?;
        column.positions.get(usize::try_from(at).ok()?).copied()
    }
}

impl<'a> KeyColumn<'a> {
    fn push(&mut self, pool: PoolId, key: &'a str, position: usize) {
        self.pools.push(pool.0);
        self.keys.push(key);
        self.positions.push(position);
    }
}

fn number(row: &PgRow) -> Option<i64> {
    sqlx::Row::try_get_unchecked(row, 0).ok()
}

#[cfg(test)]
mod tests {
    use masthead_dev_postgres::TestDatabase;
    use masthead_domain::{customer_registration_id::CustomerRegistrationId, email::EmailKey};
    use sqlx::PgConnection;

    use super::*;
    use crate::hand_written::connect;

    /// The rows of a batch, from a database whose only user is `one` in pool 1.
    async fn rows(connection: &mut PgConnection, statement: &LookupStatement<'_>) -> Vec<PgRow> {
        statement.query().fetch_all(connection).await.unwrap()
    }

    async fn connection() -> (TestDatabase, PgConnection) {
        let (database, connection) = connect().await;
        let one = "INSERT INTO pools (name, masters_accounts) VALUES ('p', true);
            INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key,
                first_name, last_name, metadata, search_terms)
            VALUES (1, 0, true, true, 'one', 'one@example.org', '', '', '', '', '{}', '{}')";
        database.run(one).unwrap();
        (database, connection)
    }

    fn id(crid: &str) -> UserKey {
        UserKey::Id(CustomerRegistrationId::parse(crid).unwrap())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn foreign_or_truncated_answer_is_rejected() {
        let (_database, mut connection) = connection().await;
        let (one, none) = (id("one"), id("none"));
        let email = UserKey::Email(EmailKey::from_text("one@example.org"));
        let pool = PoolId(1);
        let keys = [(pool, &one), (pool, &none), (pool, &email)];
        let statement = LookupStatement::new(&keys);
        let answer = rows(&mut connection, &statement).await;
        let counts = statement
            .answers(&answer)
            .unwrap()
            .into_iter()
            .map(|key| key.unwrap().len());
        assert_eq!(counts.collect::<Vec<_>>(), [1, 0, 1], "absence is a row as well");

        // The same keys queried a moment later: the rows are stale.
        assert_eq!(
            LookupStatement::new(&keys).answers(&answer).unwrap_err(),
            ForeignRowError::Row
        );
        // A truncated answer does not confirm absence.
        assert_eq!(statement.answers(&answer[..2]).unwrap_err(), ForeignRowError::Missing);
        assert_eq!(statement.answers(&[]).unwrap_err(), ForeignRowError::Missing);

        // A statement of another client, with our parameters.
        for (keys, text) in [
            ([(pool, &one), (pool, &none)], BY_EMAIL),
            ([(pool, &email), (pool, &email)], BY_ID),
        ] {
            let statement = LookupStatement::new(&keys);
            let column = if statement.ids.keys.is_empty() {
                &statement.emails
            } else {
                &statement.ids
            };
            let foreign = sqlx::query(text)
                .bind(statement.before)
                .bind(&*column.pools)
                .bind(&*column.keys);
            let answer = foreign.fetch_all(&mut connection).await.unwrap();
            assert_eq!(statement.answers(&answer).unwrap_err(), ForeignRowError::Row);
        }

        // A row with the right number, but of another key or pool.
        let (keys, others) = ([(pool, &one)], [[(pool, &none)], [(PoolId(2), &one)]]);
        let mut statement = LookupStatement::new(&keys);
        let answer = rows(&mut connection, &statement).await;
        for other in &others {
            statement.keys = other;
            assert_eq!(statement.answers(&answer).unwrap_err(), ForeignRowError::Row);
        }
    }
}

//! The statement of a batch, and whose row is whose.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use masthead_domain::{account::Account, tenant::PoolId};
use masthead_ports::source::SourceErrorKind;
use sqlx::{
    Postgres,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use super::{Failed, Key, worker::Answer};
use crate::{
    question::Foreign,
    row::{BadRow, account_columns, account_of, is_empty},
};

/// The accounts of some keys, and a row without an account for each key that has none: absence is a row too, so that silence
/// and another statement's rows are never taken for it. `OFFSET 0` keeps each look-up an index scan of its own, whatever the
/// planner thinks of the arrays.
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
             LEFT JOIN LATERAL (SELECT * FROM registrations AS r \
                WHERE r.pool = k.pool AND r.",
            $column,
            " = k.key AND r.deleted_at IS NULL OFFSET 0) AS r ON true"
        )
    };
}

// What a batch does not ask for costs as much to set up as some keys cost to find, and most batches are of one kind.
const BY_ID: &str = looked_up!("$1::bigint + k.n", "$2", "$3", "crid");
const BY_EMAIL: &str = looked_up!("-($1::bigint + k.n)", "$2", "$3", "email_key");
const BY_EITHER: &str = concat!(
    looked_up!("$1::bigint + k.n", "$2", "$3", "crid"),
    " UNION ALL ",
    looked_up!("-($1::bigint + k.n)", "$4", "$5", "email_key")
);

/// The last number that a key has had in this process.
static LAST_NUMBER: AtomicI64 = AtomicI64::new(0);

/// The keys of a batch, by their kind. Rows carry the number of their key, which no other key of this process has: positive
/// for ids, negative for addresses.
pub(super) struct Statement<'a> {
    keys: &'a [(PoolId, &'a Key)],
    /// The number before the first key's.
    before: i64,
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
        let count = i64::try_from(keys.len()).unwrap_or(i64::MAX);
        Self {
            keys,
            before: LAST_NUMBER.fetch_add(count, Ordering::Relaxed),
            ids,
            emails,
        }
    }

    pub(super) fn query(&self) -> Query<'_, Postgres, PgArguments> {
        let (sql, columns): (_, &[&Column<'_>]) = if self.emails.keys.is_empty() {
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

    /// Gives each row to the key that it answers; every key has at least one.
    ///
    /// # Errors
    /// A row is not of this statement, pool or key, or a key has no row: then no row of them can be trusted.
    pub(super) fn answers(&self, rows: &[PgRow]) -> Result<Vec<Answer>, Foreign> {
        let mut answers: Vec<Option<Answer>> = self.keys.iter().map(|_| None).collect();
        for row in rows {
            let place = number(row).and_then(|number| self.place(number)).ok_or(Foreign::Row)?;
            let (pool, key) = self.keys[place];
            let answer = answers[place].get_or_insert_with(|| Ok(Vec::new()));
            if is_empty(row, 1) {
                continue;
            }
            match account_of(row, 1, pool) {
                Ok(account) if !key.is_of(&account) => return Err(Foreign::Row),
                Err(BadRow::WrongPool) => return Err(Foreign::Row),
                Ok(account) => {
                    if let Ok(accounts) = answer {
                        accounts.push(account);
                    }
                }
                Err(bad) => *answer = Err(refused(bad)),
            }
        }
        let mut answers: Vec<Answer> = answers.into_iter().collect::<Option<_>>().ok_or(Foreign::Missing)?;
        for accounts in answers.iter_mut().flatten() {
            accounts.sort_unstable_by(|a: &Account, b: &Account| a.crid.cmp(&b.crid));
        }
        Ok(answers)
    }

    /// The place of a row's key in the batch.
    fn place(&self, number: i64) -> Option<usize> {
        let column = if number > 0 { &self.ids } else { &self.emails };
        let at = number.checked_abs()?.checked_sub(self.before)?.checked_sub(1)?;
        column.places.get(usize::try_from(at).ok()?).copied()
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

#[cfg(test)]
mod tests {
    use masthead_dev_postgres::TestDatabase;
    use masthead_domain::{customer_registration_id::CustomerRegistrationId, email::EmailKey};
    use sqlx::{Connection as _, PgConnection};

    use super::*;
    use crate::schema;

    /// The rows of a batch, from a database in which user 1 of pool 1 is all there is.
    async fn rows(connection: &mut PgConnection, statement: &Statement<'_>) -> Vec<PgRow> {
        statement.query().fetch_all(connection).await.unwrap()
    }

    async fn connection() -> (TestDatabase, PgConnection) {
        let database = tokio::task::spawn_blocking(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            TestDatabase::from_template(&schema::fingerprint(), |url| {
                runtime.block_on(schema::migrate(url)).map(|_| ())
            })
        });
        let database = database.await.unwrap().unwrap();
        let one = "INSERT INTO pools (name, masters_accounts) VALUES ('p', true);
            INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key,
                first_name, last_name, metadata, tokens)
            VALUES (1, 0, true, true, 'one', 'one@example.org', '', '', '', '', '{}', '{}')";
        database.run(one).unwrap();
        let connection = PgConnection::connect(&database.url().unwrap()).await.unwrap();
        (database, connection)
    }

    fn id(crid: &str) -> Key {
        Key::Id(CustomerRegistrationId::parse(crid).unwrap())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_answer_to_another_question_is_refused_as_a_whole() {
        let (_database, mut connection) = connection().await;
        let (one, none) = (id("one"), id("none"));
        let email = Key::Email(EmailKey::from_text("one@example.org"));
        let pool = PoolId(1);
        let keys = [(pool, &one), (pool, &none), (pool, &email)];
        let asked = Statement::of(&keys);
        let answer = rows(&mut connection, &asked).await;
        let counts = asked
            .answers(&answer)
            .unwrap()
            .into_iter()
            .map(|key| key.unwrap().len());
        assert_eq!(counts.collect::<Vec<_>>(), [1, 0, 1], "absence is a row as well");

        // The same keys, asked a moment later: the answer is stale, and not theirs.
        assert_eq!(Statement::of(&keys).answers(&answer).unwrap_err(), Foreign::Row);
        // An answer of which a part, or all, is missing says nothing of the keys without a row.
        assert_eq!(asked.answers(&answer[..2]).unwrap_err(), Foreign::Missing);
        assert_eq!(asked.answers(&[]).unwrap_err(), Foreign::Missing);

        // The statement of another client: its parameters are ours, its text is not.
        for (keys, text) in [
            ([(pool, &one), (pool, &none)], BY_EMAIL),
            ([(pool, &email), (pool, &email)], BY_ID),
        ] {
            let asked = Statement::of(&keys);
            let column = if asked.ids.keys.is_empty() {
                &asked.emails
            } else {
                &asked.ids
            };
            let foreign = sqlx::query(text)
                .bind(asked.before)
                .bind(&*column.pools)
                .bind(&*column.keys);
            let answer = foreign.fetch_all(&mut connection).await.unwrap();
            assert_eq!(asked.answers(&answer).unwrap_err(), Foreign::Row);
        }

        // A row with the right number, of another key or another pool.
        let (keys, others) = ([(pool, &one)], [[(pool, &none)], [(PoolId(2), &one)]]);
        let mut asked = Statement::of(&keys);
        let answer = rows(&mut connection, &asked).await;
        for other in &others {
            asked.keys = other;
            assert_eq!(asked.answers(&answer).unwrap_err(), Foreign::Row);
        }
    }
}

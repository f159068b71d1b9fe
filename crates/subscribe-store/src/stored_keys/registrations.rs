//! The keys and tokens of registrations.

use masthead_domain::{email::Email, tenant::PoolId};

use super::{KeysMade, Place, Window, folds_otherwise};
use crate::{database::Transaction, directory::Trouble, pairs::metadata_of, record::Keys, tokens};

/// How many rows one transaction looks at.
const WINDOW: i64 = 2000;

struct Row {
    pool: i64,
    id: i64,
    email_key: String,
    email_typed: Option<String>,
    first_name: String,
    last_name: String,
    first_key: String,
    last_key: String,
    metadata: String,
    tokens: Vec<i64>,
}

/// Rows to be written, column by column.
#[derive(Default)]
struct Rows {
    pools: Vec<i64>,
    ids: Vec<i64>,
    email_keys: Vec<String>,
    first_names: Vec<String>,
    last_names: Vec<String>,
    metadata: Vec<String>,
    first_keys: Vec<String>,
    last_keys: Vec<String>,
    /// The tokens of all rows, one after the other, and where each row's begin and end, counted from 1.
    tokens: Vec<i64>,
    token_starts: Vec<i32>,
    token_ends: Vec<i32>,
}

impl Rows {
    fn add(&mut self, row: &Row, keys: Keys, tokens: &[i64]) {
        let place = |at: usize| i32::try_from(at).unwrap_or(i32::MAX);
        self.pools.push(row.pool);
        self.ids.push(row.id);
        self.email_keys.push(row.email_key.clone());
        self.first_names.push(row.first_name.clone());
        self.last_names.push(row.last_name.clone());
        self.metadata.push(row.metadata.clone());
        self.first_keys.push(keys.first.into());
        self.last_keys.push(keys.last.into());
        self.token_starts.push(place(self.tokens.len() + 1));
        self.tokens.extend_from_slice(tokens);
        self.token_ends.push(place(self.tokens.len()));
    }
}

/// Looks at the registrations after the place, and moves it.
pub(super) async fn window(transaction: &mut Transaction, place: &Place) -> Result<Window, Trouble> {
    let (pool, id) = (place.registrations_pool, place.registrations_id);
    let last = sqlx::query!(
        r#"SELECT pool AS "pool!", id AS "id!"
             FROM (SELECT pool, id FROM registrations WHERE (pool, id) > ($1, $2) ORDER BY pool, id LIMIT $3) AS w
            ORDER BY pool DESC, id DESC LIMIT 1"#,
        pool,
        id,
        WINDOW,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(last) = last else {
        return Ok(Window {
            made: KeysMade::default(),
            is_last: true,
        });
    };
    // By the window's limit: a range of two unknowns would be a third of the table to the planner, and read as a whole.
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT pool AS "pool!", id AS "id!", email_key AS "email_key!", email_typed, first_name AS "first_name!",
                  last_name AS "last_name!", first_key AS "first_key!", last_key AS "last_key!", metadata::text AS "metadata!",
                  tokens AS "tokens!"
             FROM (SELECT * FROM registrations WHERE (pool, id) > ($1, $2) ORDER BY pool, id LIMIT $3) AS w
            WHERE (pool, id) <= ($4, $5) AND deleted_at IS NULL
              AND (first_name ~ $6 OR last_name ~ $6 OR metadata::text ~ $6)"#,
        pool,
        id,
        WINDOW,
        last.pool,
        last.id,
        folds_otherwise(),
    )
    .fetch_all(&mut *transaction)
    .await?;
    let made = write(transaction, &rows).await?;
    sqlx::query!(
        "UPDATE stored_keys SET registrations_pool = $1, registrations_id = $2",
        last.pool,
        last.id
    )
    .execute(transaction)
    .await?;
    Ok(Window { made, is_last: false })
}

/// Writes those of these rows whose keys or tokens are other ones. A row that was changed since it was read has keys of whoever
/// changed it, and is left as it is.
async fn write(transaction: &mut Transaction, rows: &[Row]) -> Result<KeysMade, Trouble> {
    let mut made = KeysMade::default();
    let mut changed = Rows::default();
    for row in rows {
        let email = (!row.email_key.is_empty()).then(|| Email::from_stored(row.email_typed.as_deref(), &row.email_key));
        let Ok(keys) = Keys::of(email.as_ref(), &row.first_name, &row.last_name) else {
            made.left += 1;
            continue;
        };
        let tokens = tokens::padded(tokens::of_row(PoolId(row.pool), &keys, &metadata_of(&row.metadata)?));
        if (&*row.first_key, &*row.last_key, &row.tokens) != (&*keys.first, &*keys.last, &tokens) {
            changed.add(row, keys, &tokens);
        }
    }
    if changed.ids.is_empty() {
        return Ok(made);
    }
    let written = sqlx::query!(
        "UPDATE registrations AS r
            SET first_key = u.first_key, last_key = u.last_key, tokens = ($5::bigint[])[u.token_start:u.token_end]
           FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $6::integer[], $7::integer[], $8::text[], $9::text[],
                       $10::text[], $11::text[])
                AS u (pool, id, first_key, last_key, token_start, token_end, email_key, first_name, last_name, metadata)
          WHERE r.pool = u.pool AND r.id = u.id AND r.email_key = u.email_key AND r.first_name = u.first_name
            AND r.last_name = u.last_name AND r.metadata::text = u.metadata AND r.deleted_at IS NULL",
        &changed.pools,
        &changed.ids,
        &changed.first_keys,
        &changed.last_keys,
        &changed.tokens,
        &changed.token_starts,
        &changed.token_ends,
        &changed.email_keys,
        &changed.first_names,
        &changed.last_names,
        &changed.metadata,
    )
    .execute(transaction)
    .await?;
    made.registrations = written.rows_affected();
    Ok(made)
}

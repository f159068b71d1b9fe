//! The keys and tokens of registrations.

use masthead_domain::{email::Email, tenant::PoolId};

use super::{KeysMade, Place, Window};
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
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT pool, id, email_key, email_typed, first_name, last_name, first_key, last_key, metadata::text AS "metadata!", tokens
             FROM registrations
            WHERE (pool, id) > ($1, $2) AND (pool, id) <= ($3, $4) AND deleted_at IS NULL
              AND (first_name ~ '[^\x01-\x7f]' OR last_name ~ '[^\x01-\x7f]' OR metadata::text ~ '[^\x01-\x7f]')
              FOR NO KEY UPDATE"#,
        pool,
        id,
        last.pool,
        last.id,
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

/// Writes those of these rows whose keys or tokens are other ones.
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
            made.registrations += 1;
            changed.add(row, keys, &tokens);
        }
    }
    if made.registrations == 0 {
        return Ok(made);
    }
    sqlx::query!(
        "UPDATE registrations AS r
            SET first_key = u.first_key, last_key = u.last_key, tokens = ($5::bigint[])[u.token_start:u.token_end]
           FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $6::integer[], $7::integer[])
                AS u (pool, id, first_key, last_key, token_start, token_end)
          WHERE r.pool = u.pool AND r.id = u.id",
        &changed.pools,
        &changed.ids,
        &changed.first_keys,
        &changed.last_keys,
        &changed.tokens,
        &changed.token_starts,
        &changed.token_ends,
    )
    .execute(transaction)
    .await?;
    Ok(made)
}

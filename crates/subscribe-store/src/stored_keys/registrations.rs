//! Recomputes the keys and search terms of registrations.

use masthead_domain::email::Email;

use super::progress::{KeysMade, RefoldPosition};
use crate::{database::Transaction, mirror::MirrorError, row, search_keys::SearchKeys, search_terms};

/// The number of rows per transaction.
const WINDOW: i64 = 2000;

struct RegistrationKeysRow {
    pool: i64,
    id: i64,
    email_key: String,
    email_typed: Option<String>,
    first_name: String,
    last_name: String,
    first_key: String,
    last_key: String,
    metadata: String,
    search_terms: Vec<i32>,
}

/// Rows to be written, column by column.
#[derive(Default)]
struct ChangedRegistrations {
    pools: Vec<i64>,
    ids: Vec<i64>,
    email_keys: Vec<String>,
    first_names: Vec<String>,
    last_names: Vec<String>,
    metadata: Vec<String>,
    first_keys: Vec<String>,
    last_keys: Vec<String>,
    /// The search terms of all rows, concatenated, and where each row's begin and end, counted from 1.
    search_terms: Vec<i32>,
    term_starts: Vec<i32>,
    term_ends: Vec<i32>,
}

impl ChangedRegistrations {
    fn add(&mut self, row: &RegistrationKeysRow, keys: SearchKeys, search_terms: &[i32]) {
        let place = |at: usize| i32::try_from(at).unwrap_or(i32::MAX);
        self.pools.push(row.pool);
        self.ids.push(row.id);
        self.email_keys.push(row.email_key.clone());
        self.first_names.push(row.first_name.clone());
        self.last_names.push(row.last_name.clone());
        self.metadata.push(row.metadata.clone());
        self.first_keys.push(keys.first.into());
        self.last_keys.push(keys.last.into());
        self.term_starts.push(place(self.search_terms.len() + 1));
        self.search_terms.extend_from_slice(search_terms);
        self.term_ends.push(place(self.search_terms.len()));
    }
}

/// Processes the next registrations, and advances the position; `None` if none are left.
pub(super) async fn recompute_window(
    transaction: &mut Transaction,
    position: &RefoldPosition,
) -> Result<Option<KeysMade>, MirrorError> {
    let (pool, id) = (position.registrations_pool, position.registrations_id);
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
        return Ok(None);
    };
    // Restricted by the window's LIMIT: the planner expects a third of the table in a range between two unknown values, and
    // would read the whole table.
    let rows = sqlx::query_as!(
        RegistrationKeysRow,
        r#"SELECT pool AS "pool!", id AS "id!", email_key AS "email_key!", email_typed, first_name AS "first_name!",
                  last_name AS "last_name!", first_key AS "first_key!", last_key AS "last_key!", metadata::text AS "metadata!",
                  search_terms AS "search_terms!"
             FROM (SELECT * FROM registrations WHERE (pool, id) > ($1, $2) ORDER BY pool, id LIMIT $3) AS w
            WHERE (pool, id) <= ($4, $5) AND deleted_at IS NULL
              AND (first_name ~ $6 OR last_name ~ $6 OR metadata::text ~ $6)"#,
        pool,
        id,
        WINDOW,
        last.pool,
        last.id,
        position.affected_pattern(),
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
    Ok(Some(made))
}

/// Writes the rows whose keys or terms differ. A row that has changed since it was read already has current keys, and is
/// skipped.
async fn write(transaction: &mut Transaction, rows: &[RegistrationKeysRow]) -> Result<KeysMade, MirrorError> {
    let mut made = KeysMade::default();
    let mut changed = ChangedRegistrations::default();
    for row in rows {
        let email = (!row.email_key.is_empty()).then(|| Email::from_stored(row.email_typed.as_deref(), &row.email_key));
        let Ok(keys) = SearchKeys::new(email.as_ref(), &row.first_name, &row.last_name) else {
            made.left += 1;
            continue;
        };
        let search_terms = search_terms::for_row(&keys, &row::metadata(&row.metadata)?);
        if (&*row.first_key, &*row.last_key, &row.search_terms) != (&*keys.first, &*keys.last, &search_terms) {
            changed.add(row, keys, &search_terms);
        }
    }
    if changed.ids.is_empty() {
        return Ok(made);
    }
    let written = sqlx::query!(
        "UPDATE registrations AS r
            SET first_key = u.first_key, last_key = u.last_key, search_terms = ($5::integer[])[u.term_start:u.term_end]
           FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $6::integer[], $7::integer[], $8::text[], $9::text[],
                       $10::text[], $11::text[])
                AS u (pool, id, first_key, last_key, term_start, term_end, email_key, first_name, last_name, metadata)
          WHERE r.pool = u.pool AND r.id = u.id AND r.email_key = u.email_key AND r.first_name = u.first_name
            AND r.last_name = u.last_name AND r.metadata::text = u.metadata AND r.deleted_at IS NULL",
        &changed.pools,
        &changed.ids,
        &changed.first_keys,
        &changed.last_keys,
        &changed.search_terms,
        &changed.term_starts,
        &changed.term_ends,
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

//! Runs a recomputation, window by window.

use masthead_domain::case::RULES;

use super::{
    entries,
    progress::{KeysMade, RefoldPosition},
    registrations,
};
use crate::{database::PgDatabase, mirror::MirrorError, sqlstate::PgErrorKind};

/// The number of retries of a window after a conflict with another transaction.
const TRIES: u32 = 5;

/// Recomputes all stored keys by the rules of this program.
pub(crate) async fn recompute(database: &PgDatabase) -> Result<KeysMade, MirrorError> {
    sqlx::query!(
        "UPDATE stored_keys SET new_rules = $1, registrations_pool = DEFAULT, registrations_id = DEFAULT,
                entries_pool = DEFAULT, entries_crid = DEFAULT
          WHERE new_rules IS DISTINCT FROM $1",
        RULES,
    )
    .execute(database)
    .await?;
    let mut made = KeysMade::default();
    let mut tries = 0;
    loop {
        match next_window(database).await {
            Ok(Some(more)) => made.add(more),
            Ok(None) => return Ok(made),
            Err(MirrorError::Database(error))
                if PgErrorKind::from_error(&error) == PgErrorKind::Contention && tries < TRIES =>
            {
                tries += 1;
                continue;
            }
            Err(trouble) => return Err(trouble),
        }
        tries = 0;
    }
}

/// Processes the next window of registrations, then of entries; `None` when all is done.
async fn next_window(database: &PgDatabase) -> Result<Option<KeysMade>, MirrorError> {
    let mut transaction = database.begin().await?;
    transaction.allow_long_statements().await?;
    let position = sqlx::query_as!(
        RefoldPosition,
        "SELECT rules, new_rules, registrations_pool, registrations_id, entries_pool, entries_crid FROM stored_keys FOR UPDATE",
    )
    .fetch_one(&mut transaction)
    .await?;
    // Another run has finished.
    if position.new_rules != Some(RULES) {
        return Ok(None);
    }
    let mut made = registrations::recompute_window(&mut transaction, &position).await?;
    if made.is_none() {
        made = entries::recompute_window(&mut transaction, &position).await?;
    }
    if made.is_none() {
        sqlx::query!("UPDATE stored_keys SET rules = $1, new_rules = NULL", RULES)
            .execute(&mut transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(Some(made.unwrap_or_default()))
}

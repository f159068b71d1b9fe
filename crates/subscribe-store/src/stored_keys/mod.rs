//! Recomputes stored keys after the folding rules have changed (ADR 0098): row by row in Rust, since no SQL function
//! computes them.
//!
//! All rows are processed in windows. Each window is a transaction that also advances the position in `stored_keys`, so that
//! an interrupted run is continued, and two runs share the work. Only rows with an affected character are read, and only
//! rows whose keys or search terms differ are written: repeating a run changes nothing.

mod entries;
mod registrations;

use masthead_domain::case::{ALIKE_BY_ALL_RULES, RULES};

use crate::{
    database::PgDatabase,
    mirror::{MirrorError, allow_long_statements},
    sqlstate::PgErrorKind,
};

/// The number of retries of a window after a conflict with another transaction.
const TRIES: u32 = 5;

/// The result of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeysMade {
    /// Registrations with new keys.
    pub registrations: u64,
    /// Mirror entries with new keys.
    pub entries: u64,
    /// Rows that keep their old keys, because the new ones are too long.
    pub left: u64,
}

impl KeysMade {
    fn add(&mut self, other: Self) {
        self.registrations += other.registrations;
        self.entries += other.entries;
        self.left += other.left;
    }
}

/// The result of a window.
struct WindowResult {
    made: KeysMade,
    /// No rows are left.
    is_last: bool,
}

/// A regular expression for texts whose keys may differ between rules.
fn affected_pattern() -> String {
    let range = |(first, last): &(char, char)| format!("\\u{:04x}-\\u{:04x}", u32::from(*first), u32::from(*last));
    let alike: Vec<String> = ALIKE_BY_ALL_RULES.iter().map(range).collect();
    format!("[^{}]", alike.concat())
}

/// The row of `stored_keys`.
struct RefoldPosition {
    new_rules: Option<i16>,
    registrations_pool: i64,
    registrations_id: i64,
    entries_pool: i64,
    entries_crid: String,
}

/// Recomputes all stored keys by the rules of this program.
pub(crate) async fn make(database: &PgDatabase) -> Result<KeysMade, MirrorError> {
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
        match refold_window(database).await {
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
async fn refold_window(database: &PgDatabase) -> Result<Option<KeysMade>, MirrorError> {
    let mut transaction = database.begin().await?;
    allow_long_statements(&mut transaction).await?;
    let position = sqlx::query_as!(
        RefoldPosition,
        "SELECT new_rules, registrations_pool, registrations_id, entries_pool, entries_crid FROM stored_keys FOR UPDATE",
    )
    .fetch_one(&mut transaction)
    .await?;
    // Another run has finished.
    if position.new_rules != Some(RULES) {
        return Ok(None);
    }
    let registrations = registrations::refold_window(&mut transaction, &position).await?;
    let mut made = registrations.made;
    if registrations.is_last {
        let entries = entries::refold_window(&mut transaction, &position).await?;
        made.add(entries.made);
        if entries.is_last {
            sqlx::query!("UPDATE stored_keys SET rules = $1, new_rules = NULL", RULES)
                .execute(&mut transaction)
                .await?;
        }
    }
    transaction.commit().await?;
    Ok(Some(made))
}

//! Making stored keys anew after the rules of folding have changed (ADR 0098): row by row in Rust, since no SQL function
//! computes them.
//!
//! It goes through all rows in windows. Each window is a transaction that also moves the place in `stored_keys`, so that a run
//! that is stopped goes on where it was, and two runs share the work. Only rows with a character that some rules fold otherwise
//! are read, and only rows whose keys or tokens differ are written: going through again changes nothing.

mod entries;
mod registrations;

use masthead_domain::case::{ALIKE_BY_ALL_RULES, RULES};

use crate::{
    database::Database,
    directory::{Trouble, patient},
    sqlstate::Failure,
};

/// How often a window is tried again that stood in the way of another transaction.
const TRIES: u32 = 5;

/// What a run has written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeysMade {
    /// Registrations with new keys.
    pub registrations: u64,
    /// Entries of directories with new keys.
    pub entries: u64,
    /// Rows that keep their old keys, because a name is too long in its new form.
    pub left: u64,
}

impl KeysMade {
    fn add(&mut self, other: Self) {
        self.registrations += other.registrations;
        self.entries += other.entries;
        self.left += other.left;
    }
}

/// What a window has come to.
struct Window {
    made: KeysMade,
    /// No row comes after it.
    is_last: bool,
}

/// A regular expression of Postgres that finds a character in a text of which keys may differ between rules.
fn folds_otherwise() -> String {
    let range = |(first, last): &(char, char)| format!("\\u{:04x}-\\u{:04x}", u32::from(*first), u32::from(*last));
    let alike: Vec<String> = ALIKE_BY_ALL_RULES.iter().map(range).collect();
    format!("[^{}]", alike.concat())
}

/// The row of `stored_keys`.
struct Place {
    new_rules: Option<i16>,
    registrations_pool: i64,
    registrations_id: i64,
    entries_pool: i64,
    entries_crid: String,
}

/// Makes all stored keys by the rules of this program.
pub(crate) async fn make(database: &Database) -> Result<KeysMade, Trouble> {
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
        match window(database).await {
            Ok(Some(more)) => made.add(more),
            Ok(None) => return Ok(made),
            Err(Trouble::Database(error)) if Failure::of(&error) == Failure::Contention && tries < TRIES => {
                tries += 1;
                continue;
            }
            Err(trouble) => return Err(trouble),
        }
        tries = 0;
    }
}

/// The next window of registrations, or of entries once all registrations are done; `None` when all is done.
async fn window(database: &Database) -> Result<Option<KeysMade>, Trouble> {
    let mut transaction = database.begin().await?;
    patient(&mut transaction).await?;
    let place = sqlx::query_as!(
        Place,
        "SELECT new_rules, registrations_pool, registrations_id, entries_pool, entries_crid FROM stored_keys FOR UPDATE",
    )
    .fetch_one(&mut transaction)
    .await?;
    // Another run has come to the end.
    if place.new_rules != Some(RULES) {
        return Ok(None);
    }
    let registrations = registrations::window(&mut transaction, &place).await?;
    let mut made = registrations.made;
    if registrations.is_last {
        let entries = entries::window(&mut transaction, &place).await?;
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

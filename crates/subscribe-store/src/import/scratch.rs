//! What an import puts aside while it runs: texts by keys, in an unlogged table, so that memory stays bounded.

use std::collections::HashMap;

use super::error::ImportStopError;
use crate::database::Transaction;

/// What is put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScratchKind {
    /// The password hash of a key of the second file.
    Hash,
    /// A row with the key [`BEGUN`] from the first hashes on, and one with the key [`COMPLETE`] once all are there, with what was
    /// counted: an unlogged table is empty after a crash.
    HashesMark,
    /// A user that a dry run would have written, by pool and id.
    User,
    /// The id of such a user, by pool and address.
    Address,
}

impl ScratchKind {
    const fn number(self) -> i16 {
        match self {
            Self::Hash => 0,
            Self::HashesMark => 1,
            Self::User => 2,
            Self::Address => 3,
        }
    }
}

/// The key of the mark of the first hashes.
pub(super) const BEGUN: &str = "begun";
/// The key of the mark of all hashes.
pub(super) const COMPLETE: &str = "";

/// Writes texts; a later one of a key replaces the one before.
pub(super) async fn put(
    transaction: &mut Transaction,
    run: &str,
    kind: ScratchKind,
    texts: &HashMap<String, String>,
) -> Result<(), ImportStopError> {
    let keys: Vec<&str> = texts.keys().map(String::as_str).collect();
    let values: Vec<&str> = texts.values().map(String::as_str).collect();
    sqlx::query!(
        "INSERT INTO import_scratch (kind, run, key, value)
         SELECT $1, $2, k.key, k.value FROM unnest($3::text[], $4::text[]) AS k (key, value)
             ON CONFLICT (run, kind, key) DO UPDATE SET value = excluded.value",
        kind.number(),
        run,
        &keys as &[&str],
        &values as &[&str],
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// The texts of these keys.
pub(super) async fn find(
    transaction: &mut Transaction,
    run: &str,
    kind: ScratchKind,
    keys: &[String],
) -> Result<HashMap<String, String>, ImportStopError> {
    let found = sqlx::query!(
        r#"SELECT k.key AS "key!", s.value AS "value!" FROM unnest($3::text[]) AS k (key)
           CROSS JOIN LATERAL (SELECT s.value FROM import_scratch AS s
              WHERE s.run = $2 AND s.kind = $1 AND s.key = k.key OFFSET 0) AS s"#,
        kind.number(),
        run,
        keys,
    )
    .fetch_all(transaction)
    .await?;
    Ok(found.into_iter().map(|row| (row.key, row.value)).collect())
}

/// Fails with [`ImportStopError::HashesLost`] unless this mark of the hashes is still there.
pub(super) async fn require_mark(transaction: &mut Transaction, run: &str, mark: &str) -> Result<(), ImportStopError> {
    let marks = find(transaction, run, ScratchKind::HashesMark, &[mark.to_owned()]).await?;
    if marks.is_empty() {
        return Err(ImportStopError::HashesLost);
    }
    Ok(())
}

/// Deletes all that a run has put aside.
pub(super) async fn clear(transaction: &mut Transaction, run: &str) -> Result<(), ImportStopError> {
    sqlx::query!("DELETE FROM import_scratch WHERE run = $1", run)
        .execute(transaction)
        .await?;
    Ok(())
}

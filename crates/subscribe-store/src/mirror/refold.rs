//! Recomputes the keys of entries after the folding rules have changed.

use masthead_domain::{join::AccountPair, tenant::PoolId};

use super::{
    entry_rows::{EntryRows, StoredEntryKeys},
    error::MirrorError,
    mirror_row,
    nearby::{find_entries, find_registrations},
    rejoin::{Changes, rejoin},
};
use crate::database::Transaction;

/// Recomputes the keys and search terms of a pool's entries after one id up to another, at most `most`, and writes those
/// that differ. Only texts that match the regular expression can differ. Returns how many were written, and how many kept
/// their old keys because the new ones are too long.
pub(crate) async fn fold_again(
    transaction: &mut Transaction,
    pool: PoolId,
    (after, up_to, most): (&str, &str, i64),
    folds_otherwise: &str,
) -> Result<(u64, u64), MirrorError> {
    let Some(state) = mirror_row::lock(transaction, pool.0).await? else {
        return Ok((0, 0));
    };
    let precedence = state.merged_by()?;
    let stored = sqlx::query_as!(
        StoredEntryKeys,
        r#"SELECT d.crid AS "crid!", d.first_key AS "first_key!", d.last_key AS "last_key!",
                  d.search_terms AS "search_terms!"
             FROM (SELECT * FROM mirror_entries WHERE pool = $1 AND crid > $2 ORDER BY crid LIMIT $3) AS d
             LEFT JOIN registrations AS r ON r.pool = d.pool AND r.id = d.registration_id
            WHERE d.crid <= $4
              AND (d.profile::text ~ $5 OR r.first_name ~ $5 OR r.last_name ~ $5 OR r.metadata::text ~ $5)
            ORDER BY d.crid"#,
        pool.0,
        after,
        most,
        up_to,
        folds_otherwise,
    )
    .fetch_all(&mut *transaction)
    .await?;
    let crids: Vec<String> = stored.iter().map(|keys| keys.crid.clone()).collect();
    let mut entries = find_entries(transaction, pool, &crids).await?;
    entries.sort_unstable_by(|a, b| a.crid.cmp(&b.crid));
    let ids: Vec<i64> = entries.iter().filter_map(|entry| entry.registration_id).collect();
    let registrations = find_registrations(transaction, pool, &ids).await?;

    let mut changes = Changes::default();
    let (mut written, mut left) = (0, 0);
    for (keys, entry) in stored.iter().zip(entries) {
        let registration = |id| registrations.iter().find(|known| known.registration_id == Some(id));
        let pair = AccountPair {
            provider: entry.profile.as_ref().map(|profile| profile.account.clone()),
            store: entry.registration_id.and_then(registration).cloned(),
        };
        let mut row = EntryRows::default();
        match row.add(&pair, entry.profile.as_ref(), &precedence) {
            Ok(()) if row.has_keys(keys) => {}
            Ok(()) => {
                written += 1;
                changes.again(entry);
            }
            Err(MirrorError::Field(_)) => left += 1,
            Err(trouble) => return Err(trouble),
        }
    }
    rejoin(transaction, pool, &precedence, changes).await?;
    Ok((written, left))
}

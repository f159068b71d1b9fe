//! Writing again the entries whose keys or tokens were made by other rules of folding.

use masthead_domain::{join::AccountPair, tenant::PoolId};

use super::{
    near::{entries_of, registrations_numbered},
    settle::{Changes, settle},
    state,
    trouble::Trouble,
    write::{Rows, StoredKeys},
};
use crate::database::Transaction;

/// Writes again those of a pool's entries after one id up to another, `most` at most, whose keys or tokens differ from what they are by the
/// rules of this program. Only texts that the regular expression finds something in can make a difference. Answers how many, and
/// how many could not be made because a name is too long in its new form.
pub(crate) async fn fold_again(
    transaction: &mut Transaction,
    pool: PoolId,
    (after, up_to, most): (&str, &str, i64),
    folds_otherwise: &str,
) -> Result<(u64, u64), Trouble> {
    let Some(state) = state::lock(transaction, pool.0).await? else {
        return Ok((0, 0));
    };
    let precedence = state.merged_by()?;
    let stored = sqlx::query_as!(
        StoredKeys,
        r#"SELECT d.crid AS "crid!", d.first_key AS "first_key!", d.last_key AS "last_key!",
                  d.shares_tokens AS "shares_tokens!", d.tokens AS "tokens!"
             FROM (SELECT * FROM directory_entries WHERE pool = $1 AND crid > $2 ORDER BY crid LIMIT $3) AS d
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
    let mut entries = entries_of(transaction, pool, &crids).await?;
    entries.sort_unstable_by(|a, b| a.crid.cmp(&b.crid));
    let ids: Vec<i64> = entries.iter().filter_map(|entry| entry.registration_id).collect();
    let ours = registrations_numbered(transaction, pool, &ids).await?;

    let mut changes = Changes::default();
    let (mut written, mut left) = (0, 0);
    for (keys, entry) in stored.iter().zip(entries) {
        let mut ours = ours.iter();
        let pair = AccountPair {
            provider: entry.profile.as_ref().map(|profile| profile.account.clone()),
            store: entry
                .registration_id
                .and_then(|id| ours.find(|ours| ours.registration_id == Some(id)).cloned()),
        };
        let mut row = Rows::default();
        match row.add(pool, &pair, entry.profile.as_ref(), &precedence) {
            Ok(()) if row.has_keys(keys) => {}
            Ok(()) => {
                written += 1;
                changes.again(entry);
            }
            Err(Trouble::Field(_)) => left += 1,
            Err(trouble) => return Err(trouble),
        }
    }
    settle(transaction, pool, &precedence, changes).await?;
    Ok((written, left))
}

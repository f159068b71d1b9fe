//! Recomputes the keys of mirror entries, which depend on a profile, a registration, or both.

use masthead_domain::tenant::PoolId;

use super::progress::{KeysMade, RefoldPosition};
use crate::{
    database::Transaction,
    mirror::{MirrorError, fold_again},
};

/// The number of rows per transaction.
const WINDOW: i64 = 1000;

/// Processes the next entries, all of one pool, and advances the position; `None` if none are left.
pub(super) async fn recompute_window(
    transaction: &mut Transaction,
    position: &RefoldPosition,
) -> Result<Option<KeysMade>, MirrorError> {
    let last = sqlx::query!(
        r#"WITH w AS (SELECT pool, crid FROM mirror_entries WHERE (pool, crid) > ($1, $2) ORDER BY pool, crid LIMIT $3)
           SELECT pool AS "pool!", crid AS "crid!" FROM w WHERE pool = (SELECT min(pool) FROM w) ORDER BY crid DESC LIMIT 1"#,
        position.entries_pool,
        position.entries_crid,
        WINDOW,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(last) = last else {
        return Ok(None);
    };
    let after = if last.pool == position.entries_pool {
        &*position.entries_crid
    } else {
        ""
    };
    let (entries, left) = fold_again(
        transaction,
        PoolId(last.pool),
        (after, &last.crid, WINDOW),
        &position.affected_pattern(),
    )
    .await?;
    sqlx::query!(
        "UPDATE stored_keys SET entries_pool = $1, entries_crid = $2",
        last.pool,
        last.crid
    )
    .execute(transaction)
    .await?;
    Ok(Some(KeysMade {
        entries,
        left,
        ..KeysMade::default()
    }))
}

//! The keys and tokens of the directories' entries, which are made of a profile, a registration, or both.

use masthead_domain::tenant::PoolId;

use super::{KeysMade, Place, Window, folds_otherwise};
use crate::{
    database::Transaction,
    directory::{Trouble, fold_again},
};

/// How many rows one transaction looks at.
const WINDOW: i64 = 1000;

/// Looks at the entries after the place, all of one pool, and moves it.
pub(super) async fn window(transaction: &mut Transaction, place: &Place) -> Result<Window, Trouble> {
    let last = sqlx::query!(
        r#"WITH w AS (SELECT pool, crid FROM directory_entries WHERE (pool, crid) > ($1, $2) ORDER BY pool, crid LIMIT $3)
           SELECT pool AS "pool!", crid AS "crid!" FROM w WHERE pool = (SELECT min(pool) FROM w) ORDER BY crid DESC LIMIT 1"#,
        place.entries_pool,
        place.entries_crid,
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
    let after = if last.pool == place.entries_pool {
        &*place.entries_crid
    } else {
        ""
    };
    let (entries, left) = fold_again(
        transaction,
        PoolId(last.pool),
        (after, &last.crid, WINDOW),
        &folds_otherwise(),
    )
    .await?;
    sqlx::query!(
        "UPDATE stored_keys SET entries_pool = $1, entries_crid = $2",
        last.pool,
        last.crid
    )
    .execute(transaction)
    .await?;
    Ok(Window {
        made: KeysMade {
            entries,
            left,
            ..KeysMade::default()
        },
        is_last: false,
    })
}

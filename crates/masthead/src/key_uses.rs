//! Writes when keys of workspaces were last used.

use std::{sync::Arc, time::Duration};

use masthead_subscribe_store::PgWorkspaces;
use tokio_util::sync::CancellationToken;

/// How often uses are written; of one key at most once an hour.
const EVERY: Duration = Duration::from_mins(1);

/// Writes from time to time, and the rest at the end.
pub(crate) async fn run(workspaces: Arc<PgWorkspaces>, end: CancellationToken) {
    loop {
        let ended = tokio::select! {
            () = end.cancelled() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        if let Err(error) = workspaces.write_key_uses(ended).await {
            tracing::warn!(
                reason = error.kind.name(),
                "the last uses of keys cannot be written for now"
            );
        }
        if ended {
            return;
        }
    }
}

//! A batch whose users are written while the batch before it is not committed (ADR 0147).

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use super::{
    error::BatchError,
    part::{PartContext, StoredPart, WrittenUsers},
    parts::ImportContext,
    pools::{lock, pools_of},
    row::{ImportRow, SeenBefore},
};
use crate::database::Transaction;

/// How long written users wait for the batch before. If it takes longer, they are rolled back: it may wait for the pool's lock, which
/// another import has that waits for these users' keys. Postgres cannot see that.
const PATIENCE: Duration = Duration::from_secs(5);

/// A batch whose users are being written, in a transaction of its own. Dropped, it is rolled back.
///
/// Only an import that changes no registrations may write ahead. Then rows of two batches never wait for each other: a row with a key of an
/// earlier row is not written, and what rows of several batches may share (the caller of events, pending registrations, entries of a
/// mirror) is written at the end, when the batch before is committed.
pub(super) struct BatchAhead {
    task: AbortOnDropHandle<Result<UsersAhead, BatchError>>,
    /// Sent when the batch before is committed.
    is_next: oneshot::Sender<()>,
}

struct UsersAhead {
    transaction: Transaction,
    users: WrittenUsers,
    mastered: HashSet<i64>,
}

impl BatchAhead {
    /// Starts to write the users. `mastered` are the pools of whose rows the addresses were compared with those of earlier rows.
    pub(super) fn start(
        import: Arc<ImportContext>,
        rows: Arc<[Option<ImportRow>]>,
        seen: Arc<[SeenBefore]>,
        mastered: HashSet<i64>,
    ) -> Self {
        let (is_next, committed) = oneshot::channel();
        let task = tokio::spawn(async move {
            let users = write_users(import, rows, seen, mastered).await?;
            match tokio::time::timeout(PATIENCE, committed).await {
                Ok(Ok(())) => Ok(users),
                Ok(Err(_)) | Err(_) => Err(BatchError::Conflict),
            }
        });
        Self {
            task: AbortOnDropHandle::new(task),
            is_next,
        }
    }

    /// Locks the pools, and writes what follows from the users; the batch before must be committed. A conflict if that is not what would
    /// have been written under the lock.
    pub(super) async fn end(
        self,
        import: &ImportContext,
        rows: &[Option<ImportRow>],
    ) -> Result<(Transaction, StoredPart), BatchError> {
        // The task may have ended.
        let _ = self.is_next.send(());
        let UsersAhead {
            mut transaction,
            users,
            mastered,
        } = self.task.await.map_err(|_| BatchError::Conflict)??;
        if lock(&mut transaction, &pools_of(rows)).await? != mastered {
            return Err(BatchError::Conflict);
        }
        let part = PartContext {
            import,
            mastered: &mastered,
        };
        let stored = part.end(&mut transaction, rows, users).await?;
        Ok((transaction, stored))
    }
}

async fn write_users(
    import: Arc<ImportContext>,
    rows: Arc<[Option<ImportRow>]>,
    seen: Arc<[SeenBefore]>,
    mastered: HashSet<i64>,
) -> Result<UsersAhead, BatchError> {
    let mut transaction = import.parts.pool.begin().await?;
    transaction.allow_long_statements().await?;
    let part = PartContext {
        import: &import,
        mastered: &mastered,
    };
    let users = part.write_users(&mut transaction, &rows, &seen, None).await?;
    Ok(UsersAhead {
        transaction,
        users,
        mastered,
    })
}

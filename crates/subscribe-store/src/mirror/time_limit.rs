//! Time limits of reading and writing the mirror.

use std::time::Duration;

use masthead_ports::source::CallContext;

use super::error::MirrorError;

/// Time limit of one transaction of a run.
const TRANSACTION: Duration = Duration::from_mins(1);

/// Stops a read at the call's deadline.
pub(super) async fn read_in_time<T>(
    cx: &CallContext,
    work: impl Future<Output = Result<T, MirrorError>>,
) -> Result<T, MirrorError> {
    tokio::time::timeout_at(cx.deadline.into(), work)
        .await
        .unwrap_or(Err(MirrorError::ReadTimeout))
}

/// Stops a write at the call's deadline.
pub(super) async fn write_in_time<T>(
    cx: &CallContext,
    work: impl Future<Output = Result<T, MirrorError>>,
) -> Result<T, MirrorError> {
    tokio::time::timeout_at(cx.deadline.into(), work)
        .await
        .unwrap_or(Err(MirrorError::WriteTimeout))
}

/// Stops one transaction of a run, which may outlive the call's deadline.
pub(super) async fn transaction_in_time<T>(
    work: impl Future<Output = Result<T, MirrorError>>,
) -> Result<T, MirrorError> {
    tokio::time::timeout(TRANSACTION, work)
        .await
        .unwrap_or(Err(MirrorError::WriteTimeout))
}

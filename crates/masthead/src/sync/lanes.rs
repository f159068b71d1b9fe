//! Concurrency limits of sync runs: tenants with a failing provider have a limit of their own.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One limit for tenants whose provider answers, and one of the same size for those whose provider fails. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct SyncLanes {
    answering: Arc<Semaphore>,
    failing: Arc<Semaphore>,
}

/// The permit of one run. It moves to the other lane when the provider begins to fail, or recovers.
#[derive(Debug)]
pub(super) struct SyncTurn {
    lanes: SyncLanes,
    failing: bool,
    permit: Option<OwnedSemaphorePermit>,
}

impl SyncLanes {
    pub(super) fn new(turns: usize) -> Self {
        Self {
            answering: Arc::new(Semaphore::new(turns)),
            failing: Arc::new(Semaphore::new(turns)),
        }
    }

    /// Waits for a permit of the lane for failing or answering providers. Permits are given in the order of waiting.
    pub(super) async fn turn(&self, failing: bool) -> SyncTurn {
        // Neither semaphore is ever closed.
        let permit = Arc::clone(self.lane(failing)).acquire_owned().await.ok();
        SyncTurn {
            lanes: self.clone(),
            failing,
            permit,
        }
    }

    const fn lane(&self, failing: bool) -> &Arc<Semaphore> {
        if failing { &self.failing } else { &self.answering }
    }
}

impl SyncTurn {
    /// Whether the run may continue, given whether the provider fails. A provider that begins to fail releases its permit at
    /// once and continues only if the failing lane has one. A provider that recovers keeps its permit until the other lane
    /// has one.
    pub(super) fn can_continue(&mut self, failing: bool) -> bool {
        if failing == self.failing {
            return self.permit.is_some();
        }
        let permit = Arc::clone(self.lanes.lane(failing)).try_acquire_owned().ok();
        if failing || permit.is_some() {
            (self.failing, self.permit) = (failing, permit);
        }
        self.permit.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn failing_tenant_releases_its_permit_at_once() {
        let lanes = SyncLanes::new(1);
        let mut first = lanes.turn(false).await;
        assert!(
            first.can_continue(false) && first.can_continue(true),
            "the other lane is free"
        );
        let mut second = lanes.turn(false).await;
        assert!(
            !second.can_continue(true),
            "the first one has the only permit of the other lane"
        );
        let third = lanes.turn(false).await;
        assert!(
            first.can_continue(false),
            "it keeps its permit while the third one runs"
        );
        drop(third);
        assert!(first.can_continue(false));
        let _fourth = lanes.turn(true).await;
    }
}

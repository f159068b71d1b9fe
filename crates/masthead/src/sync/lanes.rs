//! Turns: so many runs go on at a time, and tenants whose provider fails take theirs apart from all others.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many turns for tenants whose provider answers, and as many for those whose provider does not. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Lanes {
    answering: Arc<Semaphore>,
    failing: Arc<Semaphore>,
}

/// The turn of one run. It moves to the other lane when the provider begins to fail, or answers again.
#[derive(Debug)]
pub(super) struct Turn {
    lanes: Lanes,
    failing: bool,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lanes {
    pub(super) fn new(turns: usize) -> Self {
        Self {
            answering: Arc::new(Semaphore::new(turns)),
            failing: Arc::new(Semaphore::new(turns)),
        }
    }

    /// Waits for a turn in the lane of a tenant whose provider failed when it was last asked, or did not. Tenants come to
    /// their turns in the order in which they began to wait.
    pub(super) async fn turn(&self, failing: bool) -> Turn {
        // Neither semaphore is ever closed.
        let permit = Arc::clone(self.of(failing)).acquire_owned().await.ok();
        Turn {
            lanes: self.clone(),
            failing,
            permit,
        }
    }

    const fn of(&self, failing: bool) -> &Arc<Semaphore> {
        if failing { &self.failing } else { &self.answering }
    }
}

impl Turn {
    /// The provider fails or answers: whether the run may go on. A provider that begins to fail gives its turn to the others
    /// at once, and goes on only if its own lane has a turn to spare. One that answers again stays where it is until the
    /// other lane has one.
    pub(super) fn may_go_on(&mut self, failing: bool) -> bool {
        if failing == self.failing {
            return self.permit.is_some();
        }
        let permit = Arc::clone(self.lanes.of(failing)).try_acquire_owned().ok();
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
    async fn a_failing_tenant_gives_its_turn_to_the_answering_ones_at_once() {
        let lanes = Lanes::new(1);
        let mut first = lanes.turn(false).await;
        assert!(
            first.may_go_on(false) && first.may_go_on(true),
            "the other lane is free"
        );
        let mut second = lanes.turn(false).await;
        assert!(!second.may_go_on(true), "the first one has the other lane's only turn");
        let third = lanes.turn(false).await;
        assert!(first.may_go_on(false), "it keeps its turn while the third one goes on");
        drop(third);
        assert!(first.may_go_on(false));
        let _fourth = lanes.turn(true).await;
    }
}

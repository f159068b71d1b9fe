//! Keeping a run this process's while it goes on.

use std::{sync::Arc, time::Duration};

use masthead_domain::tenant::Tenant;
use masthead_ports::mirror::{RunError, SyncRun};
use tokio::time::sleep;

use super::{MirrorSync, context};

/// A lease is renewed when a third of it has passed, so that one renewal may fail.
const RENEWALS: u32 = 3;

/// While a transaction holds the directory it is tried so much more often, to be renewed as soon as that ends.
const MORE_OFTEN: u32 = 5;

impl MirrorSync {
    /// Renews the run's lease again and again; returns when another process has the run. A store that does not answer is
    /// asked again: what the run writes is refused there once it is another's.
    pub(super) async fn lease_is_lost(&self, tenant: &Arc<Tenant>, run: &SyncRun) {
        let pause = (run.lease / RENEWALS).max(Duration::from_millis(1));
        let mut next = pause;
        loop {
            sleep(next).await;
            next = match self.directory.renew_lease(&context(tenant, pause), run).await {
                Ok(true) => pause,
                Ok(false) => pause / MORE_OFTEN,
                Err(RunError::Lost) => return,
                Err(RunError::Source(error)) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, tenant = %tenant.id, "the run's lease is not renewed");
                    pause / MORE_OFTEN
                }
            };
        }
    }
}

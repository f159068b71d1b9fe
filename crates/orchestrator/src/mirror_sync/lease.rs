//! Renews the lease of a run while it continues.

use std::{sync::Arc, time::Duration};

use masthead_domain::tenant::Tenant;
use masthead_ports::mirror::{RunError, SyncRun, UserMirror};
use tokio::time::sleep;

use super::context::context;

/// The number of renewals per lease, so that a failed renewal does not lose it.
const RENEWALS: u32 = 3;

/// The number of attempts per renewal while a transaction locks the mirror.
const ATTEMPTS: u32 = 5;

/// Renews the lease until another process has resumed the run. An unavailable store is retried: it rejects writes of this
/// process once the run belongs to another.
pub(super) async fn renew_until_lost(mirror: &dyn UserMirror, tenant: &Arc<Tenant>, run: &SyncRun) {
    let pause = (run.lease / RENEWALS).max(Duration::from_millis(1));
    let mut next = pause;
    loop {
        sleep(next).await;
        next = match mirror.renew_lease(&context(tenant, pause), run).await {
            Ok(true) => pause,
            Ok(false) => pause / ATTEMPTS,
            Err(RunError::Lost) => return,
            Err(RunError::Source(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, tenant = %tenant.id, "the lease is not renewed");
                pause / ATTEMPTS
            }
        };
    }
}

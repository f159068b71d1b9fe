//! Sync runs: each updates a tenant's mirror and its metrics, log lines and health.

use std::{sync::Arc, time::Duration};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_orchestrator::{MirrorSync, RetryOptions, SyncOptions, SyncOutcome, SyncPreview, SyncProgress};
use masthead_ports::{
    clock::Clock,
    mirror::{MirrorStatus, RemovalBrake, UserMirror},
    scan::UserScans,
    source::{CallContext, Priority, SourceError},
};
use metrics::{counter, gauge};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::state::SyncStates;

/// How long a run belongs to this process without a renewal, which is tried every five seconds. When a process is killed,
/// another one can resume its run after this time.
const LEASE: Duration = Duration::from_secs(15);

/// How long a step may wait for its turn and its response.
const STEP_DEADLINE: Duration = Duration::from_mins(1);

/// How long the current step may still take when the process stops.
const GRACE: Duration = Duration::from_secs(5);

/// A manual run waits out consecutive failures for about two minutes before it gives up.
pub(crate) const MANUAL_RETRY: RetryOptions = RetryOptions {
    attempts: 8,
    first_pause: Duration::from_secs(1),
    longest_pause: Duration::from_mins(1),
};

/// A scheduled run ends after three consecutive failures, three seconds of pauses besides the calls, and is retried later.
/// A throttled call is waited out for as long as the provider requests.
pub(crate) const SCHEDULED_RETRY: RetryOptions = RetryOptions {
    attempts: 3,
    ..MANUAL_RETRY
};

/// How long reading the status of a mirror may take.
const STATUS_TIME_LIMIT: Duration = Duration::from_secs(30);

/// Makes sync runs and reports them. Cheap to clone.
#[derive(Clone)]
pub struct SyncRunner {
    sync: MirrorSync,
    mirror: Arc<dyn UserMirror>,
    states: SyncStates,
}

impl SyncRunner {
    /// Makes the runs of this process, whose name is `holder`, with [`MANUAL_RETRY`] or [`SCHEDULED_RETRY`] retries.
    pub(crate) fn new(
        mirror: Arc<dyn UserMirror>,
        scans: Arc<dyn UserScans>,
        clock: Arc<dyn Clock>,
        holder: Box<str>,
        full_every: Duration,
        retry: RetryOptions,
    ) -> Self {
        let options = SyncOptions {
            holder,
            lease: LEASE,
            full_every,
            page_deadline: STEP_DEADLINE,
            grace: GRACE,
            retry,
        };
        Self {
            sync: MirrorSync::new(Arc::clone(&mirror), scans, clock, options),
            mirror,
            states: SyncStates::default(),
        }
    }

    /// The state of each tenant's mirror, for readiness.
    pub(crate) fn states(&self) -> SyncStates {
        self.states.clone()
    }

    /// The status of the tenant's mirror; updates readiness and metrics too.
    pub(crate) async fn status(&self, tenant: &Arc<Tenant>) -> Result<Option<MirrorStatus>, SourceError> {
        let deadline = (Instant::now() + STATUS_TIME_LIMIT).into_std();
        let cx = CallContext::new(Arc::clone(tenant), deadline, Priority::Sync);
        let status = self.mirror.status(&cx).await?;
        if let Some(status) = &status {
            self.states.set_status(&tenant.id, status);
            let tenant = tenant.id.to_string();
            if let Some(as_of) = status.as_of {
                // Integral seconds since 1970 are exact in a float for a hundred million years.
                #[expect(clippy::cast_precision_loss, reason = "exact, see above")]
                gauge!("masthead_sync_last_success_timestamp_seconds", "tenant" => tenant.clone())
                    .set(as_of.unix_timestamp() as f64);
            }
            gauge!("masthead_sync_whole", "tenant" => tenant.clone()).set(f64::from(u8::from(status.whole)));
            gauge!("masthead_sync_braked", "tenant" => tenant).set(f64::from(u8::from(status.braked_at.is_some())));
        }
        Ok(status)
    }

    /// Starts or resumes a run; `on_progress` is called after each step.
    pub(crate) async fn run(
        &self,
        tenant: &Arc<Tenant>,
        brake: RemovalBrake,
        end: &CancellationToken,
        on_progress: &mut (dyn FnMut(&SyncProgress) + Send),
    ) -> (SyncProgress, SyncOutcome) {
        let begun = Instant::now();
        let running = RunningGauge::new(&self.states, &tenant.id);
        let mut last = SyncProgress::default();
        let mut record = |progress: &SyncProgress| {
            count(&tenant.id, &last, progress);
            last = *progress;
            on_progress(progress);
        };
        let outcome = self.sync.run(tenant, brake, end, &mut record).await;
        drop(running);
        log(&tenant.id, &last, &outcome, begun.elapsed());
        counter!("masthead_sync_runs_total", "tenant" => tenant.id.to_string(), "outcome" => outcome.name())
            .increment(1);
        self.states.set_outcome(&tenant.id, outcome.name());
        if let Err(error) = self.status(tenant).await {
            tracing::debug!(error = &error as &dyn std::error::Error, tenant = %tenant.id, "the status of the mirror cannot be read");
        }
        (last, outcome)
    }

    /// What a full run would change.
    pub(crate) async fn preview(
        &self,
        tenant: &Arc<Tenant>,
        end: &CancellationToken,
        on_progress: &mut (dyn FnMut(&SyncProgress) + Send),
    ) -> Result<SyncPreview, SyncOutcome> {
        self.sync.preview(tenant, end, on_progress).await
    }
}

/// Shows a run in metrics and readiness until it is dropped.
struct RunningGauge<'a> {
    states: &'a SyncStates,
    tenant: &'a TenantId,
}

impl<'a> RunningGauge<'a> {
    fn new(states: &'a SyncStates, tenant: &'a TenantId) -> Self {
        let running = Self { states, tenant };
        running.show(true);
        running
    }

    fn show(&self, running: bool) {
        self.states.set_running(self.tenant, running);
        gauge!("masthead_sync_running", "tenant" => self.tenant.to_string()).set(f64::from(u8::from(running)));
    }
}

impl Drop for RunningGauge<'_> {
    fn drop(&mut self) {
        self.show(false);
    }
}

fn count(tenant: &TenantId, before: &SyncProgress, now: &SyncProgress) {
    let tenant = tenant.to_string();
    counter!("masthead_sync_steps_total", "tenant" => tenant.clone()).increment(now.pages - before.pages);
    let (before, now) = (before.changes, now.changes);
    for (change, count) in [
        ("added", now.added - before.added),
        ("changed", now.changed - before.changed),
        ("unchanged", now.unchanged - before.unchanged),
        ("refused", now.refused - before.refused),
    ] {
        counter!("masthead_sync_users_total", "tenant" => tenant.clone(), "change" => change).increment(count);
    }
}

fn log(tenant: &TenantId, progress: &SyncProgress, outcome: &SyncOutcome, took: Duration) {
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let SyncProgress {
        pages: steps,
        seen,
        changes: taken,
        ..
    } = progress;
    match outcome {
        SyncOutcome::Finished(finished) if finished.braked => tracing::error!(
            tenant = %tenant,
            profiles = finished.profiles,
            missing = finished.missing,
            "more than 1 % of the provider's users are gone at once: none is removed until an operator releases the brake"
        ),
        SyncOutcome::Finished(finished) if !finished.whole => tracing::warn!(
            tenant = %tenant,
            steps,
            seen,
            expected = progress.expected,
            truncated = progress.truncated,
            refused = taken.refused,
            profiles = finished.profiles,
            duration_ms = took_ms,
            "the provider did not list every user, or some could not be stored: lists are stale, and no user is removed"
        ),
        SyncOutcome::Finished(finished) => tracing::info!(
            tenant = %tenant,
            steps,
            seen,
            added = taken.added,
            changed = taken.changed,
            refused = taken.refused,
            missing = finished.missing,
            removed = finished.removed,
            duration_ms = took_ms,
            "the mirror is up to date"
        ),
        SyncOutcome::Failed(error) => tracing::warn!(
            error = error as &dyn std::error::Error,
            tenant = %tenant,
            steps,
            seen,
            duration_ms = took_ms,
            "the sync is retried later"
        ),
        SyncOutcome::Elsewhere => tracing::debug!(
            tenant = %tenant,
            "the pool's mirror belongs to another provider or field precedence"
        ),
        SyncOutcome::Stopped | SyncOutcome::Lost | SyncOutcome::Busy { .. } | SyncOutcome::NoScan => {
            tracing::debug!(tenant = %tenant, outcome = outcome.name(), steps, seen, "the sync is over");
        }
    }
}

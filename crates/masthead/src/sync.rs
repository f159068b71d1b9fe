//! Keeping the directories up to date: each run with its metrics, its log lines and its alarm.

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

mod lanes;
mod schedule;
mod state;

pub(crate) use schedule::Schedule;
pub use state::{SyncHealth, SyncStates};

/// How long a run stays this process's without being renewed, which is tried every five seconds: so long after a process was
/// killed another one goes on with its run.
const LEASE: Duration = Duration::from_secs(15);

/// How long a step may wait for its turn and its answer.
const STEP_DEADLINE: Duration = Duration::from_mins(1);

/// How long a step under way may still take once the process is to end.
const GRACE: Duration = Duration::from_secs(5);

/// By hand, failures in a row are waited out for about two minutes; then the run is left to the next time.
const PATIENCE: RetryOptions = RetryOptions {
    tries: 8,
    first_pause: Duration::from_secs(1),
    longest_pause: Duration::from_mins(1),
};

/// A scheduled run ends its turn after three failures in a row, three seconds of pauses beside the calls themselves, and
/// comes back later. One throttled call is waited out for as long as the provider asks.
const SCHEDULED: RetryOptions = RetryOptions { tries: 3, ..PATIENCE };

/// How long the store may take to say how a directory stands.
const TO_STAND: Duration = Duration::from_secs(30);

/// Makes runs and tells of them. Cheap to clone.
#[derive(Clone)]
pub struct Syncs {
    sync: MirrorSync,
    directory: Arc<dyn UserMirror>,
    states: SyncStates,
}

impl Syncs {
    /// Over these, for runs by hand; `holder` is a name that no other process has.
    pub(crate) fn by_hand(
        directory: Arc<dyn UserMirror>,
        walks: Arc<dyn UserScans>,
        clock: Arc<dyn Clock>,
        holder: Box<str>,
        full_every: Duration,
    ) -> Self {
        Self::new(directory, walks, clock, holder, full_every, PATIENCE)
    }

    /// The same for scheduled runs, which leave a provider that fails for later.
    pub(crate) fn scheduled(
        directory: Arc<dyn UserMirror>,
        walks: Arc<dyn UserScans>,
        clock: Arc<dyn Clock>,
        holder: Box<str>,
        full_every: Duration,
    ) -> Self {
        Self::new(directory, walks, clock, holder, full_every, SCHEDULED)
    }

    fn new(
        directory: Arc<dyn UserMirror>,
        walks: Arc<dyn UserScans>,
        clock: Arc<dyn Clock>,
        holder: Box<str>,
        full_every: Duration,
        patience: RetryOptions,
    ) -> Self {
        let options = SyncOptions {
            holder,
            lease: LEASE,
            full_every,
            page_deadline: STEP_DEADLINE,
            grace: GRACE,
            patience,
        };
        Self {
            sync: MirrorSync::new(Arc::clone(&directory), walks, clock, options),
            directory,
            states: SyncStates::default(),
        }
    }

    /// What is known of each tenant's directory, for readiness.
    pub(crate) fn states(&self) -> SyncStates {
        self.states.clone()
    }

    /// How the tenant's directory stands; told to readiness and metrics too.
    pub(crate) async fn standing(&self, tenant: &Arc<Tenant>) -> Result<Option<MirrorStatus>, SourceError> {
        let deadline = (Instant::now() + TO_STAND).into_std();
        let cx = CallContext::new(Arc::clone(tenant), deadline, Priority::Sync);
        let standing = self.directory.status(&cx).await?;
        if let Some(standing) = &standing {
            self.states.stands(&tenant.id, standing);
            let tenant = tenant.id.to_string();
            if let Some(as_of) = standing.as_of {
                // Whole seconds since 1970 are exact in a float for a hundred million years.
                #[expect(clippy::cast_precision_loss, reason = "as said above")]
                gauge!("masthead_sync_last_success_timestamp_seconds", "tenant" => tenant.clone())
                    .set(as_of.unix_timestamp() as f64);
            }
            gauge!("masthead_sync_whole", "tenant" => tenant.clone()).set(f64::from(u8::from(standing.whole)));
            gauge!("masthead_sync_braked", "tenant" => tenant).set(f64::from(u8::from(standing.braked_at.is_some())));
        }
        Ok(standing)
    }

    /// Makes a run, or goes on with one; `told` hears of each step beside the metrics.
    pub(crate) async fn run(
        &self,
        tenant: &Arc<Tenant>,
        brake: RemovalBrake,
        end: &CancellationToken,
        told: &mut (dyn FnMut(&SyncProgress) + Send),
    ) -> (SyncProgress, SyncOutcome) {
        let begun = Instant::now();
        let running = Running::of(&self.states, &tenant.id);
        let mut last = SyncProgress::default();
        let mut tell = |progress: &SyncProgress| {
            count(&tenant.id, &last, progress);
            last = *progress;
            told(progress);
        };
        let outcome = self.sync.run(tenant, brake, end, &mut tell).await;
        drop(running);
        log(&tenant.id, &last, &outcome, begun.elapsed());
        counter!("masthead_sync_runs_total", "tenant" => tenant.id.to_string(), "outcome" => outcome.name())
            .increment(1);
        self.states.ended(&tenant.id, outcome.name());
        if let Err(error) = self.standing(tenant).await {
            tracing::debug!(error = &error as &dyn std::error::Error, tenant = %tenant.id, "the directory does not say how it stands");
        }
        (last, outcome)
    }

    /// What a run about everything would change.
    pub(crate) async fn preview(
        &self,
        tenant: &Arc<Tenant>,
        end: &CancellationToken,
        told: &mut (dyn FnMut(&SyncProgress) + Send),
    ) -> Result<SyncPreview, SyncOutcome> {
        self.sync.preview(tenant, end, told).await
    }
}

/// A run under way, as metrics and readiness show it until it is dropped.
struct Running<'a> {
    states: &'a SyncStates,
    tenant: &'a TenantId,
}

impl<'a> Running<'a> {
    fn of(states: &'a SyncStates, tenant: &'a TenantId) -> Self {
        let running = Self { states, tenant };
        running.show(true);
        running
    }

    fn show(&self, running: bool) {
        self.states.runs(self.tenant, running);
        gauge!("masthead_sync_running", "tenant" => self.tenant.to_string()).set(f64::from(u8::from(running)));
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.show(false);
    }
}

fn count(tenant: &TenantId, before: &SyncProgress, now: &SyncProgress) {
    let tenant = tenant.to_string();
    counter!("masthead_sync_steps_total", "tenant" => tenant.clone()).increment(now.steps - before.steps);
    let (before, now) = (before.taken, now.taken);
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
    let SyncProgress { steps, seen, taken, .. } = progress;
    match outcome {
        SyncOutcome::Finished(finished) if finished.braked => tracing::error!(
            tenant = %tenant,
            profiles = finished.profiles,
            missing = finished.missing,
            "more than 1 % of the provider's users are gone at once: nothing is removed until an operator says so"
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
            "the provider did not show every user, or some could not be kept: lists are stale, and nobody is removed"
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
            "the directory is up to date"
        ),
        SyncOutcome::Failed(error) => tracing::warn!(
            error = error as &dyn std::error::Error,
            tenant = %tenant,
            steps,
            seen,
            duration_ms = took_ms,
            "the sync is left for later"
        ),
        SyncOutcome::Elsewhere => tracing::debug!(
            tenant = %tenant,
            "the pool's directory serves another provider or field precedence"
        ),
        SyncOutcome::Stopped | SyncOutcome::Lost | SyncOutcome::Busy { .. } | SyncOutcome::NoScan => {
            tracing::debug!(tenant = %tenant, outcome = outcome.name(), steps, seen, "the sync is over");
        }
    }
}

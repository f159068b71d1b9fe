//! Bringing a tenant's directory up to date: step by step through the provider's users, patiently, and from where it was left.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::tenant::Tenant;
use masthead_ports::{
    clock::Clock,
    mirror::{RemovalBrake, RunSummary, StartOutcome, StartRun, SyncRun, UserMirror},
    scan::{ScanCursor, ScanExtent, ScanPage, UserScan, UserScans},
    source::{CallContext, Priority, SourceError},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

mod lease;
mod outcome;
mod patience;
mod preview;

pub use outcome::{SyncOutcome, SyncPreview, SyncProgress};
pub use patience::RetryOptions;

use patience::Patience;

/// How long the store may take to keep a step.
const TO_KEEP: Duration = Duration::from_mins(1);

/// How long it may take to begin or to end a run, which touches every row of a pool.
const TO_BEGIN_OR_END: Duration = Duration::from_mins(30);

/// How runs are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncOptions {
    /// The name of this process, as no other has it: a run that it holds is not another's.
    pub holder: Box<str>,
    /// How long a run stays this process's without being renewed; it is renewed three times as often while the run goes on.
    pub lease: Duration,
    /// How long after a run about everything the runs are about changes alone.
    pub full_every: Duration,
    /// How long a step may take, waiting for its turn in the provider's budget included.
    pub page_deadline: Duration,
    /// How long a step that is under way may still take when all is to stop.
    pub grace: Duration,
    /// How failures are waited out.
    pub patience: RetryOptions,
}

/// Makes runs. Cheap to clone.
#[derive(Clone)]
pub struct MirrorSync {
    directory: Arc<dyn UserMirror>,
    walks: Arc<dyn UserScans>,
    clock: Arc<dyn Clock>,
    options: Arc<SyncOptions>,
}

/// The step that is to be made.
#[derive(Clone, Copy)]
struct On<'a> {
    scope: ScanExtent,
    from: Option<&'a ScanCursor>,
}

/// Why the way does not go on, for now.
enum Halt {
    Stopped,
    Failed(SourceError),
    Lost,
}

impl MirrorSync {
    /// Over these.
    #[must_use]
    pub fn new(
        directory: Arc<dyn UserMirror>,
        walks: Arc<dyn UserScans>,
        clock: Arc<dyn Clock>,
        options: SyncOptions,
    ) -> Self {
        Self {
            directory,
            walks,
            clock,
            options: Arc::new(options),
        }
    }

    /// Makes a run, or goes on with one that was left, and tells of each step that is kept, and of each call to the provider
    /// that failed. It ends when all users were
    /// seen, when `end` is told, or when it fails and goes on failing; what it has kept until then stays, and the next one
    /// goes on from there.
    ///
    /// Every call to the provider has [`Priority::Sync`]: it waits for the more urgent.
    pub async fn run(
        &self,
        tenant: &Arc<Tenant>,
        brake: RemovalBrake,
        end: &CancellationToken,
        told: &mut (dyn FnMut(&SyncProgress) + Send),
    ) -> SyncOutcome {
        let Some(walk) = self.walks.for_tenant(tenant) else {
            return SyncOutcome::NoScan;
        };
        let run = match self.begun(tenant, &*walk, end).await {
            Ok(StartOutcome::Run(run)) => run,
            Ok(StartOutcome::Busy { left }) => return SyncOutcome::Busy { left },
            Ok(StartOutcome::Elsewhere) => return SyncOutcome::Elsewhere,
            Err(halt) => return halt.into(),
        };
        let mut progress = SyncProgress {
            resumed: run.resumed,
            ..SyncProgress::default()
        };
        let going = async {
            self.all_the_way(tenant, &*walk, &run, end, &mut progress, told).await?;
            self.finished(tenant, &run, brake, end).await
        };
        // Another process that has taken the run up ends it here at once: nothing more is asked of the provider.
        let finished = tokio::select! {
            finished = going => finished,
            () = self.lease_is_lost(tenant, &run) => Err(Halt::Lost),
        };
        match finished {
            Ok(finished) => SyncOutcome::Finished(finished),
            Err(halt) => self.left(tenant, &run, halt).await,
        }
    }

    async fn all_the_way(
        &self,
        tenant: &Arc<Tenant>,
        walk: &dyn UserScan,
        run: &SyncRun,
        end: &CancellationToken,
        progress: &mut SyncProgress,
        told: &mut (dyn FnMut(&SyncProgress) + Send),
    ) -> Result<(), Halt> {
        if run.walked {
            return Ok(());
        }
        let mut place = run.place.clone();
        loop {
            // Not before the run's beginning, also where another machine's clock is ahead: who is seen is not missing.
            let as_of = self.clock.now().max(run.started);
            let on = On {
                scope: run.scope,
                from: place.as_ref(),
            };
            let step = self.stepped(tenant, walk, on, end, progress, told).await?;
            let mut patience = Patience::new(self.options.patience);
            let taken = loop {
                let cx = context(tenant, TO_KEEP);
                match self.directory.record_page(&cx, run, &step, as_of).await {
                    Ok(taken) => break taken,
                    // The step is kept in mind: asking the provider for it once more would be a call without need.
                    Err(error) => patience.after_run(error, end).await?,
                }
            };
            progress.add(&step, taken);
            told(progress);
            place = step.next;
            if place.is_none() && !taken.again {
                return Ok(());
            }
        }
    }

    /// One step, with all the patience that it takes.
    async fn stepped(
        &self,
        tenant: &Arc<Tenant>,
        walk: &dyn UserScan,
        on: On<'_>,
        end: &CancellationToken,
        progress: &mut SyncProgress,
        told: &mut (dyn FnMut(&SyncProgress) + Send),
    ) -> Result<ScanPage, Halt> {
        let mut patience = Patience::new(self.options.patience);
        loop {
            if end.is_cancelled() {
                return Err(Halt::Stopped);
            }
            let cx = context(tenant, self.options.page_deadline);
            let mut step = std::pin::pin!(walk.fetch_page(&cx, on.scope, on.from));
            let answer = tokio::select! {
                answer = step.as_mut() => answer,
                // A call that has left us is worth its answer.
                () = end.cancelled() => timeout(self.options.grace, step).await.map_err(|_| Halt::Stopped)?,
            };
            match answer {
                Ok(step) => return Ok(step),
                Err(error) => {
                    progress.failures += 1;
                    told(progress);
                    patience.after(error, end).await?;
                }
            }
        }
    }

    async fn begun(
        &self,
        tenant: &Arc<Tenant>,
        walk: &dyn UserScan,
        end: &CancellationToken,
    ) -> Result<StartOutcome, Halt> {
        let full_every = if walk.can_list_changes() {
            self.options.full_every
        } else {
            Duration::ZERO
        };
        let mut patience = Patience::new(self.options.patience);
        loop {
            let beginning = StartRun {
                holder: &self.options.holder,
                at: self.clock.now(),
                lease: self.options.lease,
                full_every,
            };
            match self
                .directory
                .start_run(&context(tenant, TO_BEGIN_OR_END), beginning)
                .await
            {
                Ok(begun) => return Ok(begun),
                Err(error) => patience.after(error, end).await?,
            }
        }
    }

    async fn finished(
        &self,
        tenant: &Arc<Tenant>,
        run: &SyncRun,
        brake: RemovalBrake,
        end: &CancellationToken,
    ) -> Result<RunSummary, Halt> {
        let mut patience = Patience::new(self.options.patience);
        loop {
            let cx = context(tenant, TO_BEGIN_OR_END);
            match self.directory.finish_run(&cx, run, self.clock.now(), brake).await {
                Ok(finished) => return Ok(finished),
                Err(error) => patience.after_run(error, end).await?,
            }
        }
    }

    /// Leaves a run for others to take up.
    async fn left(&self, tenant: &Arc<Tenant>, run: &SyncRun, halt: Halt) -> SyncOutcome {
        if !matches!(halt, Halt::Lost)
            && let Err(error) = self.directory.release_run(&context(tenant, TO_KEEP), run).await
        {
            // Its lease ends by itself.
            tracing::debug!(error = &error as &dyn std::error::Error, tenant = %tenant.id, "the run is not given up");
        }
        halt.into()
    }
}

impl From<Halt> for SyncOutcome {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Stopped => Self::Stopped,
            Halt::Failed(error) => Self::Failed(error),
            Halt::Lost => Self::Lost,
        }
    }
}

fn context(tenant: &Arc<Tenant>, patience: Duration) -> CallContext {
    let deadline = Instant::now() + patience;
    CallContext::new(Arc::clone(tenant), deadline, Priority::Sync)
}

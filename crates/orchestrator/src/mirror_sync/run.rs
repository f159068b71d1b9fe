//! One sync run of a tenant.

use std::{sync::Arc, time::Duration};

use masthead_domain::tenant::Tenant;
use masthead_ports::{
    clock::Clock,
    mirror::{RemovalBrake, RunSummary, StartOutcome, StartRun, SyncRun, UserMirror},
    scan::{ScanCursor, ScanExtent, ScanPage, UserScan, UserScans},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    context::{RECORD_LIMIT, START_OR_FINISH_LIMIT, context},
    lease::renew_until_lost,
    options::SyncOptions,
    outcome::{Halt, SyncOutcome, SyncProgress},
    retry::Retry,
};

/// Receives the progress after each recorded page and each failed call.
pub(super) type OnProgress<'a> = &'a mut (dyn FnMut(&SyncProgress) + Send);

/// Makes sync runs. Cheap to clone.
#[derive(Clone)]
pub struct MirrorSync {
    pub(super) mirror: Arc<dyn UserMirror>,
    pub(super) scans: Arc<dyn UserScans>,
    clock: Arc<dyn Clock>,
    pub(super) options: Arc<SyncOptions>,
}

/// The page to fetch.
#[derive(Clone, Copy)]
pub(super) struct PageRequest<'a> {
    pub(super) extent: ScanExtent,
    pub(super) from: Option<&'a ScanCursor>,
}

impl MirrorSync {
    /// Syncs from these scans into this mirror.
    #[must_use]
    pub fn new(
        mirror: Arc<dyn UserMirror>,
        scans: Arc<dyn UserScans>,
        clock: Arc<dyn Clock>,
        options: SyncOptions,
    ) -> Self {
        Self {
            mirror,
            scans,
            clock,
            options: Arc::new(options),
        }
    }

    /// Makes a run, or resumes an unfinished one, and reports its progress. The run ends after the last page, when `end` is
    /// cancelled, or after repeated failures. Recorded pages are kept, and the next run resumes after them.
    ///
    /// Every call to the provider has [`Priority::Sync`](masthead_ports::source::Priority::Sync).
    pub async fn run(
        &self,
        tenant: &Arc<Tenant>,
        brake: RemovalBrake,
        end: &CancellationToken,
        on_progress: &mut (dyn FnMut(&SyncProgress) + Send),
    ) -> SyncOutcome {
        let Some(scan) = self.scans.for_tenant(tenant) else {
            return SyncOutcome::NoScan;
        };
        let run = match self.start(tenant, &*scan, end).await {
            Ok(StartOutcome::Run(run)) => run,
            Ok(StartOutcome::Busy { left }) => return SyncOutcome::Busy { left },
            Ok(StartOutcome::Elsewhere) => return SyncOutcome::Elsewhere,
            Err(halt) => return halt.into(),
        };
        let mut progress = SyncProgress {
            resumed: run.resumed,
            ..SyncProgress::default()
        };
        let all_pages = async {
            self.record_all_pages(tenant, &*scan, &run, end, &mut progress, on_progress)
                .await?;
            self.finish(tenant, &run, brake, end).await
        };
        // When another process has resumed the run, this one stops calling the provider immediately.
        let finished = tokio::select! {
            finished = all_pages => finished,
            () = renew_until_lost(&*self.mirror, tenant, &run) => Err(Halt::Lost),
        };
        match finished {
            Ok(summary) => SyncOutcome::Finished(summary),
            Err(halt) => self.release(tenant, &run, halt).await,
        }
    }

    async fn record_all_pages(
        &self,
        tenant: &Arc<Tenant>,
        scan: &dyn UserScan,
        run: &SyncRun,
        end: &CancellationToken,
        progress: &mut SyncProgress,
        on_progress: OnProgress<'_>,
    ) -> Result<(), Halt> {
        if run.scanned {
            return Ok(());
        }
        let mut cursor = run.cursor.clone();
        loop {
            // Not before the start of the run, even if the clock of another machine is ahead: users found are not missing.
            let as_of = self.clock.now().max(run.started);
            let request = PageRequest {
                extent: run.extent,
                from: cursor.as_ref(),
            };
            let page = self
                .fetch_page(tenant, scan, request, end, progress, on_progress)
                .await?;
            let mut retry = Retry::new(self.options.retry);
            let changes = loop {
                let cx = context(tenant, RECORD_LIMIT);
                match self.mirror.record_page(&cx, run, &page, as_of).await {
                    Ok(changes) => break changes,
                    // The page is kept in memory: no second call to the provider is needed.
                    Err(error) => retry.pause_after_run_error(error, end).await?,
                }
            };
            progress.add_recorded(&page, changes);
            on_progress(progress);
            cursor = page.next;
            if cursor.is_none() && !changes.again {
                return Ok(());
            }
        }
    }

    /// Fetches one page, with retries.
    pub(super) async fn fetch_page(
        &self,
        tenant: &Arc<Tenant>,
        scan: &dyn UserScan,
        request: PageRequest<'_>,
        end: &CancellationToken,
        progress: &mut SyncProgress,
        on_progress: OnProgress<'_>,
    ) -> Result<ScanPage, Halt> {
        let mut retry = Retry::new(self.options.retry);
        loop {
            if end.is_cancelled() {
                return Err(Halt::Stopped);
            }
            let cx = context(tenant, self.options.page_deadline);
            let mut page = std::pin::pin!(scan.fetch_page(&cx, request.extent, request.from));
            let answer = tokio::select! {
                answer = page.as_mut() => answer,
                // A running call is not wasted.
                () = end.cancelled() => timeout(self.options.grace, page).await.map_err(|_| Halt::Stopped)?,
            };
            match answer {
                Ok(page) => return Ok(page),
                Err(error) => {
                    progress.failures += 1;
                    on_progress(progress);
                    retry.pause_after(error, end).await?;
                }
            }
        }
    }

    async fn start(
        &self,
        tenant: &Arc<Tenant>,
        scan: &dyn UserScan,
        end: &CancellationToken,
    ) -> Result<StartOutcome, Halt> {
        let full_every = if scan.can_list_changes() {
            self.options.full_every
        } else {
            Duration::ZERO
        };
        let mut retry = Retry::new(self.options.retry);
        loop {
            let start = StartRun {
                holder: &self.options.holder,
                at: self.clock.now(),
                lease: self.options.lease,
                full_every,
            };
            let cx = context(tenant, START_OR_FINISH_LIMIT);
            match self.mirror.start_run(&cx, start).await {
                Ok(outcome) => return Ok(outcome),
                Err(error) => retry.pause_after(error, end).await?,
            }
        }
    }

    async fn finish(
        &self,
        tenant: &Arc<Tenant>,
        run: &SyncRun,
        brake: RemovalBrake,
        end: &CancellationToken,
    ) -> Result<RunSummary, Halt> {
        let mut retry = Retry::new(self.options.retry);
        loop {
            let cx = context(tenant, START_OR_FINISH_LIMIT);
            match self.mirror.finish_run(&cx, run, self.clock.now(), brake).await {
                Ok(summary) => return Ok(summary),
                Err(error) => retry.pause_after_run_error(error, end).await?,
            }
        }
    }

    /// Releases a run for other processes.
    async fn release(&self, tenant: &Arc<Tenant>, run: &SyncRun, halt: Halt) -> SyncOutcome {
        if !matches!(halt, Halt::Lost)
            && let Err(error) = self.mirror.release_run(&context(tenant, RECORD_LIMIT), run).await
        {
            // The lease expires anyway.
            tracing::debug!(error = &error as &dyn std::error::Error, tenant = %tenant.id, "the run is not released");
        }
        halt.into()
    }
}

//! The progress and the outcome of a sync run.

use std::time::Duration;

use masthead_ports::{
    mirror::{ChangeCounts, RunSummary},
    scan::ScanPage,
    source::SourceError,
};

/// The progress of a run in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncProgress {
    /// It continues an unfinished run, so that its numbers are not those of the whole run.
    pub resumed: bool,
    /// The number of pages.
    pub pages: u64,
    /// The number of accounts on them, possibly repeated.
    pub seen: u64,
    /// The changes of all pages.
    pub changes: ChangeCounts,
    /// The number of accounts of a scan, as the provider reports it.
    pub expected: Option<u64>,
    /// The provider had users that it did not return.
    pub truncated: bool,
    /// The number of failed calls to the provider since the last recorded page.
    pub failures: u32,
}

impl SyncProgress {
    pub(super) fn add_recorded(&mut self, page: &ScanPage, changes: ChangeCounts) {
        self.add_page(page);
        self.changes.added += changes.added;
        self.changes.changed += changes.changed;
        self.changes.unchanged += changes.unchanged;
        self.changes.refused += changes.refused;
    }

    pub(super) fn add_page(&mut self, page: &ScanPage) {
        self.pages += 1;
        self.failures = 0;
        self.seen += page.accounts.len() as u64;
        self.expected = page.expected.or(self.expected);
        self.truncated |= page.truncated;
    }
}

/// How a run ended in this process.
#[derive(Debug)]
pub enum SyncOutcome {
    /// The run is finished.
    Finished(RunSummary),
    /// The run was stopped; the next run resumes it.
    Stopped,
    /// The provider or the store failed for too long; the next run resumes it.
    Failed(SourceError),
    /// Another process has resumed the run.
    Lost,
    /// Another process holds the run.
    Busy {
        /// How long its lease lasts without a renewal.
        left: Duration,
    },
    /// The mirror of the pool serves a tenant with another provider or merge precedence.
    Elsewhere,
    /// The tenant has no provider that can be scanned.
    NoScan,
}

impl SyncOutcome {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Finished(summary) if summary.braked => "braked",
            Self::Finished(_) => "finished",
            Self::Stopped => "stopped",
            Self::Failed(_) => "failed",
            Self::Lost => "lost",
            Self::Busy { .. } => "busy",
            Self::Elsewhere => "elsewhere",
            Self::NoScan => "no_walk",
        }
    }
}

/// What a full run would change; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncPreview {
    /// The number of different users of the provider.
    pub seen: u64,
    /// The changes that the run would make.
    pub changes: ChangeCounts,
    /// The number of profiles in the mirror.
    pub profiles: u64,
    /// The number of profiles that the scan did not find; `None` if the scan was incomplete.
    pub missing: Option<u64>,
}

/// Why a run does not continue in this process.
pub(super) enum Halt {
    Stopped,
    Failed(SourceError),
    Lost,
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

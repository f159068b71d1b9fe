//! What is told of a run: on the way, and at its end.

use std::time::Duration;

use masthead_ports::{
    mirror::{ChangeCounts, RunSummary},
    scan::ScanPage,
    source::SourceError,
};
/// How far a run is, since this process has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncProgress {
    /// It goes on with what another run has left, so that its numbers are not all.
    pub resumed: bool,
    /// How many steps were made.
    pub steps: u64,
    /// How many accounts they showed; some may be there twice.
    pub seen: u64,
    /// What the steps have changed, added up.
    pub taken: ChangeCounts,
    /// How many accounts the provider says that all steps of a pass come to.
    pub expected: Option<u64>,
    /// The provider had users whom it did not show.
    pub truncated: bool,
    /// How many calls to the provider have failed since the last step that was kept.
    pub failures: u32,
}

impl SyncProgress {
    pub(super) fn add(&mut self, step: &ScanPage, taken: ChangeCounts) {
        self.shown(step);
        self.taken.added += taken.added;
        self.taken.changed += taken.changed;
        self.taken.unchanged += taken.unchanged;
        self.taken.refused += taken.refused;
    }

    pub(super) fn shown(&mut self, step: &ScanPage) {
        self.steps += 1;
        self.failures = 0;
        self.seen += step.accounts.len() as u64;
        self.expected = step.expected.or(self.expected);
        self.truncated |= step.truncated;
    }
}

/// How a run ended for this process.
#[derive(Debug)]
pub enum SyncOutcome {
    /// All users were seen.
    Finished(RunSummary),
    /// It was told to stop; the next run goes on from there.
    Stopped,
    /// The provider or the store gave no usable answer for too long; the next run goes on from there.
    Failed(SourceError),
    /// Another process has taken the run up.
    Lost,
    /// Another process is at it.
    Busy {
        /// How long its lease still lasts unless it is renewed.
        left: Duration,
    },
    /// The pool's directory serves a tenant with another provider or field precedence.
    Elsewhere,
    /// The tenant has no provider that can be gone through.
    NoScan,
}

impl SyncOutcome {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Finished(finished) if finished.braked => "braked",
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

/// What a run about everything would change; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncPreview {
    /// How many different users the provider has.
    pub seen: u64,
    /// What would be new, different, the same, and not kept.
    pub would: ChangeCounts,
    /// How many profiles the directory has.
    pub profiles: u64,
    /// How many of them the provider did not show; `None` when it did not show everybody.
    pub missing: Option<u64>,
}

//! What the export needs: its use case, its workspaces and their rate limits.

use std::sync::Arc;

use masthead_orchestrator::ExportUsers;
use masthead_ports::workspaces::Workspaces;

use super::rate::RateLimits;

/// The use case and the ports behind the export. One for all threads: its rate limits count once per process.
pub struct ExportState {
    pub(super) export: ExportUsers,
    pub(super) workspaces: Arc<dyn Workspaces>,
    pub(super) rates: RateLimits,
}

impl ExportState {
    /// Wires the export, with fresh rate limits.
    #[must_use]
    pub fn new(export: ExportUsers, workspaces: Arc<dyn Workspaces>) -> Self {
        Self {
            export,
            workspaces,
            rates: RateLimits::default(),
        }
    }
}

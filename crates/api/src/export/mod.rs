//! The customers export: a second front door on the same users, for the marketing jobs that speak the bulk "Get User"
//! contract (`docs/api.md`).
//!
//! No rule of the reads is written here: this is credentials, limits, names of attributes and the shape of answers.

mod attributes;
mod body;
mod credentials;
mod error;
mod handlers;
pub(crate) mod openapi;
mod rate;
pub(crate) mod schemas;
mod view;

use std::sync::Arc;

use masthead_orchestrator::ExportUsers;
use masthead_ports::workspaces::Workspaces;

pub(crate) use attributes::TABLE as ATTRIBUTES;
#[cfg(test)]
pub(crate) use body::TYPES;
pub(crate) use error::refuse;
pub(crate) use handlers::export;

/// The patterns of its addresses; the second is the older one, which names the workspace.
pub(crate) const ADDRESSES: [&str; 3] = [
    "/v1/customers/export",
    "/v1/users/export/{workspace}",
    // Refused for want of a workspace, in its own words.
    "/v1/users/export",
];

/// Where its addresses begin.
const BASES: [&str; 2] = ["/v1/customers/export", "/v1/users/export"];

/// Whether this path is one of the export's or lies below one, so that its refusals have its shape.
pub(crate) fn is_address(path: &str) -> bool {
    BASES.iter().any(|base| {
        path.strip_prefix(base)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The use case and the ports behind the export.
pub struct ExportState {
    export: ExportUsers,
    workspaces: Arc<dyn Workspaces>,
    rates: rate::Rates,
}

impl ExportState {
    /// Wires the export. Nobody has used up anything yet.
    #[must_use]
    pub fn new(export: ExportUsers, workspaces: Arc<dyn Workspaces>) -> Self {
        Self {
            export,
            workspaces,
            rates: rate::Rates::default(),
        }
    }
}

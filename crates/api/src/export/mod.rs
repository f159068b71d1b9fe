//! The customers export: a second API over the same users, for marketing jobs that use the bulk "Get User" contract
//! (`docs/api.md`).
//!
//! It has credentials, limits, names of attributes and the shape of responses, and no rule of the reads.

pub(crate) mod attributes;
pub(crate) mod body;
mod credentials;
pub(crate) mod error;
pub(crate) mod handlers;
mod rate;
pub(crate) mod state;
pub(crate) mod view;

/// The patterns of its paths; the second is the older one, which names the workspace.
pub(crate) const PATTERNS: [&str; 3] = [
    "/v1/customers/export",
    "/v1/users/export/{workspace}",
    // Refused with a published error, since it names no workspace.
    "/v1/users/export",
];

/// Its paths; everything below them belongs to it.
pub(crate) const BASES: [&str; 2] = ["/v1/customers/export", "/v1/users/export"];

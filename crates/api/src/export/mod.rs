//! The customers export: a second API over the same users, for marketing jobs that use the bulk "Get User" contract
//! (`docs/api.md`).
//!
//! It has its own credentials, limits, attribute names and response format; the rules by which users are read are not
//! here.

pub(crate) mod attributes;
pub(crate) mod body;
mod credentials;
pub(crate) mod error;
pub(crate) mod handlers;
mod rate;
pub(crate) mod state;
pub(crate) mod view;

/// The path patterns of the export; the second is the older one, with the workspace in its path.
pub(crate) const PATTERNS: [&str; 3] = [
    "/v1/customers/export",
    "/v1/users/export/{workspace}",
    // Rejected with a published error, since it contains no workspace.
    "/v1/users/export",
];

/// The base paths of the export: errors at and below them have its format, even where the path is unknown.
pub(crate) const BASES: [&str; 2] = ["/v1/customers/export", "/v1/users/export"];

//! The v4 user family: operations, parameters, codes, envelopes and views (contract §2, §3.1).

pub(crate) mod audit;
pub(crate) mod audit_error;
pub(crate) mod code;
pub(crate) mod cursor;
pub(crate) mod envelope;
pub(crate) mod error;
pub(crate) mod etag;
pub(crate) mod export;
pub(crate) mod fields;
pub(crate) mod handlers;
pub(crate) mod operation;
pub(crate) mod parameters;
pub(crate) mod report;
mod report_page;
pub(crate) mod state;
pub(crate) mod view;
pub(crate) mod write_error;
pub(crate) mod writes;

/// The path of the audit log.
pub(crate) const AUDIT: &str = "/v4/Audit";

/// The paths of the user family; a trailing slash is accepted everywhere (contract §1).
pub(crate) const BASES: [&str; 4] = [
    "/v4/Users",
    "/Users",
    "/UsersOrchestrator/v4/Users",
    "/UsersOrchestrator/Users",
];

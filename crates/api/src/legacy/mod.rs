//! The legacy User API (PascalCase), for clients that have not migrated: a second view of the same use cases (contract
//! §3.3).
//!
//! It has parameters, names and envelopes, and no rule of the reads. One table of fields and one of parameters drive the
//! responses, the OpenAPI document and `docs/migration.md`.

pub(crate) mod envelope;
pub(crate) mod error;
pub(crate) mod fields;
pub(crate) mod handlers;
pub(crate) mod operation;
pub(crate) mod parameters;
mod request;
pub(crate) mod systems;
pub(crate) mod view;
pub(crate) mod writes;

/// The path of the legacy API; everything below it belongs to it. A trailing slash is accepted everywhere.
pub(crate) const BASE: &str = "/User";

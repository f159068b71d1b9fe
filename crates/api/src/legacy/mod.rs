//! The legacy User API (PascalCase), for callers that have not migrated: another view over the same use cases (contract
//! §3.3).
//!
//! No rule of the reads is written here: this is parameters, names and envelopes. One table of fields and one of
//! parameters drive the answers, OpenAPI and `docs/migration.md`.

mod answer;
pub(crate) mod calls;
mod fields;
mod given;
mod handlers;
#[cfg(test)]
mod migration_md;
pub(crate) mod openapi;
mod parameters;
mod request;
mod systems;
mod view;

pub(crate) use answer::refuse;
pub(crate) use handlers::read;

/// Where the legacy API is found; a trailing slash is taken everywhere.
const BASE: &str = "/User";

/// The patterns of its addresses.
pub(crate) const ADDRESSES: [&str; 3] = ["/User", "/User/{first}", "/User/{first}/{type}"];

/// Whether this path is one of the legacy API's, so that its refusals have its shape.
pub(crate) fn is_address(path: &str) -> bool {
    path.strip_prefix(BASE)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

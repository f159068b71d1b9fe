//! The store on a real Postgres, which `masthead-dev-postgres` finds or starts.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test's helpers may panic as tests do, and a measurement prints"
)]

mod contract;
mod directory;
mod directory_joins;
mod events;
mod held_up;
mod import;
mod isolation;
mod measure;
mod names;
mod plans;
mod pooler;
mod properties;
mod readers;
mod repairs;
mod restart;
mod support;
mod synchronise;
mod tenants;
mod time_limits;
mod upgrade;
mod workspaces;
